"""Arrange thumbnails: choose which to draw, move them apart, or assign them to a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The time of the optimal assignment grows faster than its number of pairs of a point and a cell.
# 400,000 pairs (about 500 points) take 0.2 s; more pairs did not reduce the movement of the points.
MAX_PAIRS = 400_000
# 1,600 pairs (34 points): 20,000 points take 0.2 s instead of 4.7 s, and the sum of the squared
# movements grows by 0.7 %; a million points take 11 s.
FAST_PAIRS = 1_600
# More passes of `move_apart` do not increase the visible area of the images.
_PASSES = 40


def spread_out(points: NDArray[np.float64], distance: float) -> NDArray[np.intp]:
    """Choose points with pairwise distances of at least `distance`.

    The points are visited in a fixed random order, and a point is chosen if no chosen point is
    nearer than `distance`. The chosen points cover dense and sparse regions of the map, and no
    further point could be added.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 2)
    distance : float
        Minimum Chebyshev distance: the larger of the differences in x and y.

    Returns
    -------
    ndarray of intp, shape (m,)
        Indices of points, ascending.
    """
    taken: dict[tuple[int, int], list[int]] = {}  # by cell of side `distance`
    chosen: list[int] = []
    columns, rows = np.floor(points / distance).astype(np.int64).T.tolist()
    xs, ys = points.T.tolist()
    for i in np.random.default_rng(0).permutation(len(points)).tolist():
        x, y, column, row = xs[i], ys[i], columns[i], rows[i]
        near = (
            j
            for c in (column - 1, column, column + 1)
            for r in (row - 1, row, row + 1)
            for j in taken.get((c, r), ())
        )
        if all(abs(xs[j] - x) >= distance or abs(ys[j] - y) >= distance for j in near):
            taken.setdefault((column, row), []).append(i)
            chosen.append(i)
    return np.sort(np.array(chosen, dtype=np.intp))


def move_apart(
    centers: NDArray[np.float64], side: float, *, box: tuple[float, float]
) -> NDArray[np.float64]:
    """Move overlapping squares apart so that each square still covers its point.

    In each pass, two overlapping squares push each other along the axis with the smaller overlap,
    by half of the overlap. A square with several overlaps moves by the mean of the pushes. For 500
    crowded digits this reduces the covered area from 25 % to 5 %.

    Parameters
    ----------
    centers : ndarray of float64, shape (n, 2)
        The points in pixels, at least half a side from the edges of the box.
    side : float
        Side of every square, in pixels.
    box : tuple of float
        Width and height of the box, in pixels. The squares stay inside the box.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Centers of the squares, at most half a side from the points on each axis.
    """
    from scipy.spatial import KDTree

    lowest = np.maximum(centers - side / 2, side / 2)
    highest = np.minimum(centers + side / 2, np.array(box) - side / 2)
    # Squares that are farther apart never overlap, because each moves by half a side at most.
    pairs = KDTree(centers).query_pairs(2 * side, p=np.inf, output_type="ndarray")  # (m, 2)
    moved = centers
    for _ in range(_PASSES):
        gaps = moved[pairs[:, 1]] - moved[pairs[:, 0]]
        overlaps = side - np.abs(gaps)
        meeting = np.flatnonzero((overlaps > 0).all(axis=1))
        axis = overlaps[meeting].argmin(axis=1)
        first, second = pairs[meeting].T
        push = np.copysign(overlaps[meeting, axis], gaps[meeting, axis]) / 2
        pushes = np.zeros_like(centers)
        np.add.at(pushes, (first, axis), -push)
        np.add.at(pushes, (second, axis), push)
        n_pushes = np.bincount(pairs[meeting].ravel(), minlength=len(centers))
        moved = np.clip(moved + pushes / np.maximum(n_pushes, 1)[:, None], lowest, highest)
    return moved


def snap_to_grid(
    points: NDArray[np.float64], *, n_columns: int, n_rows: int, max_pairs: int = MAX_PAIRS
) -> NDArray[np.intp]:
    """Assign every point to its own cell, with small movements of the points.

    For up to `max_pairs` pairs of a point and a cell, the sum of the squared distances is minimal
    (a linear assignment, solved by SciPy). A larger grid is split recursively across its longer
    side, together with its points, and each part is solved. If a part has too few cells, the points
    nearest to the split move to the other part.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 2)
        In units of a cell: the center of the first cell is at (0.5, 0.5).
    n_columns, n_rows : int
        At least n cells.
    max_pairs : int
        Maximum number of pairs in one assignment; `FAST_PAIRS` for very many points.

    Returns
    -------
    ndarray of intp, shape (n, 2)
        Column and row of the cell of each point.
    """
    cells = np.empty((len(points), 2), dtype=np.intp)
    parts = [(np.arange(len(points)), (0, 0), (n_columns, n_rows))]
    while parts:
        members, low, high = parts.pop()
        shape = high[0] - low[0], high[1] - low[1]
        n_cells = shape[0] * shape[1]
        if len(members) * n_cells <= max_pairs:
            cells[members] = _assign(points[members], low, shape)
            continue
        axis = 0 if shape[0] >= shape[1] else 1
        cut = low[axis] + shape[axis] // 2
        near = (cut, high[1]) if axis == 0 else (high[0], cut)
        far = (cut, low[1]) if axis == 0 else (low[0], cut)
        n_near_cells = shape[axis] // 2 * shape[1 - axis]
        # Keep each point on its side, unless one side has too few cells for its points.
        n_near = int((points[members, axis] < cut).sum())
        n_near = max(min(n_near, n_near_cells), len(members) - (n_cells - n_near_cells))
        ordered = members[np.argsort(points[members, axis], kind="stable")]
        parts.append((ordered[:n_near], low, near))
        parts.append((ordered[n_near:], far, high))
    return cells


def _assign(
    points: NDArray[np.float64], low: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.intp]:
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    block = np.stack(np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"), axis=-1)
    cells = block.reshape(-1, 2) + np.array(low)
    _, assigned = linear_sum_assignment(cdist(points, cells + 0.5, "sqeuclidean"))
    chosen: NDArray[np.intp] = cells[assigned]
    return chosen
