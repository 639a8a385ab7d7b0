"""Measure how well the positions on the map represent the features: per item and for the whole map.

The measures of the whole map compare the positions with the Euclidean distances in all features.
The measures per item compare the positions with the neighbors of t-SNE, which are nearest in the
first 50 principal components (`searched_components`): a search for the neighbors of a million items
in all features would take hours.

The measures of the whole map follow Kobak & Berens (2019), "The art of using t-SNE for single-cell
transcriptomics", Nature Communications 10:5416, and Venna & Kaski (2001), "Neighborhood
preservation in nonlinear projection methods: an experimental study", ICANN, LNCS 2130:485.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.records import DetectorResult, Evidence, Reliability
from featscape.findings.spaces import (
    N_SEARCHED,
    average_ranks,
    blocks,
    searched_components,
    squared_distances,
    sum_classes,
)
from featscape.findings.wording import too_few_items
from featscape.number_text import percent
from featscape.threads import map_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from featscape.findings.spaces import NeighborSearch
    from featscape.labels.classes import Classes

N_NEAR = 30  # neighbors of an item that are compared; fewer in a small map
_N_KNN = 10  # as in Kobak & Berens
_N_KNC = 10
_LEAST_CLASSES = 5  # of 3 or 4 classes, at most half of the others is one nearest class
WIDER = 3  # an item on the map is a false friend if it is not among 3 x 30 neighbors of t-SNE
_MOST_RANKED = 1_000  # items whose ranks among all items are computed
_MOST_RANKS = 50_000_000  # items times ranked items
_MOST_AT_ONCE = 100_000_000  # distances in memory, 400 MB
_COLUMNS_AT_ONCE = 2_048  # items whose features are in memory, in each thread
_ROWS_AT_ONCE = 16  # ranked items, in each thread
_MOST_PAIRED = 1_000  # items whose distances are correlated, as in Kobak & Berens
_ROUNDING = 1e-12  # of a squared distance in float64, relative to the largest
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
    features: NDArray[np.floating[Any]],
    positions: NDArray[np.float32],
    neighbors: NDArray[np.int32],
    *,
    landmarks: NDArray[np.intp] | None = None,
    classes: Classes | None,
    search: NeighborSearch,
    n_threads: int,
    random_state: int,
) -> MapReliability:
    """Measure how well the positions represent the features.

    Parameters
    ----------
    features : ndarray, shape (n, d)
        May be memory-mapped; the rows are read in blocks.
    positions : ndarray of float32, shape (n, 2) or (n, 3)
    neighbors : ndarray of int32, shape (n, k)
        The nearest items of each item in the space of `searched_components`, nearest first, such as
        the neighbors of t-SNE. `search` computes the neighbors again if k is less than 90 (fewer in
        a map of less than 181 items).
    landmarks : ndarray of intp, shape (l,), optional
        The items that t-SNE was fitted on, if not all.
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
        values = searched_components(features, landmarks=landmarks, random_state=random_state)
        neighbors = search(values, WIDER * k).indices
    on_map = search(positions, k).indices
    torn = 1 - share_in_common(neighbors[:, :k], on_map, n_threads=n_threads)
    false_friends = 1 - share_in_common(on_map, neighbors[:, : WIDER * k], n_threads=n_threads)
    generator = np.random.default_rng(random_state)
    measures = [
        *_by_rank(
            features,
            positions,
            neighbors,
            on_map,
            n_fitted=n if landmarks is None else len(landmarks),
            generator=generator,
            n_threads=n_threads,
        ),
        _correlate_distances(features, positions, generator=generator),
    ]
    reason: str | None = None
    if classes is not None and classes.is_named.sum() >= _LEAST_CLASSES:
        measures.append(_knc(features, positions, classes))
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


def share_in_common(
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

    counts = map_parts(count, blocks(len(some)), n_threads=n_threads)
    return np.asarray(np.concatenate(counts) / some.shape[1])


def _measure(name: str, value: float, text: str, method: str) -> Reliability:
    value = float(value)
    return Reliability(
        measure=name,
        value=round(value, 4),
        text=text,
        evidence=Evidence(items=(), neighbors=(), score=value, method=method),
    )


def _by_rank(
    features: NDArray[np.floating[Any]],
    positions: NDArray[np.float32],
    neighbors: NDArray[np.int32],
    on_map: NDArray[np.int32],
    *,
    n_fitted: int,
    generator: np.random.Generator,
    n_threads: int,
) -> Iterator[Reliability]:
    """Yield the measures from the neighbors and ranks of a sample.

    The measures are KNN, KNN of the components for more than 50 features, trustworthiness and
    continuity.
    """
    n, k = on_map.shape
    rows = generator.permutation(n)[: min(_MOST_RANKED, max(100, _MOST_RANKS // n))]
    sums = np.zeros(4)
    for part in blocks(len(rows), rows_at_once=max(1, _MOST_AT_ONCE // n)):
        sums += _compare_ranks(
            features, positions, neighbors, on_map, rows=np.sort(rows[part]), n_threads=n_threads
        )
    k_common = min(_N_KNN, k)
    knn, of_components = (float(shares) / len(rows) for shares in sums[:2])
    scale = 2 / (len(rows) * k * (2 * n - 3 * k - 1))
    trustworthiness, continuity = (1 - scale * float(excess) for excess in sums[2:])
    space = _space(features)
    items = "all items" if len(rows) == n else f"{len(rows):,} random items"
    yield _measure(
        "KNN",
        knn,
        f"{percent(knn)} of the {k_common} nearest items in {space} are among the {k_common} "
        "nearest items on the map.",
        f"Mean share of the {k_common} nearest items by Euclidean distance in {space} that are "
        f"among the {k_common} nearest on the map, of {items}.",
    )
    if features.shape[1] > N_SEARCHED:
        components = f"the {min(N_SEARCHED, n_fitted - 1):,} principal components that t-SNE uses"
        yield _measure(
            "KNN of the components",
            of_components,
            f"{percent(of_components)} of the {k_common} nearest items in {space} are among the "
            f"{k_common} nearest items in {components}.",
            f"Mean share of the {k_common} nearest items by Euclidean distance in {space} that are "
            f"among the {k_common} nearest in {components}, of {items}.",
        )
    rest = f"1 if no rank exceeds {k}. Euclidean distances in {space}; {items} among all items."
    yield _measure(
        "trustworthiness",
        trustworthiness,
        f"Trustworthiness {trustworthiness:.3f}: items that are close on the map have similar "
        "features if this number is near 1.",
        f"1 less the scaled ranks by features of the {k} nearest items on the map; {rest}",
    )
    yield _measure(
        "continuity",
        continuity,
        f"Continuity {continuity:.3f}: items with similar features are close on the map if "
        "this number is near 1.",
        f"1 less the scaled ranks on the map of the {k} nearest items by features; {rest}",
    )


def _space(features: NDArray[np.floating[Any]]) -> str:
    return f"all {features.shape[1]:,} features"


def _compare_ranks(
    features: NDArray[np.floating[Any]],
    positions: NDArray[np.float32],
    neighbors: NDArray[np.int32],
    on_map: NDArray[np.int32],
    *,
    rows: NDArray[np.intp],
    n_threads: int,
) -> NDArray[np.float64]:
    """Return four sums over the items `rows`.

    The shares of the ten nearest items by features that are among the ten nearest on the map, and
    among the ten nearest of `neighbors`; the ranks by features, above k, of the k nearest on the
    map, and the ranks on the map, above k, of the k nearest by features.

    Returns
    -------
    ndarray of float64, shape (4,)
    """
    k = on_map.shape[1]
    axes = np.ascontiguousarray(positions.T)
    distances = _distances_in_features(features, rows, n_threads=n_threads)
    near = np.empty((len(rows), k), np.intp)

    def sum_excess(part: slice) -> NDArray[np.int64]:
        excess = np.zeros(2, np.int64)
        for number in range(part.start, part.stop):
            row, in_features = rows[number], distances[number]
            in_map = _squared_distances(axes, row)
            in_map[row] = -np.inf
            near[number] = _nearest_items(in_features, neighbors[row], k)
            excess += _excess(in_features, on_map[row]), _excess(in_map, near[number])
        return excess

    parts = blocks(len(rows), rows_at_once=_ROWS_AT_ONCE)
    excess = np.sum(map_parts(sum_excess, parts, n_threads=n_threads), axis=0)
    k_common = min(_N_KNN, k)
    nearest = near[:, :k_common]
    common = [share_in_common(nearest, of[rows, :k_common]).sum() for of in (on_map, neighbors)]
    return np.array([*common, *excess])


def _distances_in_features(
    features: NDArray[np.floating[Any]], rows: NDArray[np.intp], *, n_threads: int
) -> NDArray[np.float32]:
    """Return distances that order all items by their Euclidean distance from each item of `rows`.

    Each row has the squared distances, less a constant of the row; -inf for the item itself.

    Returns
    -------
    ndarray of float32, shape (m, n)
    """
    own = features[rows].astype(np.float32)
    center = own.mean(axis=0)
    own -= center
    scale = float(np.abs(own).max()) or 1.0  # squares do not exceed float32
    own /= scale
    distances = np.empty((len(rows), len(features)), np.float32)

    def fill(block: slice) -> None:
        others = features[block].astype(np.float32)
        others -= center
        others /= scale
        distances[:, block] = (-2 * own) @ others.T
        distances[:, block] += np.einsum("ij,ij->i", others, others)

    parts = blocks(len(features), rows_at_once=_COLUMNS_AT_ONCE)
    map_parts(fill, parts, n_threads=n_threads)
    distances[np.arange(len(rows)), rows] = -np.inf
    return distances


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


def _correlate_distances(
    features: NDArray[np.floating[Any]],
    positions: NDArray[np.float32],
    *,
    generator: np.random.Generator,
) -> Reliability:
    """Measure the correlation of pairwise distances (CPD): on the map, and of the features.

    Parameters
    ----------
    features : ndarray, shape (n, d)
    positions : ndarray of float32, shape (n, c)
    generator : Generator
        Draws the items.
    """
    rows = generator.permutation(len(features))[:_MOST_PAIRED]
    pairs = [_pair_distances(values[rows]) for values in (features, positions)]
    is_constant = any(np.ptp(distances) == 0 for distances in pairs)
    a, b = (average_ranks(distances) for distances in pairs)
    value = 0.0 if is_constant else float(np.corrcoef(a, b)[0, 1])
    space = _space(features)
    return _measure(
        "CPD",
        value,
        f"The rank correlation between distances on the map and distances in {space} is "
        f"{value:.2f}: large distances on a t-SNE map mean little.",
        "Spearman correlation of the Euclidean distances on the map and in "
        f"{space}, between all pairs of {len(rows):,} random items.",
    )


def _pair_distances(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the squared distance of each pair of rows, shape (m (m - 1) / 2,); 0 if equal."""
    centered = values.astype(np.float64)
    centered -= centered.mean(axis=0)
    squares = squared_distances(centered)[np.triu_indices(len(values), 1)]
    return np.where(squares > _ROUNDING * squares.max(), squares, 0)


def _knc(
    features: NDArray[np.floating[Any]], positions: NDArray[np.float32], classes: Classes
) -> Reliability:
    # at most half of the other classes: a random map preserves most of all but one
    k = min(_N_KNC, (int(classes.is_named.sum()) - 1) // 2)
    near = [_nearest_classes(of, classes, k) for of in (features, positions)]
    value = float(share_in_common(*near).mean())
    space = _space(features)
    return _measure(
        "KNC",
        value,
        f"{percent(value)} of the {k} nearest classes in {space} are among the {k} nearest "
        "classes on the map.",
        f"Mean share of the {k} nearest class means by Euclidean distance in {space} that are "
        f"among the {k} nearest on the map.",
    )


def _nearest_classes(
    values: NDArray[np.floating[Any]], classes: Classes, k: int
) -> NDArray[np.intp]:
    """Return the k nearest classes of each class by the distance of the means, (n_classes, k)."""
    means = sum_classes(values, classes.codes, len(classes.names)) / classes.counts[:, None]
    distances = squared_distances(means[classes.is_named])
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :k]
