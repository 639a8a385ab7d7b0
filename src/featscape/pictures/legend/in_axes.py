"""The legend of a map in the axes of matplotlib, and the handles of the classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.pictures.legend.rows import MAX_LEGEND_ROWS, legend_rows
from featscape.pictures.text import format_distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.legend.rows import LegendRow
    from featscape.pictures.theme import Theme

# The gap between columns and the step between rows, in units of the text, and the width of a name,
# in units of the width of the axes.
_COLUMN_GAP, _ROW, _WIDEST_ROW = 1.0, 1.5, 0.4


def add_handles(axes: Any, classes: Classes | None, text_pt: float) -> None:
    """Add one empty artist per class to axes, which `get_legend_handles_labels` returns."""
    if classes is not None:
        for name, color in zip(classes.names, classes.colors, strict=True):
            axes.add_artist(_handle(name, color, text_pt))


def _handle(name: str, color: str | None, text_pt: float) -> Line2D:
    """Return a disk without a position, with a label."""
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=color or "none",
        label=name,
        marker="o",
        markersize=0.6 * text_pt,
        linestyle="none",
    )


@dataclass(frozen=True, eq=False)
class AxesLegend:
    """A legend of some of the classes inside axes, beside or below the map.

    Attributes
    ----------
    axes : matplotlib.axes.Axes
    classes : Classes or None
        None for no legend.
    theme : Theme
    text_pt : float
    dpi : float
        Pixels per inch of all sizes in pixels.
    """

    axes: Any
    classes: Classes | None
    theme: Theme
    text_pt: float
    dpi: float

    def place(
        self, codes: NDArray[np.intp], box: tuple[int, int], *, spans: NDArray[np.float64]
    ) -> tuple[int, int]:
        """Add the legend where it leaves most room for the map; return the size of the room.

        Parameters
        ----------
        codes : ndarray of intp
            The classes.
        box : tuple of int
            The size of the axes, in pixels.
        spans : ndarray of float64, shape (2,)
            Width and height of the map in any unit.
        """
        if self.classes is None or not len(codes):
            return box
        n_rows = int(box[1] / (_ROW * self._text_px))
        rows = legend_rows(self.classes, codes, min(max(n_rows, 1), MAX_LEGEND_ROWS))
        whole = [row.name for row in rows]
        short = format_distinct(
            whole, self._text_px, width_px=_WIDEST_ROW * box[0], family=self.theme.family
        )
        named = zip(rows, short, strict=True)
        rows = tuple(replace(row, name=name.text) for row, name in named)
        width, height = self._add(rows, 1, "center right")
        counts = range(1, len(rows) + 1)
        candidates = [("center right", n_columns) for n_columns in counts]
        candidates += [("lower center", n_columns) for n_columns in reversed(counts)]
        best, largest = (1, "center right", box), 0.0
        for side, n_columns in candidates:
            wide = round(n_columns * width + (n_columns - 1) * _COLUMN_GAP * self._text_px)
            high = round(height * math.ceil(len(rows) / n_columns) / len(rows))
            gap = round(self._text_px)
            right, below = (wide + gap, 0) if side == "center right" else (0, high + gap)
            room = box[0] - right, box[1] - below
            scale = float(np.min(room / np.maximum(spans, 1e-9)))
            if wide <= box[0] and high <= box[1] and scale > largest:
                best, largest = (n_columns, side, room), scale
        self._add(rows, *best[:2])
        return best[2]

    @property
    def _text_px(self) -> float:
        return self.text_pt * self.dpi / 72

    def _add(self, rows: Sequence[LegendRow], n_columns: int, side: str) -> tuple[float, float]:
        """Add or replace the legend; return its size, in pixels."""
        handles = [_handle(row.name, row.color, self.text_pt) for row in rows]
        legend = self.axes.legend(
            handles=handles,
            loc=side,
            ncols=n_columns,
            facecolor=self.theme.background,  # that of the figure may hide the text
            edgecolor="none",
            labelcolor=self.theme.ink,
            fontsize=self.text_pt,
            handlelength=0.8,
            handletextpad=0.4,
            columnspacing=_COLUMN_GAP,
            labelspacing=0.4,
            borderpad=0,
            borderaxespad=0,
        )
        legend.set_in_layout(False)  # inside the axes
        for text in legend.get_texts():
            text.set_parse_math(False)
        extent = legend.get_window_extent()
        scale = self.dpi / self.axes.figure.figure.dpi
        return scale * extent.width, scale * extent.height
