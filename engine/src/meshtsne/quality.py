"""Measure the quality of an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne.checks import (
    as_matrix,
    as_numpy,
    canonical_metric,
    count_threads,
    is_integer,
)
from meshtsne.errors import DivergenceError, InputError
from meshtsne.forces import exact
from meshtsne.forces.choice import choose_gradient
from meshtsne.reduction import check_finite
from meshtsne.search.neighbors import nearest_neighbors
from meshtsne.search.precomputed import as_affinities, as_indices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from meshtsne.checks import Metric

# Up to this number of points the KL divergence is summed over all pairs. The limit of the descent
# is lower, because the descent computes the forces many times.
_DIRECT_KL_UP_TO = 5_000
# In wider embeddings, float32 would round distances of about 1, which matter for Z.
_MOST_EXTENT_FLOAT32 = 10_000.0
_MOST_EXTENT = 1e150
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class LabelAgreement:
    """Share of items whose nearest neighbors have the same label.

    Attributes
    ----------
    overall : float
        Share of the items that have the label of more than half of their nearest neighbors.
    by_class : dict of str to float
        The same share for the items of each label, in alphabetical order of the labels.
    """

    overall: float
    by_class: dict[str, float]


def kl_divergence(P: Any, Y: Any, *, n_jobs: int | None = None) -> float:
    """Return KL(P || Q) in nats: exact up to 5,000 points, by interpolation above.

    Parameters
    ----------
    P : csr_array or array-like, shape (n, n)
        Joint probabilities: symmetric, not negative, 0 on the diagonal, sum 1.
    Y : array-like, shape (n, c), c = 1, 2 or 3
    n_jobs : int, optional
        Number of threads, at most 256; None uses all cores.

    Returns
    -------
    float
        At least 0. Up to 5,000 points, Z has a relative error of at most 1e-5, and Y may have any
        extent up to 1e150. Above, Z has a relative error of at most 0.01, and Y the largest extent
        of a fit, about 6,500 in two dimensions.

    Raises
    ------
    InputError
        P does not have these properties, the shapes of P and Y do not match, a value is NaN or
        infinite, or the extent of Y is too large.
    """
    from meshtsne.forces import direct

    n_threads = count_threads(n_jobs)
    P, Y = as_matrix("P", P), as_matrix("Y", Y)
    n, n_components = Y.shape
    if P.shape != (n, n):
        raise InputError(
            f"P must have the shape (n, n) for n = {n} positions; got {P.shape}. "
            "Pass P and the positions of the same items."
        )
    if n_components > 3:
        raise InputError(
            f"Y must have 1, 2 or 3 columns; got {n_components}. Pass the positions of a map."
        )
    check_finite(Y)
    P = as_affinities(P, name="P")
    Y = Y.astype(np.float64)
    low, high = Y.min(axis=0) / 2, Y.max(axis=0) / 2
    extent = 2 * float((high - low).max())
    if extent > _MOST_EXTENT:
        raise InputError(
            f"Y must have an extent of at most {_MOST_EXTENT:g}, because the squares of larger "
            f"distances overflow; got {extent:g}. Divide Y by a number."
        )
    if n <= _DIRECT_KL_UP_TO and extent > _MOST_EXTENT_FLOAT32:
        return max(exact.sparse_kl_divergence(P, Y, z=exact.normalization(Y)), 0.0)
    centered = (Y - (low + high)).astype(np.float32)
    if n > _DIRECT_KL_UP_TO:
        return max(_interpolated_kl(P, centered, n_threads=n_threads), 0.0)
    z = direct.normalization(centered, n_threads=n_threads)
    return max(exact.sparse_kl_divergence(P, Y, z=z), 0.0)


def _interpolated_kl(P: csr_array, Y: NDArray[np.float32], *, n_threads: int) -> float:
    """Return KL(P || Q) by the gradient of a fit."""
    gradient = choose_gradient(P, Y, method="auto", n_threads=n_threads)
    try:
        return gradient.kl_divergence()
    except DivergenceError as error:
        raise InputError(
            f"Y of more than {_DIRECT_KL_UP_TO:,} items must fit the largest grid of a fit; its "
            f"extent is {np.ptp(Y, axis=0).max():.6g}. Pass the positions of a fit, or a sample "
            f"of {_DIRECT_KL_UP_TO:,} items with its own P."
        ) from error


def neighbor_recall(
    X: Any,
    Y: Any,
    *,
    n_neighbors: int = 10,
    metric: Metric = "euclidean",
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Return for each item the share of its nearest neighbors in X that are also nearest in Y.

    Parameters
    ----------
    X : array-like or sparse matrix, shape (n, d)
    Y : array-like, shape (n, c)
        Positions of the embedding.
    n_neighbors : int
    metric : str
        Of X.
    n_jobs : int, optional

    Returns
    -------
    ndarray of float64, shape (n,)
        The mean is the overall recall.

    Raises
    ------
    InputError
        As in `nearest_neighbors`, or X and Y have different numbers of rows.
    """
    X, Y = _same_rows(X, Y)
    in_features = nearest_neighbors(X, n_neighbors, metric=metric, n_jobs=n_jobs).indices
    on_map = nearest_neighbors(Y, n_neighbors, n_jobs=n_jobs).indices
    both = np.sort(np.hstack([in_features, on_map]), axis=1)
    return np.asarray((both[:, 1:] == both[:, :-1]).sum(axis=1) / n_neighbors)


def trustworthiness(
    X: Any, Y: Any, *, n_neighbors: int = 5, metric: Metric = "euclidean", n_jobs: int | None = None
) -> float:
    """Return the trustworthiness of an embedding: 1 if all its neighbors are neighbors in X.

    Venna & Kaski (2001), "Neighborhood preservation in nonlinear projection methods: an
    experimental study", ICANN, LNCS 2130:485. The cost is O(n^2 d): for up to about ten thousand
    items.

    Parameters
    ----------
    X : array-like or sparse matrix, shape (n, d)
    Y : array-like, shape (n, c)
    n_neighbors : int
        Less than n / 2.
    metric : str
        Of X.
    n_jobs : int, optional

    Raises
    ------
    InputError
        X and Y have different numbers of rows, a parameter is out of its range, or a value is NaN
        or infinite.
    """
    from sklearn.metrics import pairwise_distances

    name = canonical_metric(metric)
    X, Y = _same_rows(X, Y)
    check_finite(X)
    n, k = X.shape[0], n_neighbors
    if not is_integer(k) or not 1 <= k < n / 2:
        raise InputError(
            f"n_neighbors must be an integer of at least 1 and less than n / 2 = {n / 2:g}; got "
            f"{k!r}. Pass a smaller number, or add items."
        )
    on_map = nearest_neighbors(Y, k, n_jobs=n_jobs).indices
    penalty = 0
    for start in range(0, n, _ROWS_AT_ONCE):
        near = on_map[start : start + _ROWS_AT_ONCE]
        distances = pairwise_distances(X[start : start + _ROWS_AT_ONCE], X, metric=name)
        own = np.arange(len(near))
        distances[own, start + own] = -1  # rank 0, also among duplicates
        order = np.argsort(distances, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(n), order.shape), axis=1)
        penalty += int(np.maximum(np.take_along_axis(rank, near, axis=1) - k, 0).sum())
    return float(1 - penalty * 2 / (n * k * (2 * n - 3 * k - 1)))


def label_accuracy(
    Y: Any, labels: Sequence[Any], *, n_neighbors: int = 10, n_jobs: int | None = None
) -> float:
    """Return the accuracy of a nearest-neighbor majority vote on the embedding.

    In a tie the label that is first in sorted order wins, as in scikit-learn's classifier.

    Parameters
    ----------
    Y : array-like, shape (n, c)
    labels : sequence, length n
    n_neighbors : int
    n_jobs : int, optional

    Raises
    ------
    InputError
        As in `nearest_neighbors`, the number of labels is not n, or a label is None or NaN.
    """
    Y = as_matrix("Y", Y)
    classes, codes = _label_codes(Y, labels)
    near = codes[nearest_neighbors(Y, n_neighbors, n_jobs=n_jobs).indices]  # (n, k)
    rows = np.arange(len(codes))[:, None] * len(classes)
    votes = np.bincount((rows + near).ravel(), minlength=len(codes) * len(classes))
    return float((votes.reshape(len(codes), -1).argmax(axis=1) == codes).mean())


def label_agreement(
    X: Any,
    labels: Sequence[Any],
    *,
    n_neighbors: int = 5,
    metric: Metric = "euclidean",
    n_jobs: int | None = None,
) -> LabelAgreement:
    """Return the share of items that have the label of more than half of their neighbors.

    Parameters
    ----------
    X : array-like or sparse matrix, shape (n, d)
        Features, or positions of an embedding.
    labels : sequence, length n
    n_neighbors : int
    metric : str
    n_jobs : int, optional

    Raises
    ------
    InputError
        As in `nearest_neighbors`, the number of labels is not n, or a label is None or NaN.
    """
    X = as_matrix("X", X)
    _label_codes(X, labels)
    near = nearest_neighbors(X, n_neighbors, metric=metric, n_jobs=n_jobs).indices
    return agreement_among(near, labels)


def agreement_among(near: ArrayLike, labels: Sequence[Any]) -> LabelAgreement:
    """Return the `label_agreement` for given neighbors.

    Parameters
    ----------
    near : array-like of integers, shape (n, k)
        The neighbors of each item. -1 is a missing neighbor, which does not count: the label has to
        be that of more than half of the other entries of the row.
    labels : sequence, length n

    Raises
    ------
    InputError
        `near` is not such an array, an index is outside -1 .. n - 1, an item has no neighbor, the
        number of labels is not n, or a label is None or NaN.
    """
    near = as_indices("near", near)
    classes, codes = _label_codes(near, labels)
    present = near >= 0
    lonely = np.flatnonzero(~present.any(axis=1))
    if len(lonely):
        raise InputError(
            f"near must have a neighbor of each item; {len(lonely)} rows have none, the first is "
            f"row {lonely[0]}. Leave out these items."
        )
    same = (codes[near] == codes[:, None]) & present
    agrees = 2 * same.sum(axis=1) > present.sum(axis=1)
    sizes = np.bincount(codes)
    shares = np.bincount(codes, weights=agrees) / sizes
    return LabelAgreement(
        float(agrees.mean()),
        {str(name): float(share) for name, share in zip(classes, shares, strict=True)},
    )


def _label_codes(X: Any, labels: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the sorted classes and the class number of each item."""
    labels = as_numpy("labels", labels)
    if len(labels) != X.shape[0]:
        raise InputError(
            f"labels must have one entry per item, {X.shape[0]}; got {len(labels)}. "
            "Pass the labels of the same items."
        )
    missing = [label for label in np.asarray(labels, dtype=object).ravel() if _is_missing(label)]
    if missing:
        raise InputError(
            f"labels must have a label for every item; got {missing[0]!r}. "
            "Leave out the items without a label."
        )
    classes, codes = np.unique(np.asarray(labels), return_inverse=True)
    return classes, codes.astype(np.int64)


def _is_missing(label: Any) -> bool:
    """Return whether a label is None, NaN, or NA or NaT of pandas."""
    return label is None or type(label).__name__ == "NAType" or bool(label != label)  # noqa: PLR0124 - NaN


def _same_rows(X: Any, Y: Any) -> tuple[Any, Any]:
    """Return both as matrices; raise InputError unless they have the same number of rows."""
    X, Y = as_matrix("X", X), as_matrix("Y", Y)
    if X.shape[0] != Y.shape[0]:
        raise InputError(
            f"X and Y must have one row per item; got {X.shape[0]} and {Y.shape[0]} rows. "
            "Pass the features and the positions of the same items."
        )
    return X, Y
