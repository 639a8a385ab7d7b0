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
    """Computes which share of a rectangle is covered by the items of a map.

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
        self._cell_px = cell_px
        width, height = (int(side / cell_px) + 1 for side in box)
        half = arrangement.side_px / 2
        low = np.rint((arrangement.centers - half) / cell_px).astype(np.intp)
        high = np.maximum(np.rint((arrangement.centers + half) / cell_px).astype(np.intp), low + 1)
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
        covered = counts[:-1, :-1] > 0
        self._sums = np.pad(covered.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))

    def share(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the covered share of each rectangle: left, top, right, bottom, shape (k, 4)."""
        height, width = self._sums.shape
        edges = np.rint(boxes / self._cell_px).astype(np.intp)
        left, top, right, bottom = np.clip(edges.T, 0, np.array([[width], [height]] * 2) - 1)
        sums = self._sums
        covered = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        share: NDArray[np.float64] = covered / np.maximum((right - left) * (bottom - top), 1)
        return share
