"""The parts of one class: its typical items, and its best cut into two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.spaces import search_all_pairs, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

_N_NEIGHBORS = 15
_LEAST_PART = 0.05  # share of the items in the smaller part
_N_COMPONENTS = 50


def choose_exemplars(
    values: NDArray[np.float32], weights: NDArray[np.float32], n_exemplars: int
) -> tuple[NDArray[np.intp], float]:
    """Choose items such that every item is similar to an exemplar (greedy facility location).

    Parameters
    ----------
    values : ndarray of float32, shape (m, c)
    weights : ndarray of float32, shape (m,)
        The importance of each item.
    n_exemplars : int

    Returns
    -------
    exemplars : ndarray of intp, shape (min(n_exemplars, m),)
        The most representative item first.
    coverage : float
        The mean cosine similarity of all items to their nearest exemplar.
    """
    rows = unit_rows(values)
    similarity = np.maximum(rows @ rows.T, 0)
    best = np.zeros(len(rows), np.float32)
    chosen: list[int] = []
    for _ in range(min(n_exemplars, len(rows))):
        gain = np.maximum(similarity - best, 0) @ weights
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        best = np.maximum(best, similarity[chosen[-1]])
    return np.array(chosen, dtype=np.intp), float(best.mean())


def split_class(values: NDArray[np.float32]) -> tuple[NDArray[np.bool_], float]:
    """Cut the neighbor graph of a class into two parts (spectral sweep cut).

    The items are ordered along the second eigenvector of the normalized graph, and divided where
    the conductance is least: Shi & Malik (2000), "Normalized cuts and image segmentation", IEEE
    TPAMI 22(8), for the eigenvector; Chung (1997), "Spectral Graph Theory", chapter 2, for the
    bound of the conductance of the sweep.

    Parameters
    ----------
    values : ndarray of float32, shape (m, c)
        At least 40 items.

    Returns
    -------
    in_smaller : ndarray of bool, shape (m,)
        The items of the smaller part.
    conductance : float
        The weight of the cut edges divided by the weight of the edges of the smaller part; 0 if the
        parts are not connected.
    """
    from scipy.linalg import eigh

    weights = _graph(values)
    degree = weights.sum(axis=1)
    # the second eigenvector of the normalized graph orders the items along the best cut
    root = np.sqrt(np.maximum(degree, 1e-9))
    m = len(values)
    _, vectors = eigh(weights / np.outer(root, root), subset_by_index=(m - 2, m - 1))
    # a disconnected graph has two leading eigenvectors, in any rotation
    along = _contrast(vectors, root)
    order = np.argsort(along, kind="stable")
    ordered = weights[np.ix_(order, order)]
    volume = np.cumsum(degree[order])
    inside = np.cumsum(2 * np.tril(ordered, -1).sum(axis=1) + np.diag(ordered))
    cut = volume - inside
    smaller = np.maximum(np.minimum(volume, volume[-1] - volume), 1e-9)
    conductance = np.maximum(cut, 0) / smaller
    least = max(1, int(_LEAST_PART * m))
    last = least + int(np.argmin(conductance[least - 1 : m - least])) - 1
    in_first = np.zeros(m, dtype=bool)
    in_first[order[: last + 1]] = True
    return (in_first if 2 * (last + 1) <= m else ~in_first), float(conductance[last])


def _contrast(vectors: NDArray[np.float64], root: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the combination of two eigenvectors that is orthogonal to the constant one."""
    constant = root / np.linalg.norm(root)
    rest = vectors - np.outer(constant, constant @ vectors)
    return np.asarray(rest[:, np.argmax(np.linalg.norm(rest, axis=0))] / root)


def _graph(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the symmetric weights of the graph of the nearest neighbors, (m, m)."""
    from scipy.linalg import eigh

    m = len(values)
    centered = values - values.mean(axis=0)
    n_components = max(1, min(_N_COMPONENTS, m // 4, values.shape[1]))
    product = (centered @ centered.T).astype(np.float64)
    squared, axes = eigh(product, subset_by_index=(m - n_components, m - 1))
    rows = unit_rows(axes * np.maximum(squared, 0) ** 0.25)  # half-whitened components
    found = search_all_pairs(rows, _N_NEIGHBORS)
    distances = found.distances.astype(np.float64) ** 2 / 2  # cosine
    width = np.maximum(distances[:, _N_NEIGHBORS // 2], 1e-9)
    weights = np.zeros((m, m))
    np.put_along_axis(
        weights, found.indices.astype(np.intp), np.exp(-((distances / width[:, None]) ** 2)), axis=1
    )
    return (weights + weights.T) / 2
