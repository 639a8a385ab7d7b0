"""Draw a scatter plot with one point per item, colored by class, by value or by position."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, overload

import numpy as np

from featscape.errors import InputError
from featscape.labels.colors import position_colors
from featscape.labels.value_scale import scale_values
from featscape.pictures.axes import check_axes, draw_in_axes
from featscape.pictures.legend.color_bar import ColorBar
from featscape.pictures.names import check_item_names, draw_names, leaders, plan_map
from featscape.pictures.page import check_path
from featscape.pictures.placement import Arrangement, arrange_points
from featscape.pictures.plane import project_to_plane
from featscape.pictures.points import DPI, check_point_size, draw_points, marker_px
from featscape.pictures.theme import choose_theme
from featscape.pictures.vector import VECTOR_SUFFIXES, write_vector

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from numpy.typing import ArrayLike, NDArray
    from PIL import Image

    from featscape.labels.classes import Classes
    from featscape.pictures.names import PlannedMap
    from featscape.pictures.page import Page
    from featscape.pictures.plane import Plane
    from featscape.pictures.theme import ClassColors, Theme

    Values = Sequence[float | None] | Sequence[date | None] | NDArray[np.generic]
    Labels = Sequence[str] | Sequence[int] | NDArray[np.generic]


@overload
def draw_scatter(
    positions: ArrayLike,
    labels: Labels | None = None,
    *,
    values: Values | None = None,
    values_name: str | None = None,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    names: bool = True,
    legend: bool = True,
    colors: ClassColors | None = None,
    cmap: str | Colormap | None = None,
    point_size: float | None = None,
    item_names: Mapping[int, str] | None = None,
    dark: bool = False,
    path: str | os.PathLike[str] | None = None,
    ax: None = None,
) -> Image.Image: ...


@overload
def draw_scatter(
    positions: ArrayLike,
    labels: Labels | None = None,
    *,
    values: Values | None = None,
    values_name: str | None = None,
    names: bool = True,
    legend: bool = True,
    colors: ClassColors | None = None,
    cmap: str | Colormap | None = None,
    point_size: float | None = None,
    item_names: Mapping[int, str] | None = None,
    dark: bool = False,
    ax: Axes,
) -> None: ...


def draw_scatter(
    positions: ArrayLike,
    labels: Labels | None = None,
    *,
    values: Values | None = None,
    values_name: str | None = None,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    names: bool = True,
    legend: bool = True,
    colors: ClassColors | None = None,
    cmap: str | Colormap | None = None,
    point_size: float | None = None,
    item_names: Mapping[int, str] | None = None,
    dark: bool = False,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Image.Image | None:
    """Draw the items as points colored by class or value, with names on the map.

    The name of a class is written where the class is densest, and at up to two more clusters of
    the class. A legend lists the classes whose names do not fit on the map. Numbers and dates have
    a color scale with a color bar. Without labels and values, the color depends on the position.

    Points of one or two dimensions are drawn in a fixed random order, so that no class covers
    another class. Points of three dimensions are drawn from the farthest to the nearest. Points
    without a value are below all others.

    Parameters
    ----------
    positions : array_like of numbers, shape (n, 1), (n, 2) or (n, 3)
        One dimension is drawn as a strip whose width is proportional to the density. Three
        dimensions are projected onto their first two principal axes.
    labels : sequence of str, int or bool, optional
        The class of each item; None or NaN for an item without a label.
    values : sequence of numbers or dates, optional
        The number or date of each item, instead of `labels`; None, NaN or NaT for an item without a
        value, which is gray. The scale of skewed numbers is logarithmic. Where a few values are far
        from all others, the color bar ends at the 2nd or 98th percentile, with "≤" or "≥".
    values_name : str, optional
        Written above the color bar.
    size_px : int
        The longer side of the picture.
    title : str, optional
        Written above the map.
    caption : str, optional
        Written below the map.
    names : bool
        Write the names of the classes on the map; otherwise, a legend lists the classes.
    legend : bool
        Draw the legend of the classes without a name, or the color bar.
    colors : mapping or Series of label to color, or sequence of colors, optional
        Opaque colors of matplotlib for the classes: a color for each class, by label (the index of
        a Series of pandas) or in natural order of the classes. Names have a darker shade,
        or a lighter shade on a dark background.
    cmap : str or matplotlib.colors.Colormap, optional
        The colormap of `values`; by default viridis.
    point_size : float, optional
        The diameter of a point, in points of 1/72 inch, at most 20; by default chosen by the number
        of points. A picture without `ax` has 100 pixels per inch.
    item_names : mapping of int to str, optional
        Names to write at items, the most important name first; ignored if `labels` are given. A
        name that would overlap an earlier name is omitted.
    dark : bool
        Draw on a dark background. Style sheets of matplotlib have no effect on the colors.
    path : path, optional
        Also write the picture to this file: .svg and .pdf with text as text, .png, or another
        format of Pillow. In .svg and .pdf, more than 20,000 points are an image.
    ax : matplotlib.axes.Axes, optional
        Draw in these axes, whose limits are set, and return None. The names fit the current size
        of the axes. The axes keep what they contain, and get one artist per class with the name as
        its label, for `get_legend_handles_labels`. Not with `title`, `caption` or `path`; `size_px`
        has no effect.

    Returns
    -------
    PIL.Image.Image or None
        RGB; None with `ax`.

    Raises
    ------
    InputError
        If the positions are not finite numbers of a valid shape, if the number of labels or values
        differs from the number of positions, if a label, value, color, colormap or size is invalid,
        if a class has no color in `colors`, if both `labels` and `values` are given, if an option
        of the other is given, if an item of `item_names` does not exist, if the suffix of `path` is
        unknown, or if `ax` is another object, such as an array of axes or polar axes.

    Examples
    --------
    >>> from featscape import draw_scatter
    >>> picture = draw_scatter([[0, 0], [1, 1]], ["cat", "dog"], title="Two images")
    >>> max(picture.size)
    1600
    """
    plane = project_to_plane(positions)
    theme = choose_theme(dark=dark, in_axes=ax is not None)
    classes = theme.count_classes(labels, len(plane.xy), colors)
    points = _color(plane, classes, values, theme, values_name=values_name, cmap=cmap)
    diameter_in = None if point_size is None else check_point_size(point_size) / 72
    named = check_item_names(item_names, plane.xy)
    if ax is not None:
        check_axes(ax, title, caption, path)
        draw_in_axes(
            ax,
            _data_coordinates(positions, plane),
            order=points.order,
            codes=points.codes,
            colors=points.colors,
            classes=points.classes,
            names=names,
            legend=legend,
            item_names=named,
            theme=theme,
            make_bar=points.make_bar if legend else None,
            diameter_in=diameter_in,
        )
        return None
    target = None if path is None else check_path(path, vector=tuple(VECTOR_SUFFIXES))
    planned = plan_map(
        partial(_arrange, plane, points.order, diameter_in),
        size_px=size_px,
        aspect=plane.aspect,
        title=title,
        classes=points.classes,
        theme=theme,
        names=names,
        legend=legend,
        item_names=named,
        make_bar=points.make_bar if legend else None,
    )
    finished = planned.page.finish(_draw_map(planned, points), caption=caption)
    if target is not None and target.suffix.lower() in VECTOR_SUFFIXES:
        colors = points.codes, points.colors, points.classes
        write_vector(target, planned, *colors, caption=caption)
    elif target is not None:
        finished.save(target)
    return finished


@dataclass(frozen=True, eq=False)
class _Colored:
    """The points in color.

    Attributes
    ----------
    order : ndarray of intp, shape (n,)
        The order in which the points are drawn.
    codes : ndarray of intp, shape (n,)
        The color of each point, an index into `colors`.
    colors : tuple of str
    classes : Classes or None
    make_bar : callable or None
        Makes the color bar of values for a size of the text.
    """

    order: NDArray[np.intp]
    codes: NDArray[np.intp]
    colors: tuple[str, ...]
    classes: Classes | None = None
    make_bar: Callable[[float], ColorBar] | None = None


def _color(
    plane: Plane,
    classes: Classes | None,
    values: Values | None,
    theme: Theme,
    *,
    values_name: str | None,
    cmap: str | Colormap | None,
) -> _Colored:
    """Return the points colored by class, by value, or else by position."""
    order = _order(plane)
    if values is None:
        for name, given in {"values_name": values_name, "cmap": cmap}.items():
            if given is not None:
                raise InputError(f"{name} must be None without values; got {given!r}. Pass values.")
        if classes is None:
            return _Colored(order, *position_colors(plane.xy))
        return _Colored(order, classes.codes, classes.colors, classes)
    if classes is not None:
        raise InputError(
            "labels and values must not both be given; got both. Pass the classes as labels, or "
            "the numbers or dates as values."
        )
    scale = scale_values(values, len(plane.xy), is_dark=theme.is_dark, cmap=cmap)
    missing_first = order[np.argsort(~scale.is_missing[order], kind="stable")]
    make_bar = partial(ColorBar, scale, values_name, theme)
    return _Colored(missing_first, scale.codes, scale.colors, make_bar=make_bar)


def _data_coordinates(positions: ArrayLike, plane: Plane) -> NDArray[np.float64]:
    """Return positions of two dimensions unchanged, others in their plane, shape (n, 2)."""
    points = np.asarray(positions, dtype=np.float64)
    return points if points.shape[1] == 2 else plane.xy


def _draw_map(planned: PlannedMap, colored: _Colored) -> Image.Image:
    """Return the picture of the map, without the page around it."""
    page, points, classes = planned.page, planned.arrangement, colored.classes
    picture = draw_points(
        points.centers,
        colored.codes[points.items],
        colored.colors,
        size_px=(page.map_width, page.map_height),
        marker_px=points.side_px,
        background=page.theme.background,
        lines=leaders(planned.names, classes, page.theme),
    )
    draw_names(picture, planned.names, classes, page.theme)
    return picture


def _arrange(
    plane: Plane, order: NDArray[np.intp], diameter_in: float | None, page: Page
) -> Arrangement:
    """Return the points on a page, in drawing order."""
    box = page.map_width, page.map_height
    if diameter_in is None:
        diameter_px = marker_px(len(plane.xy), page.map_height)
    else:
        diameter_px = diameter_in * DPI
    return arrange_points(plane.xy, order, box, diameter_px)


def _order(plane: Plane) -> NDArray[np.intp]:
    """Return the order in which the points are drawn."""
    if plane.depth is None:
        return np.random.default_rng(0).permutation(len(plane.xy))
    return np.argsort(plane.depth, kind="stable")
