"""Draw a scatter plot with one point per item, colored by class."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from featscape.labels.classes import count_classes
from featscape.labels.colors import position_colors
from featscape.pictures.names import Arrangement, draw_names, plan_map
from featscape.pictures.plane import fit_to_box, project_to_plane
from featscape.pictures.points import draw_points, marker_px
from featscape.pictures.theme import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray
    from PIL import Image

    from featscape.labels.classes import Classes
    from featscape.pictures.page import Page
    from featscape.pictures.plane import Plane


def draw_scatter(
    positions: ArrayLike,
    labels: Sequence[str] | Sequence[int] | NDArray[np.generic] | None = None,
    *,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    names: bool = True,
    dark: bool = False,
) -> Image.Image:
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
        The class of each item.
    size_px : int
        The longer side of the picture.
    title : str, optional
        Written above the map.
    caption : str, optional
        Written below the map.
    names : bool
        Write the names of the classes on the map; otherwise, a legend lists the classes.
    dark : bool
        Draw on a dark background.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    InputError
        If the positions are not finite numbers of a valid shape, or if the number of labels
        differs from the number of positions.
    """
    plane = project_to_plane(positions)
    theme = DARK if dark else LIGHT
    classes = count_classes(labels, len(plane.xy))
    if classes is not None:
        classes = replace(classes, colors=theme.class_colors(classes.colors))
    arrange = partial(_arrange, plane)
    planned = plan_map(
        arrange,
        size_px=size_px,
        aspect=plane.aspect,
        title=title,
        classes=classes,
        theme=theme,
        names=names,
    )
    page, points = planned.page, planned.arrangement
    codes, colors = _colors(plane, classes)
    picture = draw_points(
        points.centers,
        codes[points.items],
        colors,
        size_px=(page.map_width, page.map_height),
        marker_px=points.side_px,
        background=theme.background,
    )
    if classes is not None:
        draw_names(picture, planned.names, classes, theme)
    return page.finish(picture, caption=caption)


def _arrange(plane: Plane, page: Page) -> Arrangement:
    """Return the points on a page, in drawing order."""
    diameter_px = marker_px(len(plane.xy), page.map_height)
    points = fit_to_box(
        plane.xy, width_px=page.map_width, height_px=page.map_height, margin_px=diameter_px
    )
    if plane.depth is None:
        order = np.random.default_rng(0).permutation(len(points))
    else:
        order = np.argsort(plane.depth, kind="stable")
    return Arrangement(items=order, centers=points[order], side_px=diameter_px)


def _colors(plane: Plane, classes: Classes | None) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the color of each point, an index into the colors, by class or by position."""
    if classes is None:
        return position_colors(plane.xy)
    return classes.codes, classes.colors
