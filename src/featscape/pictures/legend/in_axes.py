"""The legend of a map in the axes of matplotlib, and the handles of the classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featscape.pictures.legend.rows import (
    MAX_LEGEND_ROWS,
    TEXT_SCALES,
    LegendChoice,
    legend_rows,
    row_of_others,
)
from featscape.pictures.text import format_distinct, format_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.legend.rows import LegendRow
    from featscape.pictures.theme import Theme

# In units of the text: the gap between columns, the width of a handle, and the gap after a handle.
_COLUMN_GAP, _HANDLE, _AFTER_HANDLE = 1.0, 0.8, 0.4
_WIDEST_NAME = 0.4  # in units of the width of the axes
# matplotlib rounds the widths of letters to pixels, so that the size of a legend depends on the
# resolution of the file. A legend may grow by this factor without leaving the axes.
_GROWTH = 1.05


class _RowSize(NamedTuple):
    """Size of a row in pixels: of a class, and the width of the row with the number of others."""

    width: float
    height: float
    others_width: float


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
    least_pt : float
        The smallest size of the text, with which a legend lists more classes.
    dpi : float
        Pixels per inch of all sizes in pixels.
    """

    axes: Any
    classes: Classes | None
    theme: Theme
    text_pt: float
    least_pt: float
    dpi: float

    def place(
        self, codes: NDArray[np.intp], box: tuple[int, int], *, spans: NDArray[np.float64]
    ) -> tuple[tuple[int, int], LegendChoice | None]:
        """Add the legend where it leaves most room for the map.

        The legend has several columns or smaller text if it then lists more classes. A legend
        without room for all classes lists the largest classes and the number of others.

        Parameters
        ----------
        codes : ndarray of intp
            The classes.
        box : tuple of int
            The size of the axes, in pixels.
        spans : ndarray of float64, shape (2,)
            Width and height of the map in any unit.

        Returns
        -------
        room : tuple of int
            The size of the room for the map, in pixels.
        choice : LegendChoice or None
            The legend; None without classes.
        """
        classes = self.classes
        if classes is None or not len(codes):
            return box, None
        n_wanted = len(codes)
        choices: list[LegendChoice] = []
        for text_pt in dict.fromkeys(max(s * self.text_pt, self.least_pt) for s in TEXT_SCALES):
            row = self._measure_row(classes, codes, text_pt, box)
            choices += self._choices(text_pt, row, n_wanted, box=box, spans=spans)
        best = max(choices, key=lambda choice: choice.rank(n_wanted))
        added = self.add(codes, best, box)
        gap = best.text_size * self.dpi / 72
        width, height = (max(pair) + gap for pair in zip(added, best.size_px, strict=True))
        if best.side == "center right":
            return (max(round(box[0] - width), 1), box[1]), best
        return (box[0], max(round(box[1] - height), 1)), best

    def add(
        self, codes: NDArray[np.intp], choice: LegendChoice, box: tuple[int, int]
    ) -> tuple[float, float]:
        """Replace the legend by a legend of some classes; return its size in pixels."""
        if self.classes is None or not len(codes):
            if (legend := self.axes.get_legend()) is not None:
                legend.remove()
            return 0.0, 0.0
        rows = self._rows(legend_rows(self.classes, codes, choice.n_rows), choice.text_size, box)
        return self._add(rows, choice.n_columns, choice.side, choice.text_size)

    def _choices(
        self,
        text_pt: float,
        row: _RowSize,
        n_wanted: int,
        *,
        box: tuple[int, int],
        spans: NDArray[np.float64],
    ) -> Iterator[LegendChoice]:
        """Return the legends with a size of the text that are not larger than the axes."""

        def map_scale(right: float, below: float) -> float:
            least = np.maximum(spans, 1e-9)
            room = np.maximum([box[0] - right - gap, box[1] - below - gap], 0)
            room = np.where([right, below], room, box)
            return float(np.min(room / least) / np.min(np.array(box) / least))

        text_px = text_pt * self.dpi / 72
        gap, column_gap = text_px, _COLUMN_GAP * text_px
        n_fitting = max(int(box[1] / (_GROWTH * row.height)), 1)
        most_columns = max(int((box[0] / _GROWTH + column_gap) / (row.width + column_gap)), 1)
        n_listed = min(n_wanted, MAX_LEGEND_ROWS)
        for n_columns in range(1, min(most_columns, n_wanted) + 1):
            n_high = math.ceil(n_listed / n_columns)
            lines = [("lower center", n) for n in range(1, min(n_high, n_fitting) + 1)]
            for side, n_lines in (("center right", n_fitting), *lines):
                n_rows = min(n_listed, n_columns * n_lines)
                last = row.width if n_rows == n_wanted else max(row.width, row.others_width)
                width = (n_columns - 1) * (row.width + column_gap) + last
                if n_columns > 1 and _GROWTH * width > box[0]:
                    continue
                high = math.ceil(n_rows / n_columns) * row.height
                scale = map_scale(width, 0) if side == "center right" else map_scale(0, high)
                yield LegendChoice(text_pt, n_columns, n_rows, scale, side, (width, high))

    def _measure_row(
        self, classes: Classes, codes: NDArray[np.intp], text_pt: float, box: tuple[int, int]
    ) -> _RowSize:
        """Return the size of the largest row, at the resolutions of the figure and of `dpi`."""
        listed = [row for row in legend_rows(classes, codes, MAX_LEGEND_ROWS) if row.color]
        rows = self._rows([*listed, row_of_others(len(codes))], text_pt, box)
        _, height = self._add(rows, 1, "center right", text_pt)
        text_px, scale = text_pt * self.dpi / 72, self.dpi / self.axes.figure.figure.dpi
        widths = [
            max(
                scale * text.get_window_extent().width,
                format_text(row.name, text_px, family=self.theme.family).width_px,
            )
            + (_HANDLE + _AFTER_HANDLE) * text_px
            for row, text in zip(rows, self.axes.get_legend().get_texts(), strict=True)
        ]
        return _RowSize(max(widths[:-1]), height / len(rows), widths[-1])

    def _rows(
        self, rows: Sequence[LegendRow], text_pt: float, box: tuple[int, int]
    ) -> list[LegendRow]:
        """Return the rows with shortened texts: names to a share of the width of the axes."""
        text_px, family = text_pt * self.dpi / 72, self.theme.family
        names = [row.name for row in rows]
        short = format_distinct(names, text_px, width_px=_WIDEST_NAME * box[0], family=family)
        widest = box[0] / _GROWTH - (_HANDLE + _AFTER_HANDLE) * text_px
        return [
            replace(
                row,
                name=name.text
                if row.color
                else format_text(row.name, text_px, family=family).within(widest).text,
            )
            for row, name in zip(rows, short, strict=True)
        ]

    def _add(
        self, rows: Sequence[LegendRow], n_columns: int, side: str, text_pt: float
    ) -> tuple[float, float]:
        """Add or replace the legend; return its size, in pixels."""
        legend = self.axes.legend(
            handles=[_handle(row.name, row.color, text_pt) for row in rows],
            loc=side,
            ncols=n_columns,
            facecolor=self.theme.background,  # that of the figure may hide the text
            edgecolor="none",
            labelcolor=self.theme.ink,
            fontsize=text_pt,
            handlelength=_HANDLE,
            handletextpad=_AFTER_HANDLE,
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
