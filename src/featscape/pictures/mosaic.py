"""The mosaic: the map made of the images themselves, each framed in the color of its class."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from featscape.errors import InputError
from featscape.labels.classes import count_classes
from featscape.pictures.page import MIN_THUMBNAIL_PX, plan_page
from featscape.pictures.plane import Plane, fit, lay_flat
from featscape.progress import SilentProgress, Task
from featscape.thumbnail_layout import move_apart, snap_to_grid, spread_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from featscape.progress import Progress
    from featscape.records import ImageSource

NEUTRAL_FRAME = "#b4bac1"  # of images without a class
# Of images that overlap with as many others on the mean, a third shows less than a quarter.
MAX_OVERLAPS = 8.0
GRID_SLACK = 1.4  # cells an image: some stay empty, so that clusters keep a shape
MIN_GRID_SLACK = 1.2  # where small cells are asked for, or needed; more images are not shown
THUMBNAIL_PER_CELL = 0.92  # the rest of a cell's side is the gap
CHUNK_IMAGES = 64  # framed ones in memory at once
N_THREADS = 4  # as many originals are in memory, which may be large


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
    """Draw the items as their images, with a legend of the frames' colors.

    Where there are more images than the picture can show, some are left out, always the same, and
    the picture says how many it shows, as does `progress`. Only images that are drawn are loaded.

    Parameters
    ----------
    positions : array_like of shape (n, 1), (n, 2) or (n, 3)
        Laid on paper as `draw_scatter` does.
    images : ImageSource
        n images; anything with ``len()`` and ``load(index, at_least_px=...)``, which is called in
        several threads.
    labels : sequence of str or int, optional
        The class of each item.
    layout : {"map", "grid"}
        "map" puts each image on its position, as far aside from others as it still covers that;
        images may overlap. "grid" moves each to a cell of its own near its position: nothing
        overlaps.
    size_px : int
        The longer side of the picture.
    thumbnail_px : int, optional
        The longer side of each image with its frame. By default as large as the number and the
        crowding of the images allow.
    title : str, optional
        Written above the map.
    progress : Progress, optional
        Told of each image drawn.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    InputError
        If the positions are not finite numbers of such a shape, or images or labels do not match
        them, or the thumbnails do not fit the picture.
    ImageError
        If an image cannot be decoded.
    """
    plane = lay_flat(positions)
    if len(images) != len(plane.xy):
        raise InputError(
            f"images must be as many as the positions = {len(plane.xy):,}; got {len(images):,}. "
            "Pass the images in the order of the positions."
        )
    if layout not in ("map", "grid"):
        raise InputError(f"layout must be 'map' or 'grid'; got {layout!r}. Choose one of them.")
    classes = count_classes(labels, len(plane.xy))
    page = plan_page(size_px, aspect=plane.aspect, title=title, classes=classes)
    box = page.map_width, page.map_height
    if thumbnail_px is not None and not MIN_THUMBNAIL_PX <= thumbnail_px <= min(box) // 2:
        raise InputError(
            f"thumbnail_px must be between {MIN_THUMBNAIL_PX} and half the map's shorter side = "
            f"{min(box) // 2}; got {thumbnail_px}. Choose another size, or a larger size_px."
        )
    place = _on_map if layout == "map" else _on_grid
    shown, centers, side = place(plane, box, thumbnail_px)
    colors = [NEUTRAL_FRAME] * len(shown)
    if classes is not None:
        colors = [classes.colors[code] for code in classes.codes[shown]]
    picture = Image.new("RGB", box, "white")
    progress = progress or SilentProgress()
    place_thumbnails(
        picture,
        images,
        shown,
        centers,
        colors,
        side_px=side,
        description=f"{layout.capitalize()} of images",
        progress=progress,
    )
    caption = None
    if len(shown) < len(images):
        caption = f"showing {len(shown):,} of {len(images):,} images"
        progress.note(f"The {layout} of images has room for {len(shown):,} of {len(images):,}.")
    return page.finish(picture, caption=caption)


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
    """Draw framed thumbnails into `picture`, the last on top.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB; drawn into.
    images : ImageSource
    indices : ndarray of intp, shape (m,)
        Which images to draw, in this order.
    centers : ndarray of float64, shape (m, 2)
        In pixels; at least half of `side_px` from the edge, so that none is cut.
    colors : sequence of str
        The frame of each.
    side_px : int
        The longer side of a thumbnail with its frame.
    progress : Progress
    """
    # at least 1.4 times what is seen within the frame: by 1 % less sharp than of the whole image
    at_least_px = 4 * side_px // 3

    def load(index: int, color: str) -> Image.Image:
        return _framed(images.load(index, at_least_px=at_least_px), side_px, color)

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


def _framed(image: Image.Image, side_px: int, color: str) -> Image.Image:
    """Return the image, its proportions kept, in a frame and a white hairline around that."""
    # Relative to its image a small frame is thicker, or its color could not be seen.
    frame = max(round(0.22 * side_px**0.7), 1)
    hairline = 1 if side_px >= 24 else 0
    inner = side_px - 2 * (frame + hairline)
    scale = inner / max(image.size)
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    # Very small images are read by their pixels, which smoothing would blur.
    method = Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.LANCZOS
    small = image.resize(size, method, reducing_gap=3.0)
    framed = Image.new("RGB", (size[0] + 2 * frame, size[1] + 2 * frame), color)
    framed.paste(small, (frame, frame))
    if not hairline:
        return framed
    outlined = Image.new("RGB", (framed.width + 2, framed.height + 2), "white")
    outlined.paste(framed, (1, 1))
    return outlined


def _on_map(
    plane: Plane, box: tuple[int, int], thumbnail_px: int | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], int]:
    """Return which images to draw, in which order, their centers, and their side."""
    from scipy.spatial import KDTree

    side = thumbnail_px or _uncrowded_side(plane, box)
    centers = fit(plane.xy, width_px=box[0], height_px=box[1], margin_px=side / 2 + 1)
    shown = np.arange(len(centers))
    tree = KDTree(centers)
    sample = np.random.default_rng(0).permutation(centers)[:1000]
    n_overlaps = tree.query_ball_point(sample, side, p=np.inf, return_length=True) - 1
    if n_overlaps.mean() > MAX_OVERLAPS:
        shown = spread_out(centers, 0.6 * side)
    centers = move_apart(centers[shown], side, box=box)
    # From the top down, like tiles on a roof: of the orders tried this one leaves the fewest images
    # hidden (of 500 crowded ones a third fewer than chance), and an image's top always shows.
    order = np.lexsort((centers[:, 0], centers[:, 1]))
    return shown[order], centers[order], side


def _uncrowded_side(plane: Plane, box: tuple[int, int]) -> int:
    """Return the side at which half of the thumbnails overlap with no more than two others."""
    from scipy.spatial import KDTree

    smallest, largest = max(box) / 46, max(box) / 7
    centers = fit(plane.xy, width_px=box[0], height_px=box[1], margin_px=max(box) / 30)
    n_neighbors = min(3, len(centers) - 1)
    if n_neighbors == 0:
        return round(largest)
    distances, _ = KDTree(centers).query(centers, k=n_neighbors + 1, p=np.inf)
    return round(float(np.clip(np.median(distances[:, -1]), smallest, largest)))


def _on_grid(
    plane: Plane, box: tuple[int, int], thumbnail_px: int | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], int]:
    """Return which images to draw, their centers, and their side."""
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
    cells_xy = fit(plane.xy[shown], width_px=n_columns, height_px=n_rows, margin_px=0.5)
    cells = snap_to_grid(cells_xy, n_columns=n_columns, n_rows=n_rows)
    pitch = np.array([box[0] / n_columns, box[1] / n_rows])
    return shown, (cells + 0.5) * pitch, thumbnail_px
