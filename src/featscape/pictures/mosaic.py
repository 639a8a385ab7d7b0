"""Draw a map made of the images, with borders in the colors of the classes."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from featscape.errors import InputError
from featscape.pictures.axes import check_axes, draw_images_in_axes
from featscape.pictures.names import check_item_names, draw_names, leaders, plan_map
from featscape.pictures.page import MIN_THUMBNAIL_PX, check_path
from featscape.pictures.placement import Arrangement
from featscape.pictures.plane import Plane, fit_to_box, project_to_plane
from featscape.pictures.theme import choose_theme
from featscape.progress import SilentProgress, Task
from featscape.thumbnail_layout import move_apart, snap_to_grid, spread_out

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.points import Line
    from featscape.pictures.theme import ClassColors
    from featscape.progress import Progress
    from featscape.records import ImageSource

# With a mean of 8 overlaps per image, a third of the images shows less than a quarter of its area.
MAX_OVERLAPS = 8.0
GRID_SLACK = 1.4  # cells per image: empty cells preserve the shape of the clusters
MIN_GRID_SLACK = 1.2  # for small cells; further images are not shown
THUMBNAIL_PER_CELL = 0.92  # the rest of the side of a cell is the gap
BORDER_PER_SIDE = 0.04  # the border is visible at 24 pixels, and does not dominate the image
MIN_HAIRLINE_SIDE_PX = 32  # the hairline separates overlapping images; small images lack the room
CHUNK_IMAGES = 64  # bordered images in memory at once
_FILE_DPI = 300  # of the files: 2,400 pixels are 20 cm
N_THREADS = 4  # each thread keeps an original in memory, which may be large


@overload
def draw_mosaic(
    positions: ArrayLike,
    images: ImageSource | None,
    labels: Sequence[str] | Sequence[int] | NDArray[np.generic] | None = None,
    *,
    layout: Literal["map", "grid"] = "map",
    size_px: int = 2400,
    thumbnail_px: int | None = None,
    title: str | None = None,
    caption: str | None = None,
    names: bool = True,
    legend: bool = True,
    colors: ClassColors | None = None,
    item_names: Mapping[int, str] | None = None,
    dark: bool = False,
    path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    ax: None = None,
) -> Image.Image: ...


@overload
def draw_mosaic(
    positions: ArrayLike,
    images: ImageSource | None,
    labels: Sequence[str] | Sequence[int] | NDArray[np.generic] | None = None,
    *,
    layout: Literal["map", "grid"] = "map",
    thumbnail_px: int | None = None,
    names: bool = True,
    legend: bool = True,
    colors: ClassColors | None = None,
    item_names: Mapping[int, str] | None = None,
    dark: bool = False,
    progress: Progress | None = None,
    ax: Axes,
) -> None: ...


def draw_mosaic(
    positions: ArrayLike,
    images: ImageSource | None,
    labels: Sequence[str] | Sequence[int] | NDArray[np.generic] | None = None,
    *,
    layout: Literal["map", "grid"] = "map",
    size_px: int = 2400,
    thumbnail_px: int | None = None,
    title: str | None = None,
    caption: str | None = None,
    names: bool = True,
    legend: bool = True,
    colors: ClassColors | None = None,
    item_names: Mapping[int, str] | None = None,
    dark: bool = False,
    path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    ax: Axes | None = None,
) -> Image.Image | None:
    """Draw the items as images, with borders in the colors of the classes and the classes' names.

    The positions of the names are as in `draw_scatter`. Images without labels have no borders. If
    there is no room for all images, the caption reports how many are shown, always the same.

    Parameters
    ----------
    positions : array_like of numbers, shape (n, 1), (n, 2) or (n, 3)
        One and three dimensions are projected as in `draw_scatter`.
    images : ImageSource
        n images. Several threads call the method ``load``. None, the thumbnails of a map of items
        without images, raises InputError.
    labels : sequence of str, int or bool, optional
        n classes; None or NaN for an item without a label.
    layout : {"map", "grid"}
        "map" draws each image at its position, and moves overlapping images apart as far as each
        image still covers its position. "grid" moves each image to a cell of its own.
    size_px : int
        The longer side of the picture.
    thumbnail_px : int, optional
        The longer side of each image with its border; by default chosen by the number and the
        density of the images.
    title : str, optional
        Written above the map.
    caption : str, optional
        Written below the map.
    names : bool
        Write the names of the classes on the map; otherwise, a legend lists the classes.
    legend : bool
        Draw the legend of the classes without a name.
    colors : mapping or Series of label to color, or sequence of colors, optional
        As for `draw_scatter`.
    item_names : mapping of int to str, optional
        As for `draw_scatter`.
    dark : bool
        Draw on a dark background. Style sheets of matplotlib have no effect on the colors.
    path : path, optional
        Also write the picture to this file: .png, or another format of Pillow. The file has 300
        pixels per inch.
    progress : Progress, optional
    ax : matplotlib.axes.Axes, optional
        Draw in these axes and return None: the images with 300 pixels per inch, and the names as
        text. The limits become those of the picture, in pixels. The axes keep what they contain,
        and get one artist per class, as for `draw_scatter`. Not with `title`, `caption` or
        `path`; `size_px` has no effect.

    Returns
    -------
    PIL.Image.Image or None
        RGB; None with `ax`.

    Raises
    ------
    InputError
        If the positions are not finite numbers of a valid shape, if the number of images or labels
        differs from the number of positions, if the layout, a label or a color is invalid, if a
        class has no color in `colors`, if an item of `item_names` does not exist, if a size is out
        of range, if the suffix of `path` is unknown or its folder does not exist, or if `ax` is
        another object, such as an array of axes or polar axes.
    ImageError
        If an image cannot be decoded.

    Examples
    --------
    >>> from featscape import draw_mosaic, open_map
    >>> made = open_map("photos-map")
    >>> picture = draw_mosaic(made.positions, made.thumbnails, made.labels, size_px=800)
    >>> max(picture.size)
    800
    """
    plane = project_to_plane(positions)
    images = _check_images(images, len(plane.xy))
    _check_layout(layout)
    if ax is not None:
        check_axes(ax, title, caption, path)
    target = None if path is None else check_path(path)
    theme = choose_theme(dark=dark, in_axes=ax is not None)
    classes = theme.count_classes(labels, len(plane.xy), colors)
    arrange = partial(_arrange, plane, layout=layout, thumbnail_px=thumbnail_px)
    name = f"{layout} of images"
    progress = progress or SilentProgress()
    draw = partial(
        draw_thumbnails,
        images=images,
        classes=classes,
        background=theme.background,
        description=name.capitalize(),
        progress=progress,
    )
    named = check_item_names(item_names, plane.xy)
    if ax is not None:
        spans = np.ptp(plane.xy, axis=0)
        arrangement = draw_images_in_axes(
            ax,
            arrange,
            draw,
            spans=spans,
            classes=classes,
            names=names,
            legend=legend,
            item_names=named,
            theme=theme,
        )
        _note_hidden(arrangement, images, name, progress)
        return None
    planned = plan_map(
        lambda page: arrange((page.map_width, page.map_height)),
        size_px=size_px,
        aspect=plane.aspect,
        title=title,
        classes=classes,
        theme=theme,
        names=names,
        legend=legend,
        item_names=named,
    )
    page = planned.page
    picture = Image.new("RGB", (page.map_width, page.map_height), theme.background)
    draw(picture, planned.arrangement, leaders(planned.names, classes, theme))
    draw_names(picture, planned.names, classes, theme)
    shown = _note_hidden(planned.arrangement, images, name, progress)
    finished = page.finish(picture, caption=" · ".join(filter(None, (caption, shown))) or None)
    if target is not None:
        finished.save(target, dpi=(_FILE_DPI, _FILE_DPI))
    return finished


def _note_hidden(
    arrangement: Arrangement, images: ImageSource, name: str, progress: Progress
) -> str | None:
    """Report how many images are shown; return this for the caption, None if all are shown."""
    if len(arrangement.items) == len(images):
        return None
    shown = f"{len(arrangement.items):,} of {len(images):,} images"
    progress.note(f"the {name} shows {shown}: no room for more")
    return f"showing {shown}"


def _arrange(
    plane: Plane, box: tuple[int, int], *, layout: str, thumbnail_px: int | None
) -> Arrangement:
    """Place the images in a box of this width and height, in pixels."""
    _check_thumbnail(thumbnail_px, box)
    return (_on_map if layout == "map" else _on_grid)(plane, box, thumbnail_px)


def _check_images(images: ImageSource | None, n_items: int) -> ImageSource:
    if images is None or not hasattr(images, "load"):
        raise InputError(
            "images must be the result of find_images or the thumbnails of a map; got the type "
            f"{type(images).__name__}. Pass find_images(SOURCE) or open_map(MAP).thumbnails."
        )
    if len(images) != n_items:
        raise InputError(
            f"the number of images must equal the number of positions = {n_items:,}; got "
            f"{len(images):,}. Pass the images in the order of the positions."
        )
    return images


def _check_layout(layout: str) -> None:
    if layout not in ("map", "grid"):
        raise InputError(f"layout must be 'map' or 'grid'; got {layout!r}. Choose one of these.")


def _check_thumbnail(thumbnail_px: int | None, box: tuple[int, int]) -> None:
    """Raise InputError unless thumbnails of this size fit in a map of the size `box`."""
    if thumbnail_px is not None and not MIN_THUMBNAIL_PX <= thumbnail_px <= min(box) // 2:
        raise InputError(
            f"thumbnail_px (--thumbnail) must be between {MIN_THUMBNAIL_PX} and half of the "
            f"shorter side = {min(box) // 2}; got {thumbnail_px}. "
            "Choose another size, or a larger size_px (--size) or ax."
        )


def _border_colors(classes: Classes | None, arrangement: Arrangement) -> list[str | None]:
    """Return the color of the border of each image; None for an image without a label."""
    if classes is None:
        return [None] * len(arrangement.items)
    codes = classes.label_codes[arrangement.items].tolist()
    return [classes.colors[code] if code >= 0 else None for code in codes]


def draw_thumbnails(
    picture: Image.Image,
    arrangement: Arrangement,
    lines: Sequence[Line],
    *,
    images: ImageSource,
    classes: Classes | None,
    background: str,
    description: str,
    progress: Progress,
) -> None:
    """Draw thumbnails into `picture`, the last thumbnail on top, and lines to some of them.

    A line covers all thumbnails but those at the ends of lines, which are drawn last: a line below
    the thumbnails would be hidden where other images are between its ends.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB; changed in place.
    arrangement : Arrangement
        The images to draw; at least half of a side from the edge.
    lines : sequence of Line
        The second end of each line is the middle of a thumbnail.
    images : ImageSource
    classes : Classes or None
        The classes of all images, for the borders; None for images without borders.
    background : str
        The color of the gap between overlapping images, and beside lines.
    description : str
        The name of the step for `progress`.
    progress : Progress
    """
    arrangement, first_end = _ends_last(arrangement, lines)
    colors = _border_colors(classes, arrangement)
    indices, centers = arrangement.items, arrangement.centers
    side_px = round(arrangement.side_px)
    # at least 1.4 times the size inside the border: the result is 1 % less sharp than from the
    # original image
    at_least_px = 4 * side_px // 3

    def load(index: int, color: str | None) -> Image.Image:
        image = images.load(index, at_least_px=at_least_px)
        return _add_border(image, side_px, color, background)

    with (
        progress.task(Task(description, total=len(indices), unit="images")) as advance,
        ThreadPoolExecutor(N_THREADS) as pool,
    ):
        for start in range(0, len(indices), CHUNK_IMAGES):
            chunk = slice(start, start + CHUNK_IMAGES)
            thumbnails = pool.map(load, indices[chunk].tolist(), colors[chunk])
            for i, thumbnail in enumerate(thumbnails, start):
                if i == first_end:
                    _draw_lines(picture, lines, background)
                center = centers[i]
                corner = center - np.array(thumbnail.size) / 2
                picture.paste(thumbnail, (round(corner[0]), round(corner[1])))
                advance(1)


def _ends_last(arrangement: Arrangement, lines: Sequence[Line]) -> tuple[Arrangement, int]:
    """Return the images, those at the ends of lines last, and the index of the first of these."""
    ends = {line.ends[2:] for line in lines}
    is_end = np.array([tuple(center) in ends for center in arrangement.centers.tolist()])
    order = np.argsort(is_end, kind="stable")
    items, centers = arrangement.items[order], arrangement.centers[order]
    return replace(arrangement, items=items, centers=centers), int((~is_end).sum())


def _draw_lines(picture: Image.Image, lines: Sequence[Line], background: str) -> None:
    """Draw lines with an edge in the color of the background, which separates them from images."""
    draw = ImageDraw.Draw(picture)
    for line in lines:
        draw.line(line.ends, background, 3 * round(line.width_px))
        draw.line(line.ends, line.color, round(line.width_px))


def _add_border(
    image: Image.Image, side_px: int, color: str | None, background: str
) -> Image.Image:
    """Return the image, with unchanged proportions, in a colored border and a hairline."""
    border = 0 if color is None else max(round(BORDER_PER_SIDE * side_px), 1)
    hairline = 1 if side_px >= MIN_HAIRLINE_SIDE_PX else 0
    inner = side_px - 2 * (border + hairline)
    scale = inner / max(image.size)
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    # Smoothing would blur the pixels of very small images.
    method = Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.LANCZOS
    bordered = image.resize(size, method, reducing_gap=3.0)
    for width, edge in ((border, color), (hairline, background)):
        bordered = ImageOps.expand(bordered, border=width, fill=edge or background)
    return bordered


def _on_map(plane: Plane, box: tuple[int, int], thumbnail_px: int | None) -> Arrangement:
    """Place each image near its position, if too many images do not overlap."""
    from scipy.spatial import KDTree

    side = thumbnail_px or _uncrowded_side(plane, box)
    centers = fit_to_box(plane.xy, width_px=box[0], height_px=box[1], margin_px=side / 2 + 1)
    shown = np.arange(len(centers))
    tree = KDTree(centers)
    sample = np.random.default_rng(0).permutation(centers)[:1000]
    n_overlaps = tree.query_ball_point(sample, side, p=np.inf, return_length=True) - 1
    if n_overlaps.mean() > MAX_OVERLAPS:
        shown = spread_out(centers, 0.6 * side)
    centers = move_apart(centers[shown], side, box=box)
    # Drawing from top to bottom hides the fewest images of all orders that were measured: of 500
    # crowded images, a third fewer than a random order. The top of each image is always visible.
    order = np.lexsort((centers[:, 0], centers[:, 1]))
    return Arrangement(items=shown[order], centers=centers[order], side_px=side)


def _uncrowded_side(plane: Plane, box: tuple[int, int]) -> int:
    """Return the side at which half of the thumbnails overlap with at most two others."""
    from scipy.spatial import KDTree

    smallest, largest = max(box) / 46, max(box) / 7
    centers = fit_to_box(plane.xy, width_px=box[0], height_px=box[1], margin_px=max(box) / 30)
    n_neighbors = min(3, len(centers) - 1)
    if n_neighbors == 0:
        return round(largest)
    distances, _ = KDTree(centers).query(centers, k=n_neighbors + 1, p=np.inf)
    return round(float(np.clip(np.median(distances[:, -1]), smallest, largest)))


def _on_grid(plane: Plane, box: tuple[int, int], thumbnail_px: int | None) -> Arrangement:
    """Place each image in a cell of its own."""
    shown = np.arange(len(plane.xy))
    if thumbnail_px is None:
        cell = math.sqrt(box[0] * box[1] / (GRID_SLACK * len(shown)))
        cell = min(max(cell, max(box) / 100), max(box) / 7)
        n_columns, n_rows = (math.ceil(side / cell) for side in box)
        thumbnail_px = int(THUMBNAIL_PER_CELL * min(box[0] / n_columns, box[1] / n_rows))
    else:
        n_columns, n_rows = (int(side * THUMBNAIL_PER_CELL / thumbnail_px) for side in box)
    room = int(n_columns * n_rows / MIN_GRID_SLACK)
    if room < len(shown):
        shown = np.sort(np.random.default_rng(0).permutation(len(shown))[:room])
    cells_xy = fit_to_box(plane.xy[shown], width_px=n_columns, height_px=n_rows, margin_px=0.5)
    cells = snap_to_grid(cells_xy, n_columns=n_columns, n_rows=n_rows)
    pitch = np.array([box[0] / n_columns, box[1] / n_rows])
    return Arrangement(items=shown, centers=(cells + 0.5) * pitch, side_px=thumbnail_px)
