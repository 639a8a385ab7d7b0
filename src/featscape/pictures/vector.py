"""Write a scatter plot as SVG or PDF with text as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.pictures.names import leaders, name_color
from featscape.pictures.points import DPI, add_lines, add_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.legend.color_bar import PlacedBar
    from featscape.pictures.names import PlannedMap
    from featscape.pictures.placement import NameBox
    from featscape.pictures.text import FormattedText, PlacedText
    from featscape.pictures.theme import Theme

MAX_VECTOR_POINTS = 20_000  # programs open larger files slowly; more points become an image
_IMAGE_DPI = 2 * DPI  # of this image
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
    from matplotlib.figure import Figure

    page, points = planned.page, planned.arrangement
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
    add_names(axes, planned.names, classes, page.theme, to_data=lambda xy: xy + corner, dpi=DPI)
    _add_texts(axes, page.texts(caption=caption), to_data=np.asarray, dpi=DPI)
    if page.bar is not None:
        _add_colors(axes, page.bar, to_data=np.asarray, dpi=DPI)
    for x, y, color in page.disks():
        size = _points_of(page.legend.disk_px) ** 2
        axes.scatter([x + page.legend.disk_px / 2], [y], s=size, c=color, linewidths=0)
    save_vector(figure, path)


def save_vector(figure: Figure, path: Path) -> None:
    """Write a figure of matplotlib as SVG or PDF, with text as text."""
    import matplotlib as mpl

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "featscape", "pdf.fonttype": 42}
    with mpl.rc_context(settings):
        figure.savefig(path, dpi=_IMAGE_DPI, metadata=_METADATA[path.suffix.lower()])


def add_bar(
    axes: Any,
    bar: PlacedBar,
    *,
    to_data: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    dpi: float,
) -> None:
    """Add a color bar to axes whose limits are set; `to_data` maps pixels to data."""
    _add_colors(axes, bar, to_data=to_data, dpi=dpi)
    _add_texts(axes, bar.texts, to_data=to_data, dpi=dpi)


def add_names(
    axes: Any,
    names: list[NameBox],
    classes: Classes | None,
    theme: Theme,
    *,
    to_data: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    dpi: float,
    lines: bool = True,
) -> None:
    """Write the names, with lines from the names to items if `lines`."""
    from matplotlib.patheffects import Stroke

    for leader in leaders(names, classes, theme) if lines else ():
        ends = *to_data(np.array(leader.ends[:2])), *to_data(np.array(leader.ends[2:]))
        add_lines(axes, [leader._replace(ends=ends)], dpi=dpi)
    for name in reversed(names):  # the most important name on top
        color = name_color(name, classes, theme)
        halo = Stroke(linewidth=2 * name.halo_px * 72 / dpi, foreground=theme.background)
        for line, middle in zip(name.lines, name.line_middles, strict=True):
            x, y = to_data(np.array([name.x, middle]))
            # A text with a path effect is written as a path, so the text itself has none.
            outline = add_text(axes, (x, y), line, theme.background, side="center", dpi=dpi)
            outline.set_path_effects([halo])
            add_text(axes, (x, y), line, color, side="center", dpi=dpi)


def _add_colors(
    axes: Any,
    bar: PlacedBar,
    *,
    to_data: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    dpi: float,
) -> None:
    from matplotlib.image import AxesImage

    for box, colors in bar.strips:
        (left, top), (right, bottom) = to_data(np.array(box, dtype=np.float64).reshape(2, 2))
        # `imshow` would change the aspect of the axes.
        extent = (left, right, bottom, top)
        picture = AxesImage(axes, extent=extent, origin="upper", interpolation="nearest")
        picture.set_data(np.asarray(colors))
        axes.add_image(picture)
    for tick in bar.ticks:
        start, end = to_data(np.array(tick.ends).reshape(2, 2))
        add_lines(axes, [tick._replace(ends=(*start, *end))], dpi=dpi)


def _add_texts(
    axes: Any,
    texts: Iterable[PlacedText],
    *,
    to_data: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    dpi: float,
) -> None:
    for one in texts:
        side = {"lm": "left", "rm": "right"}[one.anchor]
        x, y = to_data(np.array([one.x, one.y]))
        add_text(axes, (x, y), one.line, one.color, side=side, dpi=dpi)


def add_text(
    axes: Any,
    xy: tuple[float, float],
    line: FormattedText,
    color: str,
    *,
    side: str,
    dpi: float,
    upward: bool = False,
) -> Any:
    """Add a line of text in the font that contains its characters; return the text.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    xy : tuple of float
        Where `side` of the middle of the line is, in the coordinates of the data.
    line : FormattedText
    color : str
    side : {"left", "center", "right"}
        In the direction of writing.
    dpi : float
        Number of pixels per inch, for the size of the text.
    upward : bool
        Write from the bottom to the top.
    """
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
        rotation=90 if upward else 0,
        rotation_mode="anchor",
        parse_math=False,
        clip_on=False,
        in_layout=False,  # a text at an edge must not change the size of the axes
    )


def _points_of(pixels: float) -> float:
    return pixels * 72 / DPI
