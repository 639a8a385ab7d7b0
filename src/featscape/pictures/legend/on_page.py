"""The legend beside the map on a page: rows of classes in columns, with their numbers of items."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from featscape.pictures.legend.rows import MAX_LEGEND_ROWS, LegendChoice, LegendRow, legend_rows
from featscape.pictures.text import PlacedText, format_distinct, format_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.theme import Theme

# In units of the text
_STEP = 1.65  # between rows
_DISK, _AFTER_DISK = 0.86, 1.4  # the diameter, and the distance of the name from the left edge
_COLUMN_GAP = 1.5
# A name is shortened to this width, and to this share of the page.
_WIDEST_NAME, _WIDEST_SHARE = 14.4, 0.22
_COUNT = 0.85  # size of the text of the numbers


@dataclass(frozen=True)
class PageLegend:
    """The rows of a legend, in columns from the top to the bottom.

    Attributes
    ----------
    rows : tuple of LegendRow
    text_px : float
    n_columns : int
    rows_per_column : int
        The largest number of rows of a column.
    name_px, count_px : float
        Widths of the names and of the numbers of items.
    heading : tuple of LegendRow
        The row above the classes, if there is a heading.
    """

    rows: tuple[LegendRow, ...] = ()
    text_px: float = 0.0
    n_columns: int = 1
    rows_per_column: int = 0
    name_px: float = 0.0
    count_px: float = 0.0
    heading: tuple[LegendRow, ...] = ()

    def of(self, classes: Classes, codes: NDArray[np.intp]) -> PageLegend:
        """Return the legend with only these classes, in the same columns."""
        if not len(codes):
            return NO_LEGEND
        n_rows = max(self.n_columns * self.rows_per_column - len(self.heading), 1)
        return replace(self, rows=(*self.heading, *legend_rows(classes, codes, n_rows)))

    @property
    def width_px(self) -> float:
        """The width of all columns."""
        return self.n_columns * self._step_px - _COLUMN_GAP * self.text_px

    @property
    def height_px(self) -> float:
        """The distance of the first and the last row of the longest column."""
        return _STEP * self.text_px * max(self._n_used - 1, 0)

    @property
    def needed_px(self) -> float:
        """The height of the longest column, with the room of its rows."""
        return _STEP * self.text_px * self._n_used

    @property
    def disk_px(self) -> float:
        """Diameter of the disks."""
        return _DISK * self.text_px

    def disks(self, left: float, top: float) -> list[tuple[float, float, str]]:
        """Return the left edge, the middle and the color of each disk.

        Parameters
        ----------
        left, top : float
            The left edge of the legend, and the middle of its first row.
        """
        rows = zip(self._positions(left, top), self.rows, strict=True)
        return [(x, y, row.color) for (x, y), row in rows if row.color is not None]

    def texts(self, left: float, top: float, theme: Theme) -> list[PlacedText]:
        """Return the names and the numbers of items; see `disks`."""
        size_px = self.text_px
        names = format_distinct([row.name for row in self.rows], size_px, width_px=self.name_px)
        texts = []
        for (x, y), row, name in zip(self._positions(left, top), self.rows, names, strict=True):
            if row.color is None:
                texts.append(PlacedText(x, y, format_text(row.name, size_px), theme.pale_ink))
                continue
            count = format_text(row.count, _COUNT * size_px)
            name_left = x + _AFTER_DISK * size_px
            right = name_left + self.name_px + size_px + self.count_px
            texts.append(PlacedText(name_left, y, name, theme.ink))
            texts.append(PlacedText(right, y, count, theme.pale_ink, anchor="rm"))
        return texts

    @property
    def _n_used(self) -> int:
        """The number of rows of the longest column."""
        return math.ceil(len(self.rows) / self.n_columns)

    @property
    def _step_px(self) -> float:
        """The distance between columns."""
        widths = self.name_px + self.count_px
        return widths + (_AFTER_DISK + 1 + _COLUMN_GAP) * self.text_px

    def _positions(self, left: float, top: float) -> list[tuple[float, float]]:
        """Return the left edge and the middle of each row."""
        places = [divmod(i, max(self._n_used, 1)) for i in range(len(self.rows))]
        step = _STEP * self.text_px
        return [(left + column * self._step_px, top + row * step) for column, row in places]


NO_LEGEND = PageLegend()


def plan_legend(
    classes: Classes,
    codes: NDArray[np.intp],
    heading: str | None,
    sizes: Iterable[float],
    *,
    room: tuple[float, float],
    aspect: float,
) -> PageLegend:
    """Return the best legend of some classes: see `LegendChoice`.

    Parameters
    ----------
    classes : Classes
    codes : ndarray of intp, shape (k,)
        The classes of the legend.
    heading : str or None
    sizes : iterable of float
        The possible sizes of the text, in pixels, the largest first.
    room : tuple of float
        The width and height of the map and the legend without the gap between them, in pixels.
    aspect : float
        Ratio of width to height of the map.
    """
    above = () if heading is None else (LegendRow(heading),)
    n_wanted = len(codes) + len(above)
    choices: dict[LegendChoice, PageLegend] = {}
    for text_px in sizes:
        n_fitting = max(int(room[1] / (_STEP * text_px)), len(above) + 1)
        all_rows = (*above, *legend_rows(classes, codes, MAX_LEGEND_ROWS))
        names_px, counts_px = _widths(all_rows, text_px)
        widths = min(names_px, _WIDEST_SHARE * room[0]), counts_px
        for n_columns in range(1, math.ceil(len(all_rows) / n_fitting) + 1):
            n_rows = min(n_columns * n_fitting, len(all_rows))
            rows = (*above, *legend_rows(classes, codes, n_rows - len(above)))
            legend = PageLegend(rows, text_px, n_columns, n_fitting, *widths, heading=above)
            scale = min((room[0] - legend.width_px) / aspect, room[1])
            without = min(room[0] / aspect, room[1])
            choices[LegendChoice(text_px, n_columns, len(rows), scale / without)] = legend
    return choices[max(choices, key=lambda choice: choice.rank(n_wanted))]


def _widths(rows: tuple[LegendRow, ...], text_px: float) -> tuple[float, float]:
    """Return the widths of the names, at most `_WIDEST_NAME`, and of the counts."""
    names = max(format_text(row.name, text_px).width_px for row in rows)
    counts = max(format_text(row.count, _COUNT * text_px).width_px for row in rows)
    return min(names, _WIDEST_NAME * text_px), counts
