"""Measure how well the positions on the map represent the features: per item and for the whole map.

The measures of the whole map follow Kobak & Berens (2019), "The art of using t-SNE for single-cell
transcriptomics", Nature Communications 10:5416, and Venna & Kaski (2001), "Neighborhood
preservation in nonlinear projection methods: an experimental study", ICANN, LNCS 2130:485.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.records import DetectorResult, Evidence, Reliability
from featscape.findings.spaces import (
    average_ranks,
    blocks,
    for_each,
    squared_distances,
    sum_classes,
)
from featscape.findings.wording import too_few_items
from featscape.number_text import percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.spaces import NeighborSearch
    from featscape.labels.classes import Classes

N_NEAR = 30  # neighbors of an item that are compared; fewer in a small map
_N_KNN = 10  # as in Kobak & Berens
_N_KNC = 10
_LEAST_CLASSES = 5  # of 3 or 4 classes, at most half of the others is one nearest class
WIDER = 3  # an item on the map is a false friend if it is not among 3 x 30 neighbors in features
_MOST_RANKED = 1_000  # items whose ranks among all items are computed
_MOST_RANKS = 50_000_000  # items times ranked items
_MOST_AT_ONCE = 16_000_000  # distances, in each thread
_MOST_PAIRED = 1_000  # items whose distances are correlated, as in Kobak & Berens
# The share of a single neighbor is 0 or 100 %: at least 5 neighbors are compared.
_LEAST_ITEMS = 5 * 2 * WIDER + 1


@dataclass(frozen=True, eq=False)
class MapReliability:
    """The reliability of a map.

    Attributes
    ----------
    result : DetectorResult of Reliability
        The measures of the whole map.
    torn, false_friends : ndarray of float32, shape (n,)
        See `ItemColumns`.
    """

    result: DetectorResult[Reliability]
    torn: NDArray[np.float32]
    false_friends: NDArray[np.float32]

    @classmethod
    def not_computed(cls, n_items: int, reason: str) -> MapReliability:
        """Return the result without measures."""
        unknown = np.full(n_items, np.nan, np.float32)
        return cls(DetectorResult(reason=reason), unknown, unknown)


def measure_reliability(
    values: NDArray[np.float32],
    positions: NDArray[np.float32],
    neighbors: NDArray[np.int32],
    *,
    classes: Classes | None,
    search: NeighborSearch,
    n_threads: int,
    random_state: int,
) -> MapReliability:
    """Measure how well the positions represent the features.

    Parameters
    ----------
    values : ndarray of float32, shape (n, c)
        The features, or their principal components.
    positions : ndarray of float32, shape (n, 2) or (n, 3)
    neighbors : ndarray of int32, shape (n, k)
        The nearest items of each item by the features, nearest first. `search` computes the
        neighbors again if k is less than 90 (fewer in a map of less than 181 items).
    classes : Classes or None
    search : callable
        (values, k) -> the k nearest neighbors by Euclidean distance; also searches the positions.
    n_threads : int
    random_state : int
        Seed of the samples.
    """
    n = len(positions)
    if n < _LEAST_ITEMS:
        return MapReliability.not_computed(n, too_few_items(n, _LEAST_ITEMS))
    # at most half of the other items are neighbors: no item is a false friend if all are neighbors
    k = min(N_NEAR, (n - 1) // (2 * WIDER))
    if neighbors.shape[1] < WIDER * k:  # a map with a perplexity of less than 30
        neighbors = search(values, WIDER * k).indices
    on_map = search(positions, k).indices
    torn = 1 - shared(neighbors[:, :k], on_map, n_threads=n_threads)
    false_friends = 1 - shared(on_map, neighbors[:, : WIDER * k], n_threads=n_threads)
    generator = np.random.default_rng(random_state)
    measures = [
        _knn(neighbors, on_map, n_threads=n_threads),
        *_by_rank(values, positions, neighbors, on_map, generator=generator, n_threads=n_threads),
        _cpd(values, positions, generator=generator),
    ]
    reason: str | None = None
    if classes is not None and classes.is_named.sum() >= _LEAST_CLASSES:
        measures.append(_knc(values, positions, classes))
    else:
        reason = (
            "How well the map preserves the nearest classes is measured with labels of "
            f"{_LEAST_CLASSES} or more classes."
        )
    return MapReliability(
        DetectorResult(tuple(measures), reason),
        torn.astype(np.float32),
        false_friends.astype(np.float32),
    )


def shared(
    some: NDArray[np.integer], others: NDArray[np.integer], *, n_threads: int = 1
) -> NDArray[np.float64]:
    """Return for each row the share of the entries of `some` that are among `others`.

    Parameters
    ----------
    some : ndarray of int, shape (n, k)
        Without repetitions in a row.
    others : ndarray of int, shape (n, l)
        Without repetitions in a row. In both arrays, -1 is no entry and may be repeated.
    n_threads : int
    """

    def count(block: slice) -> NDArray[np.uint16]:
        both = np.hstack([some[block], others[block]])
        both.sort(axis=1)
        is_twice = both[:, 1:] == both[:, :-1]
        if both[:, 0].min() < 0:
            is_twice &= both[:, 1:] >= 0
        return np.asarray(is_twice.sum(axis=1, dtype=np.uint16))

    counts = for_each(count, blocks(len(some)), n_threads=n_threads)
    return np.asarray(np.concatenate(counts) / some.shape[1])


def _measure(name: str, value: float, text: str, method: str) -> Reliability:
    value = float(value)
    return Reliability(
        measure=name,
        value=round(value, 4),
        text=text,
        evidence=Evidence(items=(), neighbors=(), score=value, method=method),
    )


def _knn(neighbors: NDArray[np.int32], on_map: NDArray[np.int32], *, n_threads: int) -> Reliability:
    k = min(_N_KNN, on_map.shape[1])
    value = float(shared(neighbors[:, :k], on_map[:, :k], n_threads=n_threads).mean())
    return _measure(
        "KNN",
        value,
        f"{percent(value)} of the {k} nearest items by features are among the {k} nearest items "
        "on the map.",
        f"Mean share of the {k} nearest neighbors that the map preserves.",
    )


def _by_rank(
    values: NDArray[np.float32],
    positions: NDArray[np.float32],
    neighbors: NDArray[np.int32],
    on_map: NDArray[np.int32],
    *,
    generator: np.random.Generator,
    n_threads: int,
) -> list[Reliability]:
    """Return trustworthiness and continuity, from the ranks of a sample of the items."""
    n, k = on_map.shape
    n_rows = min(_MOST_RANKED, max(100, _MOST_RANKS // n))
    rows = np.sort(generator.permutation(n)[:n_rows])
    squares = np.einsum("ij,ij->i", values, values)
    axes = np.ascontiguousarray(positions.T)

    def sum_excess(block: slice) -> NDArray[np.int64]:
        own = rows[block]
        of_features = (-2 * values[own]) @ values.T
        of_features += squares
        of_features[np.arange(len(own)), own] = -np.inf
        excess = np.zeros(2, np.int64)
        for row, in_features in zip(own, of_features, strict=True):
            in_map = _squared_distances(axes, row)
            in_map[row] = -np.inf
            near = _nearest_items(in_features, neighbors[row], k)
            excess += _excess(in_features, on_map[row]), _excess(in_map, near)
        return excess

    rows_at_once = max(1, _MOST_AT_ONCE // n)
    excess = for_each(sum_excess, blocks(len(rows), rows_at_once=rows_at_once), n_threads=n_threads)
    scale = 2 / (len(rows) * k * (2 * n - 3 * k - 1))
    trustworthiness, continuity = 1 - scale * np.sum(excess, axis=0)
    rest = f"1 if no rank exceeds {k}. Ranks of {len(rows):,} random items among all items."
    return [
        _measure(
            "trustworthiness",
            trustworthiness,
            f"Trustworthiness {trustworthiness:.3f}: items that are close on the map have similar "
            "features if this number is near 1.",
            f"1 less the scaled ranks by features of the {k} nearest items on the map; {rest}",
        ),
        _measure(
            "continuity",
            continuity,
            f"Continuity {continuity:.3f}: items with similar features are close on the map if "
            "this number is near 1.",
            f"1 less the scaled ranks on the map of the {k} nearest items by features; {rest}",
        ),
    ]


def _squared_distances(axes: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    """Return the squared distances of all items, (n,), from the item `row`; `axes` is (c, n)."""
    squared: NDArray[np.float32] = np.square(axes[0] - axes[0, row])
    difference = np.empty_like(squared)
    for axis in axes[1:]:
        np.subtract(axis, axis[row], out=difference)
        squared += np.square(difference, out=difference)
    return squared


def _nearest_items(
    distances: NDArray[np.float32], candidates: NDArray[np.int32], k: int
) -> NDArray[np.intp]:
    """Return the k items at the least distances, after the item itself.

    Parameters
    ----------
    distances : ndarray of float32, shape (n,)
        The distances of all items from one item; -inf for the item itself.
    candidates : ndarray of int32, shape (m,)
        Other items, most of them near; -1 is no item. No item beyond the k-th candidate is among
        the k nearest, so that only a few items are sorted. All items are sorted if there are fewer
        than k candidates.
    k : int
    """
    candidates = candidates[candidates >= 0]
    bound = np.inf
    if len(candidates) >= k:
        bound = np.partition(distances[candidates], k - 1)[k - 1]
    near = np.flatnonzero(distances <= bound)
    return near[np.argsort(distances[near], kind="stable")[1 : k + 1]]


def _excess(distances: NDArray[np.float32], near: NDArray[np.integer]) -> int:
    """Return the sum of max(rank - k, 0) over k items, which are the nearest in another space.

    Parameters
    ----------
    distances : ndarray of float32, shape (n,)
        The distances of all items from one item, which has the rank 0; -inf for this item.
    near : ndarray of int, shape (k,)
    """
    own = distances[near]
    nearer = distances[np.flatnonzero(distances < own.max())]
    ranks = np.searchsorted(np.sort(nearer), own)
    return int(np.maximum(ranks - len(near), 0).sum())


def _cpd(
    values: NDArray[np.float32],
    positions: NDArray[np.float32],
    *,
    generator: np.random.Generator,
) -> Reliability:
    from scipy.spatial.distance import pdist

    rows = generator.permutation(len(values))[:_MOST_PAIRED]
    pairs = pdist(values[rows]), pdist(positions[rows])
    is_constant = any(np.ptp(distances) == 0 for distances in pairs)
    a, b = (average_ranks(distances) for distances in pairs)
    value = 0.0 if is_constant else float(np.corrcoef(a, b)[0, 1])
    return _measure(
        "CPD",
        value,
        f"The rank correlation between distances on the map and distances by features is "
        f"{value:.2f}: large distances on a t-SNE map mean little.",
        f"Spearman correlation of the distances between all pairs of {len(rows):,} random items.",
    )


def _knc(
    values: NDArray[np.float32], positions: NDArray[np.float32], classes: Classes
) -> Reliability:
    # at most half of the other classes: a random map preserves most of all but one
    k = min(_N_KNC, (int(classes.is_named.sum()) - 1) // 2)
    near = [_nearest_classes(of, classes, k) for of in (values, positions)]
    value = float(shared(*near).mean())
    return _measure(
        "KNC",
        value,
        f"{percent(value)} of the {k} nearest classes by features are among the {k} nearest "
        "classes on the map.",
        f"Mean share of the {k} nearest class means that the map preserves.",
    )


def _nearest_classes(values: NDArray[np.float32], classes: Classes, k: int) -> NDArray[np.intp]:
    """Return the k nearest classes of each class by the distance of the means, (n_classes, k)."""
    means = sum_classes(values, classes.codes, len(classes.names)) / classes.counts[:, None]
    distances = squared_distances(means[classes.is_named])
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :k]
