"""Draw points in the axes of matplotlib, few or a million."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageColor

from featscape.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DPI = 100  # of the canvas; has no effect on the picture, because all sizes are in pixels
_BELOW = 0.5  # the zorder of lines; that of disks is 1 or more
MAX_POINT_SIZE = 20  # 7 mm; larger points would not fit into small axes
MANY_POINTS = 50_000  # drawing more points one by one takes seconds


class Line(NamedTuple):
    """A line between two points: the x and y of both ends, "#rrggbb", and the width in pixels."""

    ends: tuple[float, float, float, float]
    color: str
    width_px: float


def marker_px(n_points: int, map_px: float) -> float:
    """Return the diameter of a point, in pixels, for maps of 10 to 1,000,000 points."""
    return float(np.clip(0.08 * n_points**-0.31, 0.0009, 0.022) * map_px)


def check_point_size(point_size: float) -> float:
    """Return a diameter in points of 1/72 inch; raises InputError if the diameter is invalid."""
    if not isinstance(point_size, Real) or not 0 < point_size <= MAX_POINT_SIZE:
        raise InputError(
            f"point_size must be more than 0 and at most {MAX_POINT_SIZE} points of 1/72 inch; got "
            f"{point_size!r}. Choose another size."
        )
    return float(point_size)


def draw_points(
    points: NDArray[np.float64],
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    *,
    size_px: tuple[int, int],
    marker_px: float,
    background: str = "#ffffff",
    lines: Sequence[Line] = (),
) -> Image.Image:
    """Return a picture of disks, the last disk on top.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 2)
        In pixels, y downward.
    codes : ndarray of intp, shape (n,)
        Indices into `colors`.
    lines : sequence of Line
        Drawn below the disks.
    """
    from matplotlib.figure import Figure

    width, height = size_px
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=background)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(height, 0))
    add_lines(axes, lines, dpi=DPI)
    add_points(axes, points, codes, colors, marker_pt=marker_px * 72 / DPI, background=background)
    return render(figure)


def render(figure: Figure) -> Image.Image:
    """Return the picture of a figure of matplotlib, as RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def add_lines(axes: Any, lines: Sequence[Line], *, dpi: float) -> None:
    """Add lines below the disks, with ends in the coordinates of the data.

    The limits of the axes do not change. `dpi` is the number of pixels per inch, for the widths.
    """
    from matplotlib.lines import Line2D

    for line in lines:
        x, y = line.ends[::2], line.ends[1::2]
        axes.add_artist(
            Line2D(x, y, color=line.color, linewidth=line.width_px * 72 / dpi, zorder=_BELOW)
        )


def add_points(
    axes: Any,
    points: NDArray[np.float64],
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    *,
    marker_pt: float,
    background: str,
    rasterized: bool = False,
) -> None:
    """Add disks to axes, the last disk on top.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    points : ndarray of float64, shape (n, 2)
        In the coordinates of the data.
    codes : ndarray of intp, shape (n,)
        Indices into `colors`.
    colors : tuple of str
    marker_pt : float
        Diameter of a disk, in points of 1/72 inch.
    background : str
        The color between overlapping large disks.
    rasterized : bool
        Write the disks as an image in vector files.
    """
    if len(points) > MANY_POINTS:
        _add_many(axes, points, codes, colors, marker_pt, rasterized=rasterized)
        return
    rgb = np.array([ImageColor.getrgb(color) for color in colors]) / 255
    # An edge separates large markers, but would hide small markers.
    rimmed = marker_pt >= 5
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=marker_pt**2,
        c=rgb[codes],
        alpha=_opacity(len(points)),
        linewidths=0.07 * marker_pt if rimmed else 0,
        edgecolors=background if rimmed else "none",
        rasterized=rasterized,
    )


def _opacity(n_points: int) -> float:
    return float(np.clip(1.06 - 0.08 * np.log10(n_points), 0.55, 0.9))


def _add_many(
    axes: Any,
    points: NDArray[np.float64],
    codes: NDArray[np.intp],
    colors: tuple[str, ...],
    marker_pt: float,
    *,
    rasterized: bool,
) -> None:
    """Add many points ten times faster than `axes.scatter`, in approximately the same order.

    Agg draws all markers of a line from one rendered marker, but a line has one color. The points
    are split into consecutive parts, and each part has one line per class, with the classes in
    random order.
    """
    from matplotlib.lines import Line2D

    rng = np.random.default_rng(0)
    n_shares = int(np.clip(1280 // len(colors), 4, 64))
    # Points of one color at the beginning, such as those without a value, stay below all others.
    n_first = int(np.argmax(codes != codes[0])) or len(codes)
    first, rest = np.split(np.arange(len(points)), [n_first])
    for share in (first, *np.array_split(rest, n_shares)):
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
                    rasterized=rasterized,
                )
            )
