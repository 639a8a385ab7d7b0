"""The items of a map as they are drawn, and the best positions of names beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from featscape.pictures.plane import fit_to_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.pictures.text import FormattedText

_LINE_STEP = 1.15
_REACH = 10.0  # the middle of a name is at most this far from its anchor, in units of its size
# The cost of a position is the sum of these costs. Lengths are in units of the size of the name. A
# name must not hide the only item of its class. A name that is nearer to an item of another class
# may be read as the name of this class.
_COST_OF_COVER = 1.0  # of the covered share of the name
# Added for items of at least half of the size; less for smaller items: many remain visible.
_COST_OF_COVER_OF_LARGE_ITEMS, _COST_OF_ANY_COVER = 2.0, 1.0
_COST_OF_HIDDEN_CLUSTER = 4.0  # of the hidden share of its cluster
_COST_OF_DISTANCE = 0.1  # of the middle from the anchor
_COST_OF_GAP = 0.2  # to the nearest item of the class
_COST_OF_OTHERS_NEARER = 0.5
_COST_OF_OTHERS_AROUND = 0.5  # of the share of other classes in the items around the name
_GAP_WITH_LEADER = 1.0  # a name with a larger gap has a line to its item
_HALO = 0.15  # width of the outline, in units of the size


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


def arrange_points(
    xy: NDArray[np.float64], order: NDArray[np.intp], box: tuple[int, int], diameter_px: float
) -> Arrangement:
    """Return points in a box of this width and height, with a margin of their diameter.

    Parameters
    ----------
    xy : ndarray of float64, shape (n, 2)
        y upward.
    order : ndarray of intp, shape (n,)
        The drawing order.
    box : tuple of int
        Width and height, in pixels.
    diameter_px : float
    """
    margin_px = min(diameter_px, min(box) / 4)
    centers = fit_to_box(xy, width_px=box[0], height_px=box[1], margin_px=margin_px)
    return Arrangement(items=order, centers=centers[order], side_px=diameter_px)


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


@dataclass(frozen=True)
class NameBox:
    """The name of a class or of an item, laid out on the map.

    Attributes
    ----------
    lines : tuple of FormattedText
        One or two lines, centered.
    x, y : float
        The middle of the name, in pixels of the map, y downward.
    name_id : int
        The code of the class; for the name of an item, its index in the mapping of names.
    size_px : float
        Size of the font.
    leader : tuple of float or None
        The x and y of both ends of a line from the edge of the name to the middle of an item.
    """

    lines: tuple[FormattedText, ...]
    x: float
    y: float
    name_id: int
    size_px: float
    leader: tuple[float, float, float, float] | None = None

    @property
    def half_width_px(self) -> float:
        """Half of the width, with the outline."""
        return max(line.width_px for line in self.lines) / 2 + _HALO * self.size_px

    @property
    def half_height_px(self) -> float:
        """Half of the height, with the outline."""
        return (0.55 + _LINE_STEP / 2 * (len(self.lines) - 1)) * self.size_px

    @property
    def area_px(self) -> float:
        """The area with the outline, in square pixels."""
        return 4 * self.half_width_px * self.half_height_px

    @property
    def line_middles(self) -> list[float]:
        """The y coordinate of the middle of each line."""
        first = self.y - _LINE_STEP / 2 * (len(self.lines) - 1) * self.size_px
        return [first + i * _LINE_STEP * self.size_px for i in range(len(self.lines))]

    @property
    def halo_px(self) -> float:
        """The width of the outline, which separates the name from the points."""
        return max(_HALO * self.size_px, 1.0)

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """The left, top, right and bottom edges."""
        half_width, half_height = self.half_width_px, self.half_height_px
        return self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height


def best_position(
    name: NameBox,
    earlier: list[NameBox],
    coverage: Coverage,
    own: Coverage,
    n_items: int,
) -> list[tuple[float, NameBox]]:
    """Return the name moved to the best position, with its cost; empty without a free position.

    Parameters
    ----------
    name : NameBox
        Centered at its anchor.
    earlier : list of NameBox
        Names that must not be overlapped.
    coverage : Coverage
    own : Coverage
        Contains only the items that the name may be beside.
    n_items : int
        Number of items in the cluster.
    """
    box = coverage.box
    half = np.array([name.half_width_px, name.half_height_px])
    if 2 * half[0] > box[0] or 2 * half[1] > box[1]:
        return []
    steps = np.arange(-_REACH, _REACH + 0.1, 0.5)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)  # units of the size
    offsets = offsets[np.hypot(*offsets.T) <= _REACH]
    middles = np.clip(np.array([name.x, name.y]) + offsets * name.size_px, half, box - half)
    boxes = np.hstack([middles - half, middles + half])  # (k, 4): left, top, right, bottom
    to_own, to_others = (
        distances / name.size_px
        for distances in coverage.distances(boxes, own, around_px=2 * name.size_px)
    )
    share = coverage.share(boxes)
    side_px = own.items.side_px
    hidden = own.share(boxes) * name.area_px / (n_items * side_px**2)
    largeness = min((2 * side_px / name.size_px) ** 2, 1.0)
    around = boxes + name.size_px * np.array([-1, -1, 1, 1])
    cost = (
        (_COST_OF_COVER + largeness * _COST_OF_COVER_OF_LARGE_ITEMS) * share
        + largeness * _COST_OF_ANY_COVER * (share > 0)
        + _COST_OF_HIDDEN_CLUSTER * np.minimum(hidden, 1)
        + _COST_OF_DISTANCE * np.hypot(*offsets.T)
        + _COST_OF_GAP * to_own
        + _COST_OF_OTHERS_NEARER * (to_others < to_own)
        + _COST_OF_OTHERS_AROUND
        * (1 - own.share(around) / np.maximum(coverage.share(around), 1e-9))
    )
    if earlier:
        taken = np.array([other.box for other in earlier])
        meets = _overlap(np.hstack([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)]), taken)
        cost[_overlap(boxes[:, None], taken[meets]).any(axis=-1)] = np.inf
    best = int(cost.argmin())
    if np.isinf(cost[best]):
        return []
    moved = replace(name, x=float(middles[best, 0]), y=float(middles[best, 1]))
    if to_own[best] > min(_GAP_WITH_LEADER, float(to_others[best])):
        moved = replace(moved, leader=_leader(moved, own.items.centers))
    return [(float(cost[best]), moved)]


def _leader(name: NameBox, centers: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return the line from a name to the nearest of the items at `centers`.

    The line starts at the edge of the name, in the direction from its middle to the item. From the
    nearest corner, the line could follow the edge of an image of another class.
    """
    outside = centers - np.clip(centers, name.box[:2], name.box[2:])
    item = centers[int(np.hypot(*outside.T).argmin())]
    middle = np.array([name.x, name.y])
    half = np.array([name.half_width_px, name.half_height_px])
    n_halves = float(np.max(np.abs(item - middle) / half))  # between the middle and the item
    start = middle + (item - middle) / max(n_halves, 1.0)
    return (*start.tolist(), *item.tolist())


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether boxes overlap: left, top, right, bottom on the last axis."""
    meets: NDArray[np.bool_] = (one[..., :2] < other[..., 2:]) & (other[..., :2] < one[..., 2:])
    return meets[..., 0] & meets[..., 1]
