"""How good a map is, in figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.tsne.neighbors import count_threads, nearest_neighbors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

# Up to this many points the KL divergence is summed over all pairs.
_DIRECT_KL_UP_TO = 5_000
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class LabelAgreement:
    """How many items stand among their own kind.

    Attributes
    ----------
    overall : float
        Share of the items of which more than half the nearest neighbours carry their label.
    by_class : dict of str to float
        The same for each label's items alone, in alphabetical order.
    """

    overall: float
    by_class: dict[str, float]


def kl_divergence(
    P: csr_array, Y: NDArray[np.floating[Any]], *, n_jobs: int | None = None
) -> float:
    """Return KL(P || Q) in nats: over all pairs up to 5,000 points, by interpolation above.

    Parameters
    ----------
    P : csr_array, shape (n, n)
        Joint probabilities: symmetric, summing to 1.
    Y : ndarray, shape (n, c), c = 1, 2 or 3
    n_jobs : int, optional
        Threads; None is all.
    """
    from featscape.tsne.direct import DirectGradient
    from featscape.tsne.grid import GridGradient

    if P.shape != (len(Y), len(Y)):
        raise InputError(
            f"P must have the shape (n, n) for n = {len(Y)} positions; got {P.shape}. "
            "Pass the P and the positions of one map."
        )
    kind = DirectGradient if len(Y) <= _DIRECT_KL_UP_TO else GridGradient
    return kind(P.tocsr(), np.asarray(Y, np.float32), n_jobs=count_threads(n_jobs)).kl_divergence()


def neighbor_recall(
    X: Any,
    Y: Any,
    *,
    n_neighbors: int = 10,
    metric: str = "euclidean",
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Return for each item the share of its nearest neighbours in X that are its nearest in Y too.

    Parameters
    ----------
    X : array or sparse matrix, shape (n, d)
    Y : array, shape (n, c)
        Positions on the map.
    n_neighbors : int
    metric : str
        Of X.
    n_jobs : int, optional

    Returns
    -------
    ndarray of float64, shape (n,)
        Its mean is the recall overall.
    """
    _check_rows(X, Y)
    in_features = nearest_neighbors(X, n_neighbors, metric=metric, n_jobs=n_jobs).indices
    on_map = nearest_neighbors(Y, n_neighbors, n_jobs=n_jobs).indices
    both = np.sort(np.hstack([in_features, on_map]), axis=1)
    return np.asarray((both[:, 1:] == both[:, :-1]).sum(axis=1) / n_neighbors)


def trustworthiness(
    X: Any, Y: Any, *, n_neighbors: int = 5, metric: str = "euclidean", n_jobs: int | None = None
) -> float:
    """Return how far neighbours on the map are neighbours in X: 1 is all (Venna & Kaski 2001).

    Ranks over all pairs are counted, O(n^2 d): for up to some ten thousand items.

    Parameters
    ----------
    X : array, shape (n, d)
    Y : array, shape (n, c)
    n_neighbors : int
        Below n / 2.
    metric : str
        Of X, by its name in scikit-learn.
    n_jobs : int, optional
    """
    from sklearn.metrics import pairwise_distances

    _check_rows(X, Y)
    n, k = X.shape[0], n_neighbors
    if not 1 <= k < n / 2:
        raise InputError(
            f"n_neighbors must be below n/2 = {n / 2:g}; got {k}. Ask for fewer, or add items."
        )
    on_map = nearest_neighbors(Y, k, n_jobs=n_jobs).indices
    penalty = 0
    for start in range(0, n, _ROWS_AT_ONCE):
        near = on_map[start : start + _ROWS_AT_ONCE]
        distances = pairwise_distances(X[start : start + _ROWS_AT_ONCE], X, metric=metric)
        own = np.arange(len(near))
        distances[own, start + own] = -1  # rank 0, whatever duplicates there are
        order = np.argsort(distances, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(n), order.shape), axis=1)
        penalty += int(np.maximum(np.take_along_axis(rank, near, axis=1) - k, 0).sum())
    return float(1 - penalty * 2 / (n * k * (2 * n - 3 * k - 1)))


def label_accuracy(
    Y: Any, labels: Sequence[Any], *, n_neighbors: int = 10, n_jobs: int | None = None
) -> float:
    """Return how often the majority of an item's nearest others on the map has its label.

    A tie goes to the label that comes first in sorted order, as scikit-learn's classifier has it.

    Parameters
    ----------
    Y : array, shape (n, c)
    labels : sequence, length n
    n_neighbors : int
    n_jobs : int, optional
    """
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
    metric: str = "euclidean",
    n_jobs: int | None = None,
) -> LabelAgreement:
    """Return the share of items whose nearest neighbours mostly, more than half, have their label.

    Parameters
    ----------
    X : array or sparse matrix, shape (n, d)
        Features, or positions on a map.
    labels : sequence, length n
    n_neighbors : int
    metric : str
    n_jobs : int, optional
    """
    classes, codes = _label_codes(X, labels)
    near = nearest_neighbors(X, n_neighbors, metric=metric, n_jobs=n_jobs).indices
    agrees = 2 * (codes[near] == codes[:, None]).sum(axis=1) > n_neighbors
    sizes = np.bincount(codes)
    shares = np.bincount(codes, weights=agrees) / sizes
    return LabelAgreement(
        float(agrees.mean()),
        {str(name): float(share) for name, share in zip(classes, shares, strict=True)},
    )


def _label_codes(X: Any, labels: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the sorted classes and each item's number among them."""
    if len(labels) != X.shape[0]:
        raise InputError(
            f"labels must be one an item, {X.shape[0]}; got {len(labels)}. "
            "Pass those of the same items."
        )
    classes, codes = np.unique(np.asarray(labels), return_inverse=True)
    return classes, codes.astype(np.int64)


def _check_rows(X: Any, Y: Any) -> None:
    if X.shape[0] != Y.shape[0]:
        raise InputError(
            f"X and Y must have a row an item; got {X.shape[0]} and {Y.shape[0]} rows. "
            "Pass the features and the positions of the same items."
        )
