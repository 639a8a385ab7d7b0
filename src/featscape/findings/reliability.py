"""Measure how well the positions on the map represent the features: per item and for the whole map.

The measures of the whole map follow Kobak & Berens (2019), "The art of using t-SNE for single-cell
transcriptomics", Nature Communications 10:5416, and Venna & Kaski (2001), "Neighborhood
preservation in nonlinear projection methods: an experimental study", ICANN, LNCS 2130:485.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.records import DetectorResult, Evidence, Reliability
from featscape.findings.spaces import average_ranks, blocks, squared_distances
from featscape.findings.wording import too_few_items
from featscape.number_text import percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.spaces import NeighborSearch
    from featscape.labels.classes import Classes

N_NEAR = 30  # neighbors of an item that are compared; fewer in a small map
_N_KNN = 10  # as in Kobak & Berens
_N_KNC = 10
WIDER = 3  # an item on the map is a false friend if it is not among 3 x 30 neighbors in features
_MOST_RANKED = 1_000  # items whose ranks among all items are computed
_MOST_RANKS = 50_000_000  # items times ranked items
_MOST_AT_ONCE = 4_000_000  # ranks; each takes 30 bytes in between
_MOST_PAIRED = 1_000  # items whose distances are correlated, as in Kobak & Berens
_LEAST_ITEMS = 10


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
    random_state: int = 0,
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
        (values, k) -> the k nearest neighbors by Euclidean distance.
    random_state : int
        Seed of the samples.
    """
    n = len(positions)
    if n < _LEAST_ITEMS:
        return MapReliability.not_computed(n, too_few_items(n, _LEAST_ITEMS))
    # at most half of the other items are neighbors: no item is a false friend if all are neighbors
    k = max(1, min(N_NEAR, (n - 1) // (2 * WIDER)))
    if neighbors.shape[1] < WIDER * k:  # a map with a perplexity of less than 30
        neighbors = search(values, WIDER * k).indices
    on_map = search(positions, k).indices
    torn = 1 - shared(neighbors[:, :k], on_map)
    false_friends = 1 - shared(on_map, neighbors[:, : WIDER * k])
    generator = np.random.default_rng(random_state)
    measures = [
        _knn(neighbors, on_map),
        *_by_rank(values, positions, k=k, generator=generator),
        _cpd(values, positions, generator=generator),
    ]
    reason: str | None = None
    if classes is not None and len(classes.names) > 2:
        measures.append(_knc(values, positions, classes))
    else:
        reason = (
            "How well the map preserves the nearest classes is measured with labels of three or "
            "more classes."
        )
    return MapReliability(
        DetectorResult(tuple(measures), reason),
        torn.astype(np.float32),
        false_friends.astype(np.float32),
    )


def shared(some: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return for each row the share of the entries of `some` that are among `others`.

    Parameters
    ----------
    some : ndarray of int, shape (n, k)
        Without repetitions in a row.
    others : ndarray of int, shape (n, l)
        Without repetitions in a row.
    """
    result = np.empty(len(some))
    for block in blocks(len(some)):
        both = np.sort(np.hstack([some[block], others[block]]), axis=1)
        result[block] = (both[:, 1:] == both[:, :-1]).sum(axis=1)
    return np.asarray(result / some.shape[1])


def _measure(name: str, value: float, text: str, method: str) -> Reliability:
    value = float(value)
    return Reliability(
        measure=name,
        value=round(value, 4),
        text=text,
        evidence=Evidence(items=(), neighbors=(), score=value, method=method),
    )


def _knn(neighbors: NDArray[np.int32], on_map: NDArray[np.int32]) -> Reliability:
    k = min(_N_KNN, on_map.shape[1])
    value = float(shared(neighbors[:, :k], on_map[:, :k]).mean())
    text = f"{percent(value)} of the {k} nearest items by features are among the {k} nearest items"
    if k == 1:  # of a small map
        text = f"For {percent(value)} of the items, the nearest item by features is also nearest"
    return _measure(
        "KNN",
        value,
        f"{text} on the map.",
        f"Mean share of the {k} nearest neighbors that the map preserves.",
    )


def _by_rank(
    values: NDArray[np.float32],
    positions: NDArray[np.float32],
    *,
    k: int,
    generator: np.random.Generator,
) -> list[Reliability]:
    """Return trustworthiness and continuity, from the ranks of a sample of the items."""
    n = len(values)
    n_rows = min(_MOST_RANKED, max(100, _MOST_RANKS // n))
    rows = np.sort(generator.permutation(n)[:n_rows])
    lost = np.zeros(2)
    for block in blocks(len(rows), rows_at_once=max(1, _MOST_AT_ONCE // n)):
        in_features = _ranks(values, rows[block])
        in_map = _ranks(positions.astype(np.float64), rows[block])
        lost[0] += np.maximum(in_features - k, 0)[in_map <= k].sum()
        lost[1] += np.maximum(in_map - k, 0)[in_features <= k].sum()
    scale = 2 / (len(rows) * k * (2 * n - 3 * k - 1))
    trustworthiness, continuity = 1 - scale * lost
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


def _ranks(values: NDArray[np.floating[Any]], rows: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return the rank of each item by its distance from each row, (len(rows), n); own rank 0."""
    squares = np.einsum("ij,ij->i", values, values)
    distances = squares - 2 * (values[rows] @ values.T)
    distances[np.arange(len(rows)), rows] = -np.inf
    order = np.argsort(distances, axis=1, kind="stable")
    ranks = np.empty(order.shape, dtype=np.int32)
    numbers = np.broadcast_to(np.arange(len(values), dtype=np.int32), order.shape)
    np.put_along_axis(ranks, order, numbers, axis=1)
    return ranks


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
    k = min(_N_KNC, len(classes.names) - 2)
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
    sums = np.zeros((len(classes.names), values.shape[1]))
    np.add.at(sums, classes.codes, values)
    means = sums / classes.counts[:, None]
    distances = squared_distances(means)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :k]
