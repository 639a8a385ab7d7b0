"""How many of the true neighbours a search found: another way to them, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINTS_AT_ONCE = 8_192

# (Squared) distances that differ by less than this share of them are equal in float32.
_TIE = 1e-6

# SciPy's names; the other metrics are searched as squared euclidean distances.
_SCIPY_METRICS = {"manhattan": "cityblock", "chebyshev": "chebyshev"}


def true_neighbors(
    points: NDArray[np.float32], rows: NDArray[np.int64], k: int, *, metric: str
) -> NDArray[np.int64]:
    """Return the k nearest others of some points, by plain NumPy and SciPy in float64.

    Slower than the search, and apart from it: what its recall is measured by.

    Parameters
    ----------
    points : ndarray of float32, shape (n, m)
        Read in blocks; beside them only the blocks' distances are held.
    rows : ndarray of int64, shape (s,)
        Which points.
    k : int
    metric : str
        As `NeighborIndex` takes it.

    Returns
    -------
    ndarray of int64, shape (s, k)
        In no order.
    """
    nearest = np.full((len(rows), k), np.inf)
    neighbors = np.full((len(rows), k), -1, dtype=np.int64)
    queries = points[rows].astype(np.float64)
    for start in range(0, len(points), _POINTS_AT_ONCE):
        block = points[start : start + _POINTS_AT_ONCE].astype(np.float64)
        distances = _distances(queries, block, metric)
        own = np.flatnonzero((rows >= start) & (rows < start + len(block)))
        distances[own, rows[own] - start] = np.inf
        # Only columns nearer to some query than what it has already can change anything.
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
    """Return the distances of the search's metric, shape (s, n): euclidean ones are squared."""
    from scipy.spatial.distance import cdist

    if metric in _SCIPY_METRICS:
        return np.asarray(cdist(queries, points, _SCIPY_METRICS[metric]))
    # One matrix product; the digits that it cancels, float64 has more than the points.
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
    """Return the share of the points found that lie no farther than the true neighbours, (s, k).

    Of points at the same distance, but for float32's rounding, one is as good as the other.
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
