"""Draw a scatter plot with one point per item, colored by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from featscape.labels.classes import count_classes
from featscape.labels.colors import UNLABELED_COLOR
from featscape.pictures.page import MAX_LEGEND_ROWS, plan_page
from featscape.pictures.plane import fit_to_box, project_to_plane
from featscape.pictures.text import format_distinct, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from featscape.labels.classes import Classes

DPI = 100  # of the canvas; has no effect on the picture, because all sizes are in pixels
MANY_POINTS = 50_000  # drawing more points one by one takes seconds


def draw_scatter(
    positions: ArrayLike,
    labels: Sequence[str] | Sequence[int] | NDArray[np.generic] | None = None,
    *,
    size_px: int = 1600,
    title: str | None = None,
) -> Image.Image:
    """Draw the items as points colored by class, with a legend.

    Points of one or two dimensions are drawn in a fixed random order, so that no class covers
    another class. Points of three dimensions are drawn from the farthest to the nearest. If the
    legend cannot list all classes, it lists the largest classes, and class names are written on the
    map where there is room.

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
    classes = count_classes(labels, len(plane.xy))
    page = plan_page(size_px, aspect=plane.aspect, title=title, classes=classes)
    marker_px = _marker_px(len(plane.xy), page.map_height)
    points = fit_to_box(
        plane.xy, width_px=page.map_width, height_px=page.map_height, margin_px=marker_px
    )
    if plane.depth is None:
        order = np.random.default_rng(0).permutation(len(points))
    else:
        order = np.argsort(plane.depth, kind="stable")
    codes = np.zeros(len(points), dtype=np.intp) if classes is None else classes.codes
    colors = (UNLABELED_COLOR,) if classes is None else classes.colors
    picture = _draw_points(
        points[order],
        codes[order],
        colors,
        size_px=(page.map_width, page.map_height),
        marker_px=marker_px,
    )
    if classes is not None and len(classes.names) > MAX_LEGEND_ROWS:
        _draw_names(picture, points, classes, text_px=0.85 * page.text_px)
    return page.finish(picture)


def _marker_px(n_points: int, map_px: float) -> float:
    """Return the diameter of a point, in pixels, for maps of 10 to 1,000,000 points."""
    return float(np.clip(0.08 * n_points**-0.31, 0.0009, 0.022) * map_px)


def _opacity(n_points: int) -> float:
    return float(np.clip(1.06 - 0.08 * np.log10(n_points), 0.55, 0.9))


def _draw_points(
    points: NDArray[np.float64],
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    *,
    size_px: tuple[int, int],
    marker_px: float,
) -> Image.Image:
    """Return a picture of disks, the last disk on top.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 2)
        In pixels, y downward.
    codes : ndarray of intp, shape (n,)
        Indices into `colors`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = size_px
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(height, 0))
    marker_pt = marker_px * 72 / DPI
    if len(points) > MANY_POINTS:
        _add_many(axes, points, codes, colors, marker_pt)
    else:
        rgb = np.array([ImageColor.getrgb(color) for color in colors]) / 255
        # A white edge separates large markers, but would hide small markers.
        rimmed = marker_px >= 7
        axes.scatter(
            points[:, 0],
            points[:, 1],
            s=marker_pt**2,
            c=rgb[codes],
            alpha=_opacity(len(points)),
            linewidths=0.07 * marker_pt if rimmed else 0,
            edgecolors="white" if rimmed else "none",
        )
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _add_many(
    axes: Any,
    points: NDArray[np.float64],
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    marker_pt: float,
) -> None:
    """Add many points ten times faster than `axes.scatter`, in approximately the same order.

    Agg draws all markers of a line from one rendered marker, but a line has one color. The points
    are split into consecutive parts, and each part has one line per class, with the classes in
    random order.
    """
    from matplotlib.lines import Line2D

    rng = np.random.default_rng(0)
    n_shares = int(np.clip(1280 // len(colors), 4, 64))
    for share in np.array_split(np.arange(len(points)), n_shares):
        by_class = share[np.argsort(codes[share], kind="stable")]
        present, starts = np.unique(codes[by_class], return_index=True)
        members = np.split(by_class, starts[1:])
        for i in rng.permutation(len(present)):
            axes.add_line(
                Line2D(
                    points[members[i], 0],
                    points[members[i], 1],
                    linestyle="none",
                    marker="o",
                    markersize=marker_pt,
                    markeredgewidth=0,
                    color=colors[present[i]],
                    alpha=_opacity(len(points)),
                )
            )


def _draw_names(
    picture: Image.Image, points: NDArray[np.float64], classes: Classes, *, text_px: float
) -> None:
    """Write the names of the classes on the map where there is room, the largest class first."""
    draw = ImageDraw.Draw(picture)
    names = format_distinct(
        [one_line(name) for name in classes.names], text_px, width_px=11 * text_px
    )
    taken: list[tuple[float, float, float, float]] = []
    by_class = np.split(np.argsort(classes.codes, kind="stable"), np.cumsum(classes.counts)[:-1])
    for rank in np.argsort(-classes.counts, kind="stable"):
        own = points[by_class[rank]]
        # Use the item nearest to the median, because other classes may surround the median.
        x, y = own[((own - np.median(own, axis=0)) ** 2).sum(axis=1).argmin()]
        half = names[rank].width_px / 2 + 0.3 * text_px
        x = float(np.clip(x, half, picture.width - half))
        for shift in (0.0, -1.1, 1.1):
            middle = float(np.clip(y + shift * text_px, text_px, picture.height - text_px))
            box = (x - half, middle - 0.7 * text_px, x + half, middle + 0.7 * text_px)
            if not any(_overlap(box, other) for other in taken):
                taken.append(box)
                draw.text(
                    (x, middle),
                    names[rank].text,
                    _darker(classes.colors[rank]),
                    names[rank].font,
                    anchor="mm",
                    stroke_width=max(text_px / 5, 1),
                    stroke_fill="white",
                )
                break


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _darker(color: str) -> tuple[int, ...]:
    """Return a darker shade of the color, for legible text."""
    return tuple(level * 55 // 100 for level in ImageColor.getrgb(color))
