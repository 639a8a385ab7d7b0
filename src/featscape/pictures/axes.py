"""Draw a map in the axes of matplotlib, with a legend inside the axes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from featscape.errors import InputError
from featscape.number_text import with_article
from featscape.pictures.legend.in_axes import AxesLegend, add_handles
from featscape.pictures.names import (
    LARGEST,
    SMALLEST,
    NameSizes,
    lay_out_names,
    leaders,
    name_or_list,
    unnamed_classes,
)
from featscape.pictures.placement import arrange_points
from featscape.pictures.points import add_points, marker_px
from featscape.pictures.vector import MAX_VECTOR_POINTS, add_bar, add_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.legend.color_bar import ColorBar, PlacedBar
    from featscape.pictures.legend.rows import LegendChoice
    from featscape.pictures.names import ItemNames
    from featscape.pictures.placement import Arrangement, NameBox
    from featscape.pictures.points import Line
    from featscape.pictures.theme import Theme

LAYOUT_DPI = 300  # of the names in axes, whose sizes are whole pixels
SMALLEST_NAME_PT = 6.0  # in axes; smaller text is hard to read in print
_TEXTS_PER_SIDE = 60  # sizes of the text per side of the axes


def draw_in_axes(
    axes: Any,
    xy: NDArray[np.float64],
    *,
    order: NDArray[np.intp],
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    classes: Classes | None,
    names: bool,
    legend: bool,
    item_names: ItemNames | None,
    theme: Theme,
    make_bar: Callable[[float], ColorBar] | None,
    diameter_in: float | None,
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
    legend : bool
        Add a legend of the classes without a name.
    item_names : ItemNames or None
        The names on a map without classes.
    theme : Theme
    make_bar : callable or None
        Makes the color bar of a map without classes: see `plan_page`.
    diameter_in : float or None
        Of a point, in inches; None for a diameter by the number of points.
    """

    def arrange(room: tuple[int, int]) -> Arrangement:
        if diameter_in is None:
            diameter_px = marker_px(len(xy), min(room))
        else:
            diameter_px = diameter_in * LAYOUT_DPI
        return arrange_points(xy, np.arange(len(xy)), room, diameter_px)

    plan = _plan_in_axes(
        axes,
        arrange,
        np.ptp(xy, axis=0),
        classes,
        names=names,
        legend=legend,
        item_names=item_names,
        theme=theme,
        make_bar=make_bar,
    )
    to_data = _limit(axes, xy, plan.arrangement.centers, plan.size)
    add_points(
        axes,
        xy[order],
        codes[order],
        colors,
        marker_pt=plan.arrangement.side_px * 72 / LAYOUT_DPI,
        background=theme.background,
        rasterized=len(xy) > MAX_VECTOR_POINTS,
    )
    axes.set_facecolor(theme.background)
    add_names(axes, plan.names, classes, theme, to_data=to_data, dpi=LAYOUT_DPI)
    if plan.bar is not None:
        add_bar(axes, plan.bar, to_data=to_data, dpi=LAYOUT_DPI)


def draw_images_in_axes(
    axes: Any,
    arrange: Callable[[tuple[int, int]], Arrangement],
    draw: Callable[[Image.Image, Arrangement, list[Line]], None],
    *,
    spans: NDArray[np.float64],
    classes: Classes | None,
    names: bool,
    legend: bool,
    item_names: ItemNames | None,
    theme: Theme,
) -> Arrangement:
    """Draw a map made of images in axes, with 300 pixels per inch; return the arrangement.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The limits become those of the picture, in pixels.
    arrange : callable
        Arranges the images in a box of this width and height.
    draw : callable
        Draws lines, and then the arranged images, into a picture.
    spans : ndarray of float64, shape (2,)
        Width and height of the map in any unit.
    classes, names, legend, item_names, theme
        As in `draw_in_axes`.
    """
    plan = _plan_in_axes(
        axes,
        arrange,
        spans,
        classes,
        names=names,
        legend=legend,
        item_names=item_names,
        theme=theme,
    )
    picture = Image.new("RGB", plan.room, theme.background)
    draw(picture, plan.arrangement, leaders(plan.names, classes, theme))
    width, height = plan.room
    # Files of matplotlib contain an image without interpolation in its own resolution.
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="none")
    axes.set(xlim=(0, plan.size[0]), ylim=(plan.size[1], 0), facecolor=theme.background)
    add_names(axes, plan.names, classes, theme, to_data=np.asarray, dpi=LAYOUT_DPI, lines=False)
    return plan.arrangement


@dataclass(frozen=True, eq=False)
class _Plan:
    """The size of axes, the room for the map beside the legend, items, names, legend and bar."""

    size: tuple[float, float]
    room: tuple[int, int]
    arrangement: Arrangement
    names: list[NameBox]
    choice: LegendChoice | None
    bar: PlacedBar | None


def _plan_in_axes(
    axes: Any,
    arrange: Callable[[tuple[int, int]], Arrangement],
    spans: NDArray[np.float64],
    classes: Classes | None,
    *,
    names: bool,
    legend: bool,
    item_names: ItemNames | None,
    theme: Theme,
    make_bar: Callable[[float], ColorBar] | None = None,
) -> _Plan:
    """Return the plan of a map in axes, with the legend added to the axes."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    size = measure_axes(axes)
    box = round(size[0]), round(size[1])
    text_px, largest = _text_sizes(min(box))
    text_pt = text_px * 72 / LAYOUT_DPI
    add_handles(axes, classes, text_pt)
    beside_map = AxesLegend(axes, classes, theme, text_pt, SMALLEST_NAME_PT, LAYOUT_DPI)
    placed, beside = None, 0
    if make_bar is not None:
        bar = make_bar(text_px)
        beside = min(bar.width_px + round(text_px), box[0] - 1)
        placed = bar.place(box[0] - bar.width_px, 0, box[1])

    def lay_out(listed: NDArray[np.intp]) -> _Plan:
        room, choice = beside_map.place(listed, (box[0] - beside, box[1]), spans=spans)
        arrangement = arrange(room)
        laid_out: list[NameBox] = []
        sizes = NameSizes(room, text_px, largest, theme.family)
        if names and classes is not None:
            laid_out = lay_out_names(arrangement, classes, sizes)
        elif names and item_names is not None:
            laid_out = item_names.lay_out(arrangement, sizes)
        return _Plan(size, room, arrangement, laid_out, choice, placed)

    if classes is None or not legend:
        return lay_out(np.arange(0))
    if not names:
        return lay_out(np.arange(len(classes.names)))
    plan, listed = name_or_list(lay_out, classes)
    unnamed = unnamed_classes(plan.names, classes)
    if plan.choice is not None and len(unnamed) < len(listed):
        beside_map.add(unnamed, plan.choice, box)  # without the classes that have got a name
    return plan


def check_axes(axes: object, *page: object) -> None:
    """Raise InputError unless an object is flat axes and all options of a page are None.

    Parameters
    ----------
    axes : object
    page : object
        The options of a page, which axes do not have.
    """
    from matplotlib.axes import Axes

    if not isinstance(axes, Axes):
        shape = getattr(axes, "shape", None)
        shown = f"an array of shape {shape}" if shape else with_article(type(axes).__name__)
        remedy = "one element, such as axes.flat[0]" if shape else "plt.gca(), for example"
        raise InputError(f"ax must be one Axes of matplotlib; got {shown}. Pass {remedy}.")
    if axes.name != "rectilinear":
        raise InputError(
            f"ax must be axes with the projection 'rectilinear'; got {axes.name!r}. Make the axes "
            "without projection."
        )
    if any(value is not None for value in page):
        raise InputError(
            "title, caption and path must be None with ax. Use ax.set_title and savefig."
        )


def measure_axes(axes: Any) -> tuple[float, float]:
    """Return the size of axes after the layout of their figure, at `LAYOUT_DPI`.

    The layout is that of a figure in which the other empty axes will also have maps. Therefore,
    panels of one size have the same size in all calls.
    """
    figure = axes.figure.figure  # the figure of a subfigure
    engine = figure.get_layout_engine()
    if engine is not None:
        with _without_ticks(one for one in figure.axes if not _has_data(one)):
            engine.execute(figure)
    extent = axes.get_window_extent()
    scale = LAYOUT_DPI / figure.dpi
    # The sizes of equal panels differ by errors of the solver of the layout.
    width, height = (max(round(scale * side, 1), 1.0) for side in extent.size.tolist())
    return width, height


def _has_data(axes: Any) -> bool:
    """Return whether axes, or axes that share an axis with them, have data."""
    sharing = (axes.get_shared_x_axes(), axes.get_shared_y_axes())
    return any(one.has_data() for group in sharing for one in group.get_siblings(axes))


@contextmanager
def _without_ticks(panels: Iterable[Any]) -> Iterator[None]:
    """Remove the ticks of axes inside the block."""
    from matplotlib.ticker import NullLocator

    axis = [one for axes in panels for one in (axes.xaxis, axes.yaxis)]
    before = [(ticker, ticker.locator) for one in axis for ticker in (one.major, one.minor)]
    for ticker, _ in before:
        ticker.locator = NullLocator()
    try:
        yield
    finally:
        for ticker, locator in before:
            ticker.locator = locator


def _text_sizes(side_px: int) -> tuple[float, float]:
    """Return the size of the text for axes of this shorter side, and that of the largest name.

    Both sizes are proportional to the side, except in small axes: there no name is smaller than
    `SMALLEST_NAME_PT`, or much larger. The second size is in units of the first.
    """
    proportional_px = side_px / _TEXTS_PER_SIDE
    text_px = max(proportional_px, SMALLEST_NAME_PT / SMALLEST * LAYOUT_DPI / 72)
    return text_px, max(LARGEST * proportional_px / text_px, 1.0)


def _limit(
    axes: Any, xy: NDArray[np.float64], centers: NDArray[np.float64], size: tuple[float, float]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Set the limits so that `xy` has the positions `centers`; return the map from pixels."""
    spans = np.ptp(xy, axis=0), np.ptp(centers, axis=0)
    longer = int(spans[1].argmax())
    scale = spans[0][longer] / spans[1][longer] if spans[1][longer] else 1.0  # data per pixel

    def to_data(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        moved: NDArray[np.float64] = xy[0] + (pixels - centers[0]) * scale * np.array([1, -1])
        return moved

    left, top = to_data(np.zeros(2))
    right, bottom = to_data(np.array(size))
    axes.set_aspect("equal")
    axes.set(xlim=(left, right), ylim=(bottom, top))
    return to_data
