"""Measure the recall of a search against neighbors that SciPy finds in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINTS_AT_ONCE = 8_192

# (Squared) distances that differ by a smaller share are equal in float32.
_TIE = 1e-6

# SciPy's names. The search compares squared Euclidean distances for the other metrics.
_SCIPY_METRICS = {"manhattan": "cityblock", "chebyshev": "chebyshev"}


def true_neighbors(
    points: NDArray[np.float32], rows: NDArray[np.int64], k: int, *, metric: str
) -> NDArray[np.int64]:
    """Return the k nearest other points of some points, by NumPy and SciPy in float64.

    This function is slower than the search and shares no code with it, so that an error of the
    search shows in its recall.

    Parameters
    ----------
    points : ndarray of float32, shape (n, m)
        Read in blocks, so that the distances of one block are in memory at a time.
    rows : ndarray of int64, shape (s,)
        Indices of the points.
    k : int
    metric : str
        As in `NeighborIndex`.

    Returns
    -------
    ndarray of int64, shape (s, k)
        In no particular order.
    """
    nearest = np.full((len(rows), k), np.inf)
    neighbors = np.full((len(rows), k), -1, dtype=np.int64)
    queries = points[rows].astype(np.float64)
    for start in range(0, len(points), _POINTS_AT_ONCE):
        block = points[start : start + _POINTS_AT_ONCE].astype(np.float64)
        distances = _distances(queries, block, metric)
        own = np.flatnonzero((rows >= start) & (rows < start + len(block)))
        distances[own, rows[own] - start] = np.inf
        # Only points that are nearer to a query than its current neighbors matter.
        near = np.flatnonzero((distances < nearest.max(axis=1)[:, None]).any(axis=0))
        tried = np.hstack([nearest, distances[:, near]])
        names = np.hstack([neighbors, np.broadcast_to(start + near, (len(rows), len(near)))])
        best = np.argpartition(tried, k - 1, axis=1)[:, :k]
        nearest = np.take_along_axis(tried, best, axis=1)
        neighbors = np.take_along_axis(names, best, axis=1)
    return neighbors


def _distances(
    queries: NDArray[np.float64], points: NDArray[np.float64], metric: str
) -> NDArray[np.float64]:
    """Return distances in the metric of the search, shape (s, n); Euclidean ones are squared."""
    from scipy.spatial.distance import cdist

    if metric in _SCIPY_METRICS:
        return np.asarray(cdist(queries, points, _SCIPY_METRICS[metric]))
    # Cancellation loses digits, but float64 has enough of them for float32 points.
    return np.asarray(
        (queries**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * queries @ points.T
    )


def share_found(
    points: NDArray[np.float32],
    rows: NDArray[np.int64],
    found: NDArray[np.int32],
    true: NDArray[np.int64],
    *,
    metric: str,
) -> float:
    """Return the share of the found points that are no farther than the true neighbors.

    Points at the same distance, up to the rounding of float32, count as equally good.

    Parameters
    ----------
    points : ndarray of float32, shape (n, m)
    rows : ndarray of int64, shape (s,)
        The points whose neighbors are compared.
    found, true : ndarray of int32 and int64, shape (s, k)
        The found points and the true neighbors of each row.
    metric : str
    """
    from scipy.spatial.distance import cdist

    hits = 0
    for row, near, nearest in zip(rows, found, true, strict=True):
        query = points[row : row + 1].astype(np.float64)
        name = _SCIPY_METRICS.get(metric, "sqeuclidean")
        limit = cdist(query, points[nearest].astype(np.float64), name).max()
        distances = cdist(query, points[near].astype(np.float64), name)
        hits += int((distances <= limit * (1 + _TIE)).sum())
    return hits / found.size
