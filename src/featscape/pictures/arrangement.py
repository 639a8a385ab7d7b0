"""The items of a map as they are drawn on a page, and the area that they cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Arrangement:
    """The items of a map, arranged on a page.

    Attributes
    ----------
    items : ndarray of intp, shape (m,)
        The drawn items, in drawing order.
    centers : ndarray of float64, shape (m, 2)
        In pixels of the map, y downward.
    side_px : float
        The longer side of an image, or the diameter of a point.
    """

    items: NDArray[np.intp]
    centers: NDArray[np.float64]
    side_px: float


class Coverage:
    """Computes which share of a rectangle the items of a map cover, and how near items are.

    Parameters
    ----------
    arrangement : Arrangement
    box : tuple of int
        Width and height of the map in pixels.
    cell_px : float
        Side of a cell of the grid in which the covered area is counted.
    """

    def __init__(self, arrangement: Arrangement, box: tuple[int, int], cell_px: float) -> None:
        self.box = box
        self.items = arrangement
        self._cell_px = cell_px
        self._counts = self._count_items()
        covered = self._counts > 0
        self._sums = np.pad(covered.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))

    def only(self, chosen: NDArray[np.bool_]) -> Coverage:
        """Return the coverage by some of the items; `chosen` has shape (m,)."""
        items = self.items
        part = Arrangement(items.items[chosen], items.centers[chosen], items.side_px)
        return Coverage(part, self.box, self._cell_px)

    def share(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the covered share of each rectangle: left, top, right, bottom, shape (k, 4)."""
        height, width = self._sums.shape
        edges = np.rint(boxes / self._cell_px).astype(np.intp)
        left, top, right, bottom = np.clip(edges.T, 0, np.array([[width], [height]] * 2) - 1)
        sums = self._sums
        covered = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        share: NDArray[np.float64] = covered / np.maximum((right - left) * (bottom - top), 1)
        return share

    def distances(
        self, boxes: NDArray[np.float64], own: Coverage, *, around_px: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the distances to the nearest item of `own` and to the nearest other item, (k,).

        Parameters
        ----------
        boxes : ndarray of float64, shape (k, 4)
            Rectangles of the same size: left, top, right, bottom, in pixels.
        own : Coverage
            Some of the items.
        around_px : float
            Items farther from all rectangles are ignored. Without an item, the distance is
            infinite.
        """
        from scipy.ndimage import distance_transform_edt, minimum_filter

        cell_px = self._cell_px
        low = ((boxes[:, 1::-1].min(axis=0) - around_px) / cell_px).astype(np.intp).clip(0)
        high = ((boxes[:, :1:-1].max(axis=0) + around_px) / cell_px).astype(np.intp) + 1
        window = slice(low[0], high[0]), slice(low[1], high[1])
        n_cells = np.rint((boxes[0, :1:-1] - boxes[0, 1::-1]) / cell_px).astype(int).clip(1)
        middles = (boxes[:, 1::-1] + boxes[:, :1:-1]) / 2 / cell_px - low
        n_own, n_all = own._counts[window], self._counts[window]
        is_own, is_other = n_own > 0, n_all > n_own
        rows, columns = middles.astype(np.intp).clip(0, np.array(is_own.shape) - 1).T
        found = []
        for mask in (is_own, is_other):
            if not mask.any():
                found.append(np.full(len(boxes), np.inf))
                continue
            to_cells = minimum_filter(distance_transform_edt(~mask), size=tuple(n_cells))
            found.append(to_cells[rows, columns] * cell_px)
        return found[0], found[1]

    def _count_items(self) -> NDArray[np.intp]:
        """Return the number of items on each cell, (height, width)."""
        cell_px, half = self._cell_px, self.items.side_px / 2
        centers = self.items.centers
        width, height = (int(side / cell_px) + 1 for side in self.box)
        low = np.rint((centers - half) / cell_px).astype(np.intp)
        high = np.maximum(np.rint((centers + half) / cell_px).astype(np.intp), low + 1)
        left, top = np.clip(low, 0, (width, height)).T
        right, bottom = np.clip(high, 0, (width, height)).T
        # The corners of the items, summed along both axes, give the number of items on each cell.
        corners = np.zeros((height + 1) * (width + 1), dtype=np.intp)
        for rows, columns, sign in (
            (top, left, 1),
            (top, right, -1),
            (bottom, left, -1),
            (bottom, right, 1),
        ):
            corners += sign * np.bincount(rows * (width + 1) + columns, minlength=len(corners))
        counts = corners.reshape(height + 1, width + 1).cumsum(axis=0).cumsum(axis=1)
        inside: NDArray[np.intp] = counts[:-1, :-1]
        return inside
