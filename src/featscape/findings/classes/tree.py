"""The tree of the classes, with the bootstrap support of each branch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.spaces import squared_distances

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from featscape.labels.classes import Classes

    # weights of the items, (n,) -> distances of the classes, (n_classes, n_classes)
    Distances = Callable[[NDArray[np.float64]], NDArray[np.float64]]

N_LIFT = 10  # neighbors of an item that are counted
_LEAST_FOR_LIFT = 50  # items of a typical class; with fewer, the lift joins the smallest classes
_PRIOR_COUNTS = 0.5  # for each pair of classes, times the number of neighbors per pair
_MOST_COUNTED = 50_000  # items whose neighbors are counted
_N_BOOTSTRAPS = 50
# The time of a tree grows with n_classes ** 2. Ten samples are enough to compare the support with
# 80 %, but the support is then a multiple of 10 %.
_FEW_BOOTSTRAPS, _MANY_CLASSES = 10, 300


@dataclass(frozen=True)
class Clade:
    """A branch of the tree of classes.

    Attributes
    ----------
    classes : frozenset of int
        At least two, and not all.
    height : float
        The distance at which the branch joins; closer classes come first.
    support : float
        The share of bootstrap samples whose tree has this branch.
    distance_name : str
        The distance between classes, in words.
    """

    classes: frozenset[int]
    height: float
    support: float
    distance_name: str


def build_tree(
    values: NDArray[np.float32],
    neighbors: NDArray[np.int32],
    classes: Classes,
    *,
    generator: np.random.Generator,
) -> tuple[Clade, ...]:
    """Return the branches of the tree of classes, the closest classes first.

    The distance of two classes is the negative logarithm of the lift of the neighbor graph: the
    number of neighbors in the other class, compared with the number expected by chance. For small
    classes, the distance is that of the class means.

    Parameters
    ----------
    values : ndarray of float32, shape (n, c)
    neighbors : ndarray of int32, shape (n, k)
    classes : Classes
        At least three.
    generator : Generator
        For the bootstrap samples of the items.
    """
    n, n_classes = len(values), len(classes.names)
    distances, name = class_distances(values, neighbors, classes, generator=generator)
    tree = list(_branches(distances(np.ones(n))))
    n_bootstraps = _FEW_BOOTSTRAPS if n_classes > _MANY_CLASSES else _N_BOOTSTRAPS
    hits = dict.fromkeys((branch for branch, _ in tree), 0)
    for _ in range(n_bootstraps):
        weights = np.bincount(generator.integers(0, n, n), minlength=n).astype(np.float64)
        for branch, _height in _branches(distances(weights)):
            if branch in hits:
                hits[branch] += 1
    return tuple(
        Clade(branch, height, hits[branch] / n_bootstraps, name) for branch, height in tree
    )


def uses_lift(classes: Classes) -> bool:
    """Return whether the classes are large enough for distances by the lift of neighbors."""
    return bool(np.median(classes.counts) >= _LEAST_FOR_LIFT)


def class_distances(
    values: NDArray[np.float32],
    neighbors: NDArray[np.int32],
    classes: Classes,
    *,
    generator: np.random.Generator,
) -> tuple[Distances, str]:
    """Return a function from weights of the items to distances of the classes, and its name.

    Parameters
    ----------
    values : ndarray of float32, shape (n, c)
        Not read if `uses_lift`.
    neighbors : ndarray of int32, shape (n, k)
    classes : Classes
    generator : Generator
        For the sample of the items whose neighbors are counted.

    Returns
    -------
    callable
        (weights of shape (n,)) -> distances of shape (n_classes, n_classes)
    str
        The distance in words.
    """
    if uses_lift(classes):
        return _lift_distances(neighbors, classes, generator), "lift of neighbors"
    return _mean_distances(values, classes), "distance of the class means"


def _lift_distances(
    neighbors: NDArray[np.int32], classes: Classes, generator: np.random.Generator
) -> Distances:
    codes, n_classes = classes.codes, len(classes.names)
    rows = np.sort(generator.permutation(len(codes))[:_MOST_COUNTED])
    near = neighbors[rows, :N_LIFT]
    pairs = codes[rows, None] * n_classes + codes[near]

    def distances(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        both = weights[rows, None] * weights[near]
        counted = np.bincount(pairs.ravel(), both.ravel(), n_classes**2)
        prior = _PRIOR_COUNTS * near.size / len(codes) / n_classes
        counts = counted.reshape(n_classes, n_classes) + prior
        observed = (counts + counts.T) / counts.sum() / 2
        share = observed.sum(axis=1)
        return np.asarray(-np.log(observed / np.outer(share, share)))

    return distances


def _mean_distances(values: NDArray[np.float32], classes: Classes) -> Distances:
    codes = classes.codes
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(classes.counts)[:-1]])
    ordered = values[order].astype(np.float64)

    def distances(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        own = weights[order]
        # a class without items in the sample keeps its mean
        own = np.where(np.repeat(np.add.reduceat(own, starts), classes.counts) == 0, 1, own)
        sums = np.add.reduceat(ordered * own[:, None], starts, axis=0)
        means = sums / np.add.reduceat(own, starts)[:, None]
        return np.asarray(np.sqrt(np.maximum(squared_distances(means), 0)))

    return distances


def _branches(distances: NDArray[np.float64]) -> Iterator[tuple[frozenset[int], float]]:
    """Yield the branches of the average-linkage tree without the root, the closest first."""
    from scipy.cluster.hierarchy import linkage

    n_classes = len(distances)
    upper = distances[np.triu_indices(n_classes, 1)]
    parts = [frozenset([code]) for code in range(n_classes)]
    for one, other, height, _size in linkage(upper - upper.min(), "average"):
        parts.append(parts[int(one)] | parts[int(other)])
        if len(parts[-1]) < n_classes:
            yield parts[-1], float(height)
