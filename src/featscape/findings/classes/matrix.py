"""The matrix of the classes, and their tree, for a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.classes.tree import N_LIFT, class_distances, uses_lift
from featscape.findings.spaces import principal_components
from featscape.labels.classes import Classes, count_classes
from featscape.records.class_relations import ClassRelations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.findings.records import ClassFinding

_OTHERS = "others"
_MOST_COUNTED = 50_000  # items whose neighbors show which classes are close


def relate_classes(
    features: NDArray[np.floating[Any]],
    neighbors: NDArray[np.int32],
    labels: Sequence[str] | None,
    *,
    most_classes: int,
    found: Sequence[ClassFinding],
    random_state: int,
) -> ClassRelations | None:
    """Return the class matrix and the tree of the classes.

    Parameters
    ----------
    features : ndarray, shape (n, d)
    neighbors : ndarray of int32, shape (n, k)
        The nearest items of each item, nearest first.
    labels : sequence of str, length n, or None
        The items without a label are no class.
    most_classes : int
        At least 2. Of a map with more classes, the classes that are close to
        another class are returned.
    found : sequence of ClassFinding
        The findings of the map, for the support of the branches.
    random_state : int
        Seed of the sample of items whose neighbors are compared.

    Returns
    -------
    ClassRelations or None
        None for a map with fewer than two classes, or without neighbors.
    """
    classes = count_classes(labels, len(features))
    if classes is None or not neighbors.size:
        return None
    n_classes = int(classes.is_named.sum())
    if n_classes < 2:
        return None
    shown = _closest(classes, neighbors[:, :N_LIFT], most_classes, random_state=random_state)
    n_shown = min(n_classes, most_classes)
    shares = _neighbor_shares(neighbors[:, :N_LIFT], shown)[:n_shown, :n_shown]
    order, merges = np.arange(n_shown), np.empty((0, 3))
    if n_shown > 2:
        order, merges = _tree(features, neighbors, shown, n_shown, random_state=random_state)
    names = tuple(shown.names[code] for code in order)
    return ClassRelations(
        names=names,
        colors=tuple(shown.colors[code] for code in order),
        counts=shown.counts[order],
        shares=shares[np.ix_(order, order)],
        merges=merges,
        support=_support(names, merges, found),
        n_classes=n_classes,
        n_neighbors=min(neighbors.shape[1], N_LIFT),
    )


def _closest(
    classes: Classes, near: NDArray[np.int32], most_classes: int, *, random_state: int
) -> Classes:
    """Return the classes of the closest pairs, with one more class for all other items, if any.

    Pairs of classes are compared by the standardized residual of the number of their neighbors.
    """
    n_classes = len(classes.names)
    most_classes = min(most_classes, int(classes.is_named.sum()))
    if most_classes == n_classes:
        return classes
    rows = np.random.default_rng(random_state).permutation(len(near))[:_MOST_COUNTED]
    own = np.repeat(classes.codes[rows], near.shape[1])
    other = classes.codes[near[rows]].ravel()
    low, high = np.minimum(own, other), np.maximum(own, other)
    pairs, counts = np.unique((low * n_classes + high)[low < high], return_counts=True)
    share = classes.counts / classes.counts.sum()
    low, high = np.divmod(pairs, n_classes)
    expected = 2 * len(own) * share[low] * share[high]
    order = np.argsort(-(counts - expected) / np.sqrt(expected), kind="stable")
    by_size = np.argsort(-classes.counts, kind="stable")
    ranked = np.concatenate([np.stack([low, high], axis=1)[order].ravel(), by_size])
    ranked = ranked[classes.is_named[ranked]]
    first = np.sort(np.unique(ranked, return_index=True)[1])[:most_classes]
    kept = np.sort(ranked[first])
    rank = np.full(n_classes, most_classes, dtype=np.intp)
    rank[kept] = np.arange(most_classes)
    codes = rank[classes.codes]
    return Classes(
        names=(*(classes.names[code] for code in kept), _OTHERS),
        colors=(*(classes.colors[code] for code in kept), ""),
        codes=codes,
        counts=np.bincount(codes),
    )


def _support(
    names: tuple[str, ...], merges: NDArray[np.float64], found: Sequence[ClassFinding]
) -> NDArray[np.float64]:
    """Return the support of each branch, shape (m - 1,); NaN if no finding has the branch."""
    supports = {
        frozenset(one.classes): one.evidence.score
        for one in found
        if one.kind in {"close pair", "separate pair", "group"}
    }
    parts = [frozenset([name]) for name in names]
    for one, other, _height in merges:
        parts.append(parts[int(one)] | parts[int(other)])
    return np.array([supports.get(part, np.nan) for part in parts[len(names) :]])


def _neighbor_shares(near: NDArray[np.int32], classes: Classes) -> NDArray[np.float64]:
    """Return for each class the shares of the classes among its neighbors, (m, m)."""
    n_classes = len(classes.names)
    counts = np.zeros(n_classes**2)
    for column in near.T:  # one neighbor at a time, to limit memory
        counts += np.bincount(
            classes.codes * n_classes + classes.codes[column], minlength=n_classes**2
        )
    square = counts.reshape(n_classes, n_classes)
    return np.asarray(square / np.maximum(square.sum(axis=1, keepdims=True), 1))


def _tree(
    features: NDArray[np.floating[Any]],
    neighbors: NDArray[np.int32],
    classes: Classes,
    n_shown: int,
    *,
    random_state: int,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the order of the leaves, and the branches with leaves numbered in this order."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    values = np.zeros((len(features), 1), np.float32)
    if not uses_lift(classes):
        components = principal_components(features, random_state=random_state)
        values = values if components is None else components.values
    distances, _name = class_distances(
        values, neighbors, classes, generator=np.random.default_rng(random_state)
    )
    square = distances(np.ones(len(features)))[:n_shown, :n_shown]
    upper = square[np.triu_indices(n_shown, 1)]
    tree = linkage(upper - upper.min(), "average", optimal_ordering=True)
    order = leaves_list(tree).astype(np.intp)
    rank = np.arange(2 * n_shown - 1, dtype=np.float64)
    rank[order] = np.arange(n_shown)
    merges = tree[:, :3].copy()
    merges[:, :2] = rank[tree[:, :2].astype(np.intp)]
    return order, merges
