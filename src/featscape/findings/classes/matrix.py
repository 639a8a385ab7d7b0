"""The matrix of the classes, and their tree, for a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.classes.tree import N_LIFT, class_distances
from featscape.findings.spaces import principal_components
from featscape.labels.classes import Classes, count_classes
from featscape.records.class_relations import ClassRelations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_OTHERS = "others"


def relate_classes(
    features: NDArray[np.floating[Any]],
    neighbors: NDArray[np.int32],
    labels: Sequence[str] | None,
    *,
    most_classes: int,
    random_state: int = 0,
) -> ClassRelations | None:
    """Return the class matrix and the tree of the largest classes.

    Parameters
    ----------
    features : ndarray, shape (n, d)
    neighbors : ndarray of int32, shape (n, k)
        The nearest items of each item, nearest first.
    labels : sequence of str, length n, or None
    most_classes : int
        Number of classes; the smaller classes of a map with more classes are left out.
    random_state : int
        Seed of the sample of items whose neighbors are compared.

    Returns
    -------
    ClassRelations or None
        None for a map with fewer than two classes, or without neighbors.
    """
    classes = count_classes(labels, len(features))
    if classes is None or len(classes.names) < 2 or not neighbors.size:
        return None
    shown = _largest(classes, most_classes)
    n_shown = min(len(classes.names), most_classes)
    shares = _neighbor_shares(neighbors[:, :N_LIFT], shown)[:n_shown, :n_shown]
    order, merges = np.arange(n_shown), np.empty((0, 3))
    if n_shown > 2:
        order, merges = _tree(features, neighbors, shown, n_shown, random_state=random_state)
    return ClassRelations(
        names=tuple(shown.names[code] for code in order),
        colors=tuple(shown.colors[code] for code in order),
        counts=shown.counts[order],
        shares=shares[np.ix_(order, order)],
        merges=merges,
        n_classes=len(classes.names),
        n_neighbors=min(neighbors.shape[1], N_LIFT),
    )


def _largest(classes: Classes, most_classes: int) -> Classes:
    """Return the largest classes, with one more class for all other items."""
    if len(classes.names) <= most_classes:
        return classes
    kept = np.sort(np.argsort(-classes.counts, kind="stable")[:most_classes])
    place = np.full(len(classes.names), most_classes, dtype=np.intp)
    place[kept] = np.arange(most_classes)
    codes = place[classes.codes]
    return Classes(
        names=(*(classes.names[code] for code in kept), _OTHERS),
        colors=(*(classes.colors[code] for code in kept), ""),
        codes=codes,
        counts=np.bincount(codes),
    )


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

    components = principal_components(features, random_state=random_state)
    values = np.zeros((len(features), 1), np.float32) if components is None else components.values
    distances, _name = class_distances(
        values, neighbors, classes, generator=np.random.default_rng(random_state)
    )
    square = distances(np.ones(len(features)))[:n_shown, :n_shown]
    upper = square[np.triu_indices(n_shown, 1)]
    tree = linkage(upper - upper.min(), "average", optimal_ordering=True)
    order = leaves_list(tree).astype(np.intp)
    place = np.arange(2 * n_shown - 1, dtype=np.float64)
    place[order] = np.arange(n_shown)
    merges = tree[:, :3].copy()
    merges[:, :2] = place[tree[:, :2].astype(np.intp)]
    return order, merges
