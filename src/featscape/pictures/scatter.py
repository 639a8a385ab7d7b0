"""Draw a scatter plot with one point per item, colored by class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, overload

import numpy as np

from featscape.labels.colors import position_colors
from featscape.pictures.axes import check_axes, draw_in_axes
from featscape.pictures.names import check_item_names, draw_names, leaders, plan_map
from featscape.pictures.page import check_path
from featscape.pictures.placement import Arrangement
from featscape.pictures.plane import fit_to_box, project_to_plane
from featscape.pictures.points import draw_points, marker_px
from featscape.pictures.theme import DARK, LIGHT
from featscape.pictures.vector import VECTOR_SUFFIXES, write_vector

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray
    from PIL import Image

    from featscape.labels.classes import Classes
    from featscape.pictures.names import PlannedMap
    from featscape.pictures.page import Page
    from featscape.pictures.plane import Plane

    Labels = Sequence[str] | Sequence[int] | NDArray[np.generic]


@overload
def draw_scatter(
    positions: ArrayLike,
    labels: Labels | None = None,
    *,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    names: bool = True,
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
    names: bool = True,
    item_names: Mapping[int, str] | None = None,
    dark: bool = False,
    ax: Axes,
) -> None: ...


def draw_scatter(
    positions: ArrayLike,
    labels: Labels | None = None,
    *,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    names: bool = True,
    item_names: Mapping[int, str] | None = None,
    dark: bool = False,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Image.Image | None:
    """Draw the items as points colored by class, with the names of the classes on the map.

    The name of a class is written where the class is densest, and at up to two more clusters of
    the class. A legend lists the classes whose names do not fit on the map. Without labels, the
    color depends on the position.

    Points of one or two dimensions are drawn in a fixed random order, so that no class covers
    another class. Points of three dimensions are drawn from the farthest to the nearest.

    Parameters
    ----------
    positions : array_like of numbers, shape (n, 1), (n, 2) or (n, 3)
        One dimension is drawn as a strip whose width is proportional to the density. Three
        dimensions are projected onto their first two principal axes.
    labels : sequence of str or int, optional
        The class of each item; None or NaN for an item without a label.
    size_px : int
        The longer side of the picture.
    title : str, optional
        Written above the map.
    caption : str, optional
        Written below the map.
    names : bool
        Write the names of the classes on the map; otherwise, a legend lists the classes.
    item_names : mapping of int to str, optional
        Names to write at items, the most important name first; ignored if `labels` are given. A
        name that would overlap an earlier name is omitted.
    dark : bool
        Draw on a dark background.
    path : path, optional
        Also write the picture to this file: .svg and .pdf with text as text, .png, or another
        format of Pillow. In .svg and .pdf, more than 20,000 points are an image.
    ax : matplotlib.axes.Axes, optional
        Draw in these axes, whose limits are set, and return None. The names fit the current size
        of the axes. Not with `title`, `caption` or `path`.

    Returns
    -------
    PIL.Image.Image or None
        RGB; None with `ax`.

    Raises
    ------
    InputError
        If the positions are not finite numbers of a valid shape, if the number of labels differs
        from the number of positions, if an item of `item_names` does not exist, if the suffix of
        `path` is unknown, or if `ax` is another object, such as an array of axes.

    Examples
    --------
    >>> from featscape import draw_scatter
    >>> picture = draw_scatter([[0, 0], [1, 1]], ["cat", "dog"], title="Two images")
    >>> max(picture.size)
    1600
    """
    plane = project_to_plane(positions)
    theme = DARK if dark else LIGHT
    classes = theme.count_classes(labels, len(plane.xy))
    codes, colors = _colors(plane, classes)
    named = check_item_names(item_names, plane.xy)
    if ax is not None:
        check_axes(ax, title, caption, path)
        draw_in_axes(
            ax,
            _data_coordinates(positions, plane),
            order=_order(plane),
            codes=codes,
            colors=colors,
            classes=classes,
            names=names,
            item_names=named,
            theme=theme,
        )
        return None
    target = None if path is None else check_path(path, vector=tuple(VECTOR_SUFFIXES))
    planned = plan_map(
        partial(_arrange, plane),
        size_px=size_px,
        aspect=plane.aspect,
        title=title,
        classes=classes,
        theme=theme,
        names=names,
        item_names=named,
    )
    finished = planned.page.finish(_draw_map(planned, codes, colors, classes), caption=caption)
    if target is not None and target.suffix.lower() in VECTOR_SUFFIXES:
        write_vector(target, planned, codes, colors, classes, caption=caption)
    elif target is not None:
        finished.save(target)
    return finished


def _data_coordinates(positions: ArrayLike, plane: Plane) -> NDArray[np.float64]:
    """Return positions of two dimensions unchanged, others in their plane, shape (n, 2)."""
    points = np.asarray(positions, dtype=np.float64)
    return points if points.shape[1] == 2 else plane.xy


def _draw_map(
    planned: PlannedMap,
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    classes: Classes | None,
) -> Image.Image:
    """Return the picture of the map, without the page around it."""
    page, points = planned.page, planned.arrangement
    picture = draw_points(
        points.centers,
        codes[points.items],
        colors,
        size_px=(page.map_width, page.map_height),
        marker_px=points.side_px,
        background=page.theme.background,
        lines=leaders(planned.names, classes, page.theme),
    )
    draw_names(picture, planned.names, classes, page.theme)
    return picture


def _arrange(plane: Plane, page: Page) -> Arrangement:
    """Return the points on a page, in drawing order."""
    diameter_px = marker_px(len(plane.xy), page.map_height)
    points = fit_to_box(
        plane.xy, width_px=page.map_width, height_px=page.map_height, margin_px=diameter_px
    )
    order = _order(plane)
    return Arrangement(items=order, centers=points[order], side_px=diameter_px)


def _order(plane: Plane) -> NDArray[np.intp]:
    """Return the order in which the points are drawn."""
    if plane.depth is None:
        return np.random.default_rng(0).permutation(len(plane.xy))
    return np.argsort(plane.depth, kind="stable")


def _colors(plane: Plane, classes: Classes | None) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the color of each point, an index into the colors, by class or by position."""
    if classes is None:
        return position_colors(plane.xy)
    return classes.codes, classes.colors
