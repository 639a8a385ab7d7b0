"""Draw a map made of the images, with borders in the colors of the classes."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from featscape.errors import InputError
from featscape.labels.classes import count_classes
from featscape.pictures.page import MIN_THUMBNAIL_PX, plan_page
from featscape.pictures.plane import Plane, fit_to_box, project_to_plane
from featscape.progress import SilentProgress, Task
from featscape.thumbnail_layout import move_apart, snap_to_grid, spread_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.page import Page
    from featscape.progress import Progress
    from featscape.records import ImageSource

NEUTRAL_FRAME = "#b4bac1"  # for images without a class
# With a mean of 8 overlaps per image, a third of the images shows less than a quarter of its area.
MAX_OVERLAPS = 8.0
GRID_SLACK = 1.4  # cells per image: empty cells preserve the shape of the clusters
MIN_GRID_SLACK = 1.2  # for small cells; further images are not shown
THUMBNAIL_PER_CELL = 0.92  # the rest of the side of a cell is the gap
CHUNK_IMAGES = 64  # bordered images in memory at once
N_THREADS = 4  # each thread keeps an original in memory, which may be large


def draw_mosaic(
    positions: ArrayLike,
    images: ImageSource,
    labels: Sequence[str] | Sequence[int] | NDArray[np.generic] | None = None,
    *,
    layout: Literal["map", "grid"] = "map",
    size_px: int = 2400,
    thumbnail_px: int | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> Image.Image:
    """Draw the items as images, with a legend for the colors of the borders.

    If there is no room for all images, the caption reports how many are shown, always the same.

    Parameters
    ----------
    positions : array_like of numbers, shape (n, 1), (n, 2) or (n, 3)
        One and three dimensions are projected as in `draw_scatter`.
    images : ImageSource
        n images. Several threads call the method ``load``.
    labels : sequence of str or int, optional
        n classes.
    layout : {"map", "grid"}
        "map" draws each image at its position, and moves overlapping images apart as far as each
        image still covers its position. "grid" moves each image to a cell of its own.
    size_px : int
        The longer side of the picture.
    thumbnail_px : int, optional
        The longer side of each image with its border; by default chosen by the number and the
        density of the images.
    title : str, optional
    progress : Progress, optional

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    InputError
        If the positions are not finite numbers of a valid shape, if the number of images or labels
        differs from the number of positions, or if a size is out of range.
    ImageError
        If an image cannot be decoded.
    """
    plane = project_to_plane(positions)
    _check_arguments(plane, images, layout)
    classes = count_classes(labels, len(plane.xy))
    page = plan_page(size_px, aspect=plane.aspect, title=title, classes=classes)
    progress = progress or SilentProgress()
    picture, n_shown = _draw_map(
        page, plane, images, classes, layout=layout, thumbnail_px=thumbnail_px, progress=progress
    )
    caption = None
    if n_shown < len(images):
        caption = f"showing {n_shown:,} of {len(images):,} images"
        progress.note(f"The {layout} of images has room for {n_shown:,} of {len(images):,}.")
    return page.finish(picture, caption=caption)


def _draw_map(
    page: Page,
    plane: Plane,
    images: ImageSource,
    classes: Classes | None,
    *,
    layout: str,
    thumbnail_px: int | None,
    progress: Progress,
) -> tuple[Image.Image, int]:
    """Return the map of a page, and the number of images shown."""
    box = page.map_width, page.map_height
    _check_thumbnail(thumbnail_px, box)
    arrange = _on_map if layout == "map" else _on_grid
    shown, centers, side_px = arrange(plane, box, thumbnail_px)
    picture = Image.new("RGB", box, "white")
    place_thumbnails(
        picture,
        images,
        shown,
        centers,
        _frame_colors(classes, shown),
        side_px=side_px,
        description=f"{layout.capitalize()} of images",
        progress=progress,
    )
    return picture, len(shown)


def _check_arguments(plane: Plane, images: ImageSource, layout: str) -> None:
    if len(images) != len(plane.xy):
        raise InputError(
            f"the number of images must equal the number of positions = {len(plane.xy):,}; got "
            f"{len(images):,}. Pass the images in the order of the positions."
        )
    if layout not in ("map", "grid"):
        raise InputError(f"layout must be 'map' or 'grid'; got {layout!r}. Choose one of these.")


def _check_thumbnail(thumbnail_px: int | None, box: tuple[int, int]) -> None:
    """Raise InputError unless thumbnails of this size fit in a map of the size `box`."""
    if thumbnail_px is not None and not MIN_THUMBNAIL_PX <= thumbnail_px <= min(box) // 2:
        raise InputError(
            f"thumbnail_px must be between {MIN_THUMBNAIL_PX} and half of the shorter side = "
            f"{min(box) // 2}; got {thumbnail_px}. Choose another size, or a larger size_px."
        )


def _frame_colors(classes: Classes | None, shown: NDArray[np.intp]) -> list[str]:
    """Return the color of the border of each image in `shown`, an array of shape (m,)."""
    if classes is None:
        return [NEUTRAL_FRAME] * len(shown)
    return [classes.colors[code] for code in classes.codes[shown]]


def place_thumbnails(
    picture: Image.Image,
    images: ImageSource,
    indices: NDArray[np.intp],
    centers: NDArray[np.float64],
    colors: Sequence[str],
    *,
    side_px: int,
    description: str,
    progress: Progress,
) -> None:
    """Draw bordered thumbnails into `picture`, the last thumbnail on top.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB; changed in place.
    images : ImageSource
    indices : ndarray of intp, shape (m,)
        The images to draw, in this order.
    centers : ndarray of float64, shape (m, 2)
        In pixels; at least half of `side_px` from the edge.
    colors : sequence of str
        The color of each border.
    side_px : int
        The longer side of a thumbnail with its border.
    description : str
        The name of the step for `progress`.
    progress : Progress
    """
    # at least 1.4 times the size inside the border: the result is 1 % less sharp than from the
    # original image
    at_least_px = 4 * side_px // 3

    def load(index: int, color: str) -> Image.Image:
        return _frame_image(images.load(index, at_least_px=at_least_px), side_px, color)

    with (
        progress.task(Task(description, total=len(indices), unit="images")) as advance,
        ThreadPoolExecutor(N_THREADS) as pool,
    ):
        for start in range(0, len(indices), CHUNK_IMAGES):
            chunk = slice(start, start + CHUNK_IMAGES)
            thumbnails = pool.map(load, indices[chunk].tolist(), colors[chunk])
            for thumbnail, center in zip(thumbnails, centers[chunk], strict=True):
                corner = center - np.array(thumbnail.size) / 2
                picture.paste(thumbnail, (round(corner[0]), round(corner[1])))
                advance(1)


def _frame_image(image: Image.Image, side_px: int, color: str) -> Image.Image:
    """Return the image, with unchanged proportions, in a colored border and a white hairline."""
    # The border of a small image is relatively thicker, so that its color is visible.
    border = max(round(0.22 * side_px**0.7), 1)
    hairline = 1 if side_px >= 24 else 0
    inner = side_px - 2 * (border + hairline)
    scale = inner / max(image.size)
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    # Smoothing would blur the pixels of very small images.
    method = Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.LANCZOS
    small = image.resize(size, method, reducing_gap=3.0)
    bordered = Image.new("RGB", (size[0] + 2 * border, size[1] + 2 * border), color)
    bordered.paste(small, (border, border))
    if not hairline:
        return bordered
    outlined = Image.new("RGB", (bordered.width + 2, bordered.height + 2), "white")
    outlined.paste(bordered, (1, 1))
    return outlined


def _on_map(
    plane: Plane, box: tuple[int, int], thumbnail_px: int | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], int]:
    """Return the images in drawing order, (m,), their centers in pixels, (m, 2), and their side."""
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
    return shown[order], centers[order], side


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


def _on_grid(
    plane: Plane, box: tuple[int, int], thumbnail_px: int | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], int]:
    """Return the images to draw, (m,), their centers in pixels, (m, 2), and their side."""
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
    return shown, (cells + 0.5) * pitch, thumbnail_px
