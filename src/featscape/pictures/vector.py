"""Draw a scatter plot in the axes of matplotlib, and write it as SVG or PDF with text as text."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from featscape.pictures.arrangement import Arrangement
from featscape.pictures.names import (
    LARGEST,
    SMALLEST,
    lay_out_names,
    leaders,
    name_color,
    unnamed_classes,
)
from featscape.pictures.page import MAX_LEGEND_ROWS, legend_rows
from featscape.pictures.plane import fit_to_box
from featscape.pictures.points import DPI, add_lines, add_points, marker_px
from featscape.pictures.text import format_distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.names import ItemNames, PlannedMap
    from featscape.pictures.page import LegendRow
    from featscape.pictures.placement import NameBox
    from featscape.pictures.text import FormattedText
    from featscape.pictures.theme import Theme

MAX_VECTOR_POINTS = 20_000  # programs open larger files slowly; more points become an image
_IMAGE_DPI = 2 * DPI  # of this image
_LAYOUT_DPI = 300  # of the names in axes, whose sizes are whole pixels
_SMALLEST_NAME_PT = 6.0  # in axes; smaller text is hard to read in print
# The legend in axes: the gap between columns and the step between rows, in units of the text, and
# the width of a name, in units of the width of the axes.
_COLUMN_GAP, _ROW, _WIDEST_ROW = 1.0, 1.5, 0.4
_TEXTS_PER_SIDE = 60  # sizes of the text per side of the axes
# By suffix; without a date, a file has the same bytes every time.
_METADATA = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
VECTOR_SUFFIXES = _METADATA.keys()


def write_vector(
    path: Path,
    planned: PlannedMap,
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    classes: Classes | None,
    *,
    caption: str | None,
) -> None:
    """Write a scatter plot as SVG or PDF.

    Parameters
    ----------
    path : Path
        Ends with .svg or .pdf.
    planned : PlannedMap
    codes : ndarray of intp, shape (n,)
        The color of each item, an index into `colors`.
    colors : tuple of str
    classes : Classes or None
    caption : str or None
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    page, points = planned.page, planned.arrangement
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "featscape", "pdf.fonttype": 42}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(page.width_px / DPI, page.height_px / DPI), dpi=DPI)
        figure.set_facecolor(page.theme.background)
        axes: Any = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, page.width_px), ylim=(page.height_px, 0))
        corner = np.array([page.map_left, page.map_top])
        add_points(
            axes,
            points.centers + corner,
            codes[points.items],
            colors,
            marker_pt=_points_of(points.side_px),
            background=page.theme.background,
            rasterized=len(codes) > MAX_VECTOR_POINTS,
        )
        _add_names(
            axes, planned.names, classes, page.theme, to_data=lambda xy: xy + corner, dpi=DPI
        )
        for one in page.texts(caption=caption):
            side = {"lm": "left", "rm": "right"}[one.anchor]
            _add_text(axes, (one.x, one.y), one.line, one.color, side=side, dpi=DPI)
        for x, y, color in page.disks():
            size = _points_of(page.disk_px) ** 2
            axes.scatter([x + page.disk_px / 2], [y], s=size, c=color, linewidths=0)
        figure.savefig(path, dpi=_IMAGE_DPI, metadata=_METADATA[path.suffix.lower()])


def draw_in_axes(
    axes: Any,
    xy: NDArray[np.float64],
    *,
    order: NDArray[np.intp],
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    classes: Classes | None,
    names: bool,
    item_names: ItemNames | None,
    theme: Theme,
) -> None:
    """Draw a scatter plot in axes, and set their limits.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    xy : ndarray of float64, shape (n, 2)
        In the coordinates of the data.
    order : ndarray of intp, shape (n,)
        The order in which the points are drawn.
    codes, colors, classes
        As in `write_vector`.
    names : bool
        Write the names on the map.
    item_names : ItemNames or None
        The names on a map without classes.
    theme : Theme
    """
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    box = _size_px(axes)
    text_px, largest = _text_sizes(min(box))
    legend = _Legend(axes, classes, theme, text_pt=text_px * 72 / _LAYOUT_DPI)
    listed = np.arange(0 if classes is None or names else len(classes.names))
    while True:
        room = legend.place(listed, box, spans=np.ptp(xy, axis=0))
        side_px = marker_px(len(xy), min(room))
        centers = fit_to_box(xy, width_px=room[0], height_px=room[1], margin_px=side_px)
        laid_out: list[NameBox] = []
        arrangement = Arrangement(np.arange(len(xy)), centers, side_px)
        sizes: _Sizes = {"box": room, "text_px": text_px, "largest": largest}
        if names and classes is not None:
            laid_out = lay_out_names(arrangement, classes, **sizes)
        elif names and item_names is not None:
            laid_out = item_names.lay_out(arrangement, **sizes)
        if classes is None or not names:
            break
        missing = np.setdiff1d(unnamed_classes(laid_out, classes), listed)
        if not len(missing):
            break
        listed = np.union1d(listed, missing)  # the legend takes room from the names
    to_data = _limit(axes, xy, centers, box)
    add_points(
        axes,
        xy[order],
        codes[order],
        colors,
        marker_pt=side_px * 72 / _LAYOUT_DPI,
        background=theme.background,
        rasterized=len(xy) > MAX_VECTOR_POINTS,
    )
    axes.set_facecolor(theme.background)
    _add_names(axes, laid_out, classes, theme, to_data=to_data, dpi=_LAYOUT_DPI)


class _Sizes(TypedDict):
    box: tuple[int, int]
    text_px: float
    largest: float


def _size_px(axes: Any) -> tuple[int, int]:
    """Return the size of axes after the layout of their figure, at `_LAYOUT_DPI`."""
    figure = axes.figure.figure  # the figure of a subfigure
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    extent = axes.get_window_extent()
    scale = _LAYOUT_DPI / figure.dpi
    return max(round(scale * extent.width), 1), max(round(scale * extent.height), 1)


def _text_sizes(side_px: int) -> tuple[float, float]:
    """Return the size of the text for axes of this shorter side, and that of the largest name.

    Both sizes are proportional to the side, except in small axes: there no name is smaller than
    `_SMALLEST_NAME_PT`, or much larger. The second size is in units of the first.
    """
    proportional_px = side_px / _TEXTS_PER_SIDE
    text_px = max(proportional_px, _SMALLEST_NAME_PT / SMALLEST * _LAYOUT_DPI / 72)
    return text_px, max(LARGEST * proportional_px / text_px, 1.0)


def _limit(
    axes: Any, xy: NDArray[np.float64], centers: NDArray[np.float64], box: tuple[int, int]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Set the limits so that `xy` has the positions `centers`; return the map from pixels."""
    spans = np.ptp(xy, axis=0), np.ptp(centers, axis=0)
    longer = int(spans[1].argmax())
    scale = spans[0][longer] / spans[1][longer] if spans[1][longer] else 1.0  # data per pixel

    def to_data(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        moved: NDArray[np.float64] = xy[0] + (pixels - centers[0]) * scale * np.array([1, -1])
        return moved

    left, top = to_data(np.zeros(2))
    right, bottom = to_data(np.array(box, dtype=np.float64))
    axes.set(xlim=(left, right), ylim=(bottom, top))
    return to_data


@dataclass(frozen=True, eq=False)
class _Legend:
    """A legend of some of the classes inside axes, beside or below the map."""

    axes: Any
    classes: Classes | None
    theme: Theme
    text_pt: float

    def place(
        self, codes: NDArray[np.intp], box: tuple[int, int], *, spans: NDArray[np.float64]
    ) -> tuple[int, int]:
        """Add the legend where it leaves most room for the map; return the size of the room.

        Parameters
        ----------
        codes : ndarray of intp
            The classes.
        box : tuple of int
            The size of the axes, at `_LAYOUT_DPI`.
        spans : ndarray of float64, shape (2,)
            Width and height of the map in any unit.
        """
        if self.classes is None or not len(codes):
            return box
        n_rows = int(box[1] / (_ROW * self._text_px))
        rows = legend_rows(self.classes, codes, min(max(n_rows, 1), MAX_LEGEND_ROWS))
        whole = [row.name for row in rows]
        short = format_distinct(whole, self._text_px, width_px=_WIDEST_ROW * box[0])
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
        return self.text_pt * _LAYOUT_DPI / 72

    def _add(self, rows: Sequence[LegendRow], n_columns: int, side: str) -> tuple[float, float]:
        """Add or replace the legend; return its size, at `_LAYOUT_DPI`."""
        from matplotlib.lines import Line2D

        handles = [
            Line2D(
                [],
                [],
                color=row.color or "none",
                label=row.name,
                marker="o",
                markersize=0.6 * self.text_pt,
                linestyle="none",
            )
            for row in rows
        ]
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
        for text in legend.get_texts():
            text.set_parse_math(False)
        extent = legend.get_window_extent()
        scale = _LAYOUT_DPI / self.axes.figure.figure.dpi
        return scale * extent.width, scale * extent.height


def _add_names(
    axes: Any,
    names: list[NameBox],
    classes: Classes | None,
    theme: Theme,
    *,
    to_data: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    dpi: float,
) -> None:
    from matplotlib.patheffects import Stroke

    for leader in leaders(names, classes, theme):
        ends = *to_data(np.array(leader.ends[:2])), *to_data(np.array(leader.ends[2:]))
        add_lines(axes, [leader._replace(ends=ends)], dpi=dpi)
    for name in reversed(names):  # the most important name on top
        color = name_color(name, classes, theme)
        halo = Stroke(linewidth=2 * name.halo_px * 72 / dpi, foreground=theme.background)
        for line, middle in zip(name.lines, name.line_middles, strict=True):
            x, y = to_data(np.array([name.x, middle]))
            # A text with a path effect is written as a path, so the text itself has none.
            outline = _add_text(axes, (x, y), line, theme.background, side="center", dpi=dpi)
            outline.set_path_effects([halo])
            _add_text(axes, (x, y), line, color, side="center", dpi=dpi)


def _add_text(
    axes: Any, xy: tuple[float, float], line: FormattedText, color: str, *, side: str, dpi: float
) -> Any:
    """Add a line of text in the font that contains its characters; return the text."""
    family, style = line.font.getname()
    return axes.text(
        *xy,
        line.text,
        color=color,
        fontfamily=[family, "DejaVu Sans"],
        fontweight="bold" if style and "Bold" in style else "normal",
        fontsize=line.font.size * 72 / dpi,
        horizontalalignment=side,
        verticalalignment="center_baseline",
        parse_math=False,
        clip_on=False,
    )


def _points_of(pixels: float) -> float:
    return pixels * 72 / DPI
