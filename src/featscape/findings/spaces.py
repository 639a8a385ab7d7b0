"""The spaces that the detectors share: unit vectors, principal components, nearest neighbors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.records import Neighbors
from featscape.threads import map_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from featscape.labels.classes import Classes

    # (values of shape (n, d), k) -> the k nearest neighbors of each row by Euclidean distance
    NeighborSearch = Callable[[NDArray[np.float32], int], Neighbors]
    # (items of shape (m,), k) -> the k nearest neighbors of each item among these items, as
    # positions in the array of the items, (m, k)
    RowSearch = Callable[[NDArray[np.intp], int], NDArray[np.int32]]

# 256 components give an average precision of label errors that is .001 to .011 lower, on CIFAR-10N,
# Fashion-MNIST and digits
N_COMPONENTS = 512
N_SEARCHED = 50  # principal components of the features in which t-SNE searches the neighbors
NO_VARIANCE = 1e-9  # the share of a unit vector's length that rounding explains

_MOST_VALUES = 256_000_000  # of all components, 1 GB: a million items have 256 components
_ROWS_AT_ONCE = 8_192
_MOST_FITTED = 50_000  # the covariance of more rows differs by less than the findings can show
_MOST_IN_TREE = 3  # columns; a tree is slower than all pairs in more dimensions


def blocks(n_rows: int, *, rows_at_once: int = _ROWS_AT_ONCE) -> Iterator[slice]:
    """Yield slices that together cover `n_rows` rows."""
    for start in range(0, n_rows, rows_at_once):
        yield slice(start, min(start + rows_at_once, n_rows))


def unit_rows(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the rows scaled to length 1; rows of zeros stay zeros.

    Parameters
    ----------
    values : ndarray, shape (n, d)

    Returns
    -------
    ndarray of float32, shape (n, d)
    """
    rows = np.asarray(values, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Components:
    """The leading principal components of the unit rows.

    Attributes
    ----------
    values : ndarray of float32, shape (n, c)
        Scaled so that the mean squared length of a row is 1.
    variances : ndarray of float64, shape (c,)
        The share of the first component's variance, descending from 1.
    squares : ndarray of float32, shape (n,)
        The squared length of each centered unit row, in the scale of `values`; at least the squared
        length of the row of `values`.
    scale : float
        The length of a centered unit row is `scale` times its length in the scale of `values`.
    """

    values: NDArray[np.float32]
    variances: NDArray[np.float64]
    squares: NDArray[np.float32]
    scale: float

    def select(self, rows: NDArray[np.intp]) -> Components:
        """Return the components of some items.

        Parameters
        ----------
        rows : ndarray of intp, shape (m,)
            Indices of the items.
        """
        return replace(self, values=self.values[rows], squares=self.squares[rows])

    def half_whitened(self) -> NDArray[np.float32]:
        """Return unit rows in the space between the components and whitened components.

        Each component is divided by the fourth root of its variance. The distances then depend
        less on the few components of large variance.

        Returns
        -------
        ndarray of float32, shape (n, c)
        """
        weights = (np.maximum(self.variances, NO_VARIANCE) ** -0.25).astype(np.float32)
        whitened = np.empty_like(self.values)
        for block in blocks(len(whitened)):
            whitened[block] = unit_rows(self.values[block] * weights)
        return whitened


def principal_components(
    features: NDArray[np.floating[Any]], n_components: int = N_COMPONENTS, *, random_state: int
) -> Components | None:
    """Return the principal components of the unit rows, or None if all unit rows are equal.

    Parameters
    ----------
    features : ndarray, shape (n, d)
        May be memory-mapped; the rows are read in blocks.
    n_components : int
        At most d, a quarter of n, and 256 million / n are returned.
    random_state : int
        Seed of the sample of rows that the components are fitted on, above 50,000 rows.
    """
    n, d = features.shape
    sample = unit_rows(features[_fitted_rows(n, random_state=random_state)])
    center = sample.mean(axis=0)
    sample -= center
    n_components = max(1, min(n_components, d, n // 4, _MOST_VALUES // n))
    axes, variances = _axes(sample, n_components)
    if variances[0] < NO_VARIANCE:
        return None
    values = np.empty((n, len(variances)), dtype=np.float32)
    squares = np.empty(n, dtype=np.float32)
    for block in blocks(n):
        centered = unit_rows(features[block]) - center
        squares[block] = np.einsum("ij,ij->i", centered, centered)
        values[block] = centered @ axes
    scale = np.sqrt(np.vdot(values, values) / n)
    values /= scale
    return Components(values, variances / variances[0], squares / scale**2, float(scale))


def searched_components(
    features: NDArray[np.floating[Any]],
    *,
    landmarks: NDArray[np.intp] | None = None,
    random_state: int,
) -> NDArray[np.float32]:
    """Return the space in which t-SNE searches the neighbors, up to a shift, rotation and scale.

    The space has the first 50 principal components of the features, whose rows are not scaled to
    length 1, or all features if there are at most 50.

    Parameters
    ----------
    features : ndarray, shape (n, d)
        May be memory-mapped; the rows are read in blocks.
    landmarks : ndarray of intp, shape (l,), optional
        The rows that t-SNE was fitted on: the components are those of these rows. By default, t-SNE
        was fitted on all rows.
    random_state : int
        Seed of the sample of rows that the components are fitted on, above 50,000 rows.

    Returns
    -------
    ndarray of float32, shape (n, c)
        At most 50 columns.
    """
    n, d = features.shape
    rows = _fitted_rows(n if landmarks is None else len(landmarks), random_state=random_state)
    if landmarks is not None:
        rows = landmarks[rows]
    sample = features[rows].astype(np.float32)
    center = sample.mean(axis=0)
    sample -= center
    scale = float(np.abs(sample).max()) or 1.0  # squares do not exceed float32
    sample /= scale
    axes = np.eye(d, dtype=np.float32)
    if d > N_SEARCHED:
        axes, _ = _axes(sample, min(N_SEARCHED, len(sample)))
    values = np.empty((n, axes.shape[1]), dtype=np.float32)
    for block in blocks(n):
        values[block] = (features[block] - center) / scale @ axes
    return values


def _fitted_rows(n: int, *, random_state: int) -> NDArray[np.intp] | slice:
    """Return the rows that the components are fitted on: all, or a sample of the most rows."""
    if n <= _MOST_FITTED:
        return slice(None)
    rows = np.random.default_rng(random_state).choice(n, _MOST_FITTED, replace=False)
    return np.sort(rows)


def _axes(
    centered: NDArray[np.float32], n_components: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the principal axes, shape (d, c), and their variances, descending."""
    from scipy.linalg import eigh

    m, d = centered.shape
    by_rows = m < d  # the smaller of the two products has the same eigenvalues
    product = (centered @ centered.T if by_rows else centered.T @ centered).astype(np.float64)
    side = len(product)
    variances, vectors = eigh(product, subset_by_index=(max(0, side - n_components), side - 1))
    variances, vectors = variances[::-1] / m, vectors[:, ::-1]
    kept = variances > max(variances[0], 0) * 1e-7  # the others are rounding errors
    variances, vectors = variances[kept | (np.arange(len(kept)) == 0)], vectors[:, kept]
    if by_rows and len(variances):
        vectors = centered.T @ vectors
        vectors /= np.maximum(np.linalg.norm(vectors, axis=0), 1e-30)
    return vectors.astype(np.float32), variances


def shuffled_members(classes: Classes, generator: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return the items of each class in random order: n_classes arrays of shape (n_of_class,)."""
    order = generator.permutation(len(classes.codes))
    order = order[np.argsort(classes.codes[order], kind="stable")]
    return np.split(order, np.cumsum(classes.counts)[:-1])


def sum_classes(
    rows: NDArray[np.floating[Any]], codes: NDArray[np.intp], n_classes: int
) -> NDArray[np.float64]:
    """Return the sum of the rows of each class, (n_classes, c), without a copy of the rows.

    Parameters
    ----------
    rows : ndarray, shape (n, c)
        May be memory-mapped; the rows are read in blocks.
    codes : ndarray of intp, shape (n,)
        The class of each row, from 0 to n_classes - 1.
    n_classes : int
    """
    from scipy.sparse import csr_array

    sums = np.zeros((n_classes, rows.shape[1]))
    for block in blocks(len(rows)):
        own = codes[block]
        ones = np.ones(len(own), np.float32)
        members = csr_array((ones, (own, np.arange(len(own)))), shape=(n_classes, len(own)))
        sums += members @ np.asarray(rows[block], np.float32)
    return sums


def squared_distances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared Euclidean distances between all rows, which may be negative by rounding.

    Parameters
    ----------
    rows : ndarray of float64, shape (m, c)

    Returns
    -------
    ndarray of float64, shape (m, m)
    """
    squares = (rows**2).sum(axis=1)
    return np.asarray(squares[:, None] + squares - 2 * rows @ rows.T)


def average_ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rank of each value, from 1; equal values have their mean rank.

    `scipy.stats.rankdata` returns the same, and its import takes half a second.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Without NaN.
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def search_all_pairs(values: NDArray[np.float32], k: int) -> Neighbors:
    """Return the k nearest neighbors of each row by Euclidean distance, exactly.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
    k : int
        Less than n.
    """
    if values.shape[1] <= _MOST_IN_TREE:
        return search_tree(values, k)
    n = len(values)
    squares = np.einsum("ij,ij->i", values, values)
    indices = np.empty((n, k), dtype=np.int32)
    distances = np.empty((n, k), dtype=np.float32)
    for block in blocks(n, rows_at_once=1_024):
        own = np.arange(block.start, block.stop)
        pairs = squares[own, None] + squares - 2 * (values[block] @ values.T)
        pairs[np.arange(len(own)), own] = np.inf
        near = np.argpartition(pairs, k - 1, axis=1)[:, :k]
        length = np.take_along_axis(pairs, near, axis=1)
        order = np.argsort(length, axis=1, kind="stable")
        indices[block] = np.take_along_axis(near, order, axis=1)
        distances[block] = np.sqrt(np.maximum(np.take_along_axis(length, order, axis=1), 0))
    return Neighbors(indices, distances)


def search_among(
    candidates: NDArray[np.integer[Any]],
    values: NDArray[np.float32],
    k: int,
    *,
    n_threads: int = 1,
) -> Neighbors:
    """Return the k nearest of the candidates of each row by Euclidean distance.

    Parameters
    ----------
    candidates : ndarray of int, shape (n, m)
        For example the nearest items in a similar space.
    values : ndarray of float32, shape (n, d)
    k : int
        m neighbors are returned if k is more than m.
    n_threads : int
    """
    n, k = len(values), min(k, candidates.shape[1])
    indices = np.empty((n, k), dtype=np.int32)
    distances = np.empty((n, k), dtype=np.float32)

    def search(block: slice) -> None:
        near = np.asarray(candidates[block])
        difference = values[near]  # (b, m, d)
        difference -= values[block][:, None]
        squares = np.einsum("bmd,bmd->bm", difference, difference)
        order = np.argsort(squares, axis=1, kind="stable")[:, :k]
        indices[block] = np.take_along_axis(near, order, axis=1)
        distances[block] = np.sqrt(np.take_along_axis(squares, order, axis=1))

    map_parts(search, blocks(n, rows_at_once=32), n_threads=n_threads)
    return Neighbors(indices, distances)


def search_tree(values: NDArray[np.float32], k: int) -> Neighbors:
    """Return the k nearest neighbors of each row by Euclidean distance, exactly, by a k-d tree.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
        With at most three columns.
    k : int
        Less than n.
    """
    from scipy.spatial import cKDTree

    lengths, near = cKDTree(values).query(values, k + 1)
    is_other = near != np.arange(len(values))[:, None]
    is_other[is_other.all(axis=1), -1] = False  # more than k items at the position of this item
    shape = len(values), k
    return Neighbors(
        near[is_other].reshape(shape).astype(np.int32),
        lengths[is_other].reshape(shape).astype(np.float32),
    )
