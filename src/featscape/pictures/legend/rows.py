"""The rows of a legend: the classes with their colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from featscape.pictures.text import one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.labels.classes import Classes

MAX_LEGEND_ROWS = 150  # to measure and draw more rows takes long
TEXT_SCALES = (1.0, 0.85, 0.7)  # of the text of a legend, to list more classes
# Shares of the scale of a map without a legend. A legend of all classes leaves at least the first
# share to the map, if possible the second; a legend of some classes leaves the second.
_LEAST_SCALE, _GOOD_SCALE = 0.5, 0.7


@dataclass(frozen=True)
class LegendRow:
    """A row of the legend. A row without a color is a remark."""

    name: str
    count: str = ""
    color: str | None = None


def legend_rows(classes: Classes, codes: NDArray[np.intp], n_rows: int) -> tuple[LegendRow, ...]:
    """Return one row per class, or the largest classes and a row with the number of others.

    Parameters
    ----------
    classes : Classes
    codes : ndarray of intp, shape (k,)
        The classes of the legend.
    n_rows : int
        The largest number of rows.
    """
    shown = codes
    if len(shown) > n_rows:
        largest = np.argsort(-classes.counts[codes], kind="stable")[: n_rows - 1]
        shown = np.sort(codes[largest])
    rows = [
        LegendRow(one_line(classes.names[i]), f"{classes.counts[i]:,}", classes.colors[i])
        for i in shown
    ]
    n_more = len(codes) - len(shown)
    if n_more:
        rows.append(row_of_others(n_more))
    return tuple(rows)


def row_of_others(n_more: int) -> LegendRow:
    """Return the row with the number of the classes that a legend does not list."""
    return LegendRow(f"and {n_more:,} more classes")


class LegendChoice(NamedTuple):
    """A possible legend.

    Attributes
    ----------
    text_size : float
        In the unit of the caller: points or pixels.
    n_columns : int
    n_rows : int
        Number of rows of all columns.
    map_scale : float
        The scale of the map beside the legend, as a share of the scale without a legend.
    side : {"center right", "lower center"}
        Of the map, in the notation of matplotlib.
    size_px : tuple of float
        Width and height, if the choice has rows of the largest width.
    """

    text_size: float
    n_columns: int
    n_rows: int
    map_scale: float
    side: str = "center right"
    size_px: tuple[float, float] = (0.0, 0.0)

    def rank(self, n_wanted: int) -> tuple[float, ...]:
        """Return the rank among the choices for `n_wanted` rows; the largest is the best."""
        is_beside = self.side == "center right"
        columns = self.n_columns * (-1 if is_beside else 1)
        equal = self.text_size, self.map_scale, is_beside, columns
        if self.n_rows >= n_wanted and self.map_scale >= _LEAST_SCALE:
            return 2, min(self.map_scale, _GOOD_SCALE), *equal
        if self.map_scale >= _GOOD_SCALE:
            return 1, self.n_rows, *equal
        return 0, self.map_scale, *equal
