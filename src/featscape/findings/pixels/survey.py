"""Decode each thumbnail once, and measure what the findings about pixels need."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from PIL import Image

    from featscape.records import ImageSource

    Floats = NDArray[np.float32]

SIZE_PX = 48  # side of the gray images
COLOR_SIZE_PX = 12  # side of the squares of colors

# The measures of each image, in the order of the rows of `_measure`
MEASURES = (
    "brightness",
    "darkest",
    "lightest",
    "contrast",
    "blur",
    "noise",
    "red_blue",
    "green_magenta",
    "saturation",
    "white",
)
_BATCH = 64  # images per task of a thread
# Blur compares the details of three octaves; the coarsest of smaller images has too few pixels.
_LEAST_BLUR_PX = 64
# Noise is measured in the smoothest blocks that are neither black nor white.
_BLOCK_PX, _SMOOTHEST, _DARKEST_BLOCK = 8, 0.2, 0.06


@dataclass(frozen=True, eq=False)
class Survey:
    """What the pixels of n thumbnails show.

    Attributes
    ----------
    grays : ndarray of uint8, shape (n, 48, 48)
        The images as gray squares.
    colors : ndarray of uint8, shape (n, 12, 12, 2)
        The blue and the red chroma (Cb and Cr of JPEG) of the images as squares; 128 is gray.
    digests : ndarray of uint8, shape (n, 32)
        The SHA-256 of the pixels and the size of each thumbnail.
    measures : mapping of str to ndarray of float32, shape (n,)
        Gray levels and color channels are from 0 to 1. "brightness" and "contrast" are the mean and
        the standard deviation of the gray levels; "darkest" and "lightest" are the 5 % and the 99 %
        quantile. "blur" is the missing detail of the finest octave compared with the next two, in
        log units, and NaN for thumbnails with a side of less than 64 pixels; "noise" is the
        mean absolute Laplacian in the smoothest blocks of the image. "red_blue" and "green_magenta"
        are color casts, "saturation" is the mean range of the channels, and "white" the share of
        nearly white pixels.
    """

    grays: NDArray[np.uint8]
    colors: NDArray[np.uint8]
    digests: NDArray[np.uint8]
    measures: Mapping[str, Floats]


def survey_thumbnails(thumbnails: ImageSource, *, n_threads: int = 1) -> Survey:
    """Decode and measure all thumbnails.

    Parameters
    ----------
    thumbnails : ImageSource
    n_threads : int

    Raises
    ------
    InputError
        If a thumbnail is damaged.
    """
    n_images = len(thumbnails)
    grays = np.empty((n_images, SIZE_PX, SIZE_PX), dtype=np.uint8)
    colors = np.empty((n_images, COLOR_SIZE_PX, COLOR_SIZE_PX, 2), dtype=np.uint8)
    digests = np.empty((n_images, 32), dtype=np.uint8)
    measures = np.empty((len(MEASURES), n_images), dtype=np.float32)

    def survey(start: int) -> None:
        for item in range(start, min(start + _BATCH, n_images)):
            image = thumbnails.load(item)
            grays[item] = gray_square(image)
            colors[item] = color_square(image)
            digests[item] = _digest(image)
            measures[:, item] = _measure(image)

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(survey, range(0, n_images, _BATCH)))  # raises an error of a thread
    return Survey(grays, colors, digests, dict(zip(MEASURES, measures, strict=True)))


def gray_square(image: Image.Image) -> NDArray[np.uint8]:
    """Return an image as a gray square of uint8, (48, 48)."""
    from PIL import Image

    # BOX averages all pixels, and would repeat the pixels of smaller images
    resample = Image.Resampling.BOX if min(image.size) >= SIZE_PX else Image.Resampling.BILINEAR
    return np.asarray(image.convert("L").resize((SIZE_PX, SIZE_PX), resample))


def color_square(image: Image.Image) -> NDArray[np.uint8]:
    """Return the blue and the red chroma of an RGB image as a square of uint8, (12, 12, 2)."""
    from PIL import Image

    # the reduction by whole pixels is faster, and the resizing makes the square
    reduced = image.reduce(max(1, min(image.size) // SIZE_PX))
    square = reduced.resize((COLOR_SIZE_PX, COLOR_SIZE_PX), Image.Resampling.BOX)
    return np.asarray(square.convert("YCbCr"))[:, :, 1:]


def _digest(image: Image.Image) -> NDArray[np.uint8]:
    content = hashlib.sha256(repr(image.size).encode())
    content.update(image.tobytes())
    return np.frombuffer(content.digest(), dtype=np.uint8)


def _measure(image: Image.Image) -> list[float]:
    """Return the measures of an RGB image in the order of `MEASURES`."""
    from PIL import Image

    gray = image.convert("L")
    histogram = np.array(gray.histogram())
    counts = np.cumsum(histogram)
    darkest, lightest = np.searchsorted(counts, (0.05 * counts[-1], 0.99 * counts[-1])) / 255
    levels = np.arange(256) / 255
    brightness = (levels @ histogram) / counts[-1]
    contrast = np.sqrt(((levels - brightness) ** 2 @ histogram) / counts[-1])
    small = image
    if min(image.size) > SIZE_PX:
        small = image.resize((SIZE_PX, SIZE_PX), Image.Resampling.BOX)
    # one contiguous plane per channel: NumPy is slow along an axis of 3
    planes = [np.asarray(plane, dtype=np.float32) / 255 for plane in small.split()]
    red, green, blue = (plane.mean() for plane in planes)
    highest, lowest = np.maximum.reduce(planes), np.minimum.reduce(planes)
    return [
        float(brightness),
        float(darkest),
        float(lightest),
        float(contrast),
        *_blur_and_noise(np.asarray(gray, dtype=np.float32) / np.float32(255)),
        float(red - blue),
        float(green - (red + blue) / 2),
        float((highest - lowest).mean()),
        float((lowest > 0.94).mean()),
    ]


def _blur_and_noise(gray: Floats) -> tuple[float, float]:
    """Return the missing detail of the finest octave, and the noise in smooth areas."""
    octaves = []
    noise = 0.0
    for octave in range(3):
        if min(gray.shape) < 3:
            return np.nan, noise
        laplacian = 4 * gray[1:-1, 1:-1]
        for neighbor in (gray[:-2, 1:-1], gray[2:, 1:-1], gray[1:-1, :-2], gray[1:-1, 2:]):
            laplacian -= neighbor
        size = np.abs(laplacian, out=laplacian).ravel()
        strong = int(0.97 * size.size)
        if octave == 0:
            noise = _noise(gray, size.reshape(laplacian.shape))
        size.partition(strong)
        octaves.append(float(np.log(size[strong] ** 2 + 2e-4)))
        rows, columns = (side // 2 * 2 for side in gray.shape)
        pairs = gray[:rows:2, :columns] + gray[1:rows:2, :columns]
        gray = ((pairs[:, ::2] + pairs[:, 1::2]) / 4).astype(np.float32, copy=False)
    if 8 * min(gray.shape) < _LEAST_BLUR_PX:
        return np.nan, noise
    finest, middle_octave, coarsest = octaves
    return max(middle_octave - finest, coarsest - finest - 0.7), noise


def _noise(gray: Floats, size: Floats) -> float:
    """Return the mean absolute Laplacian in the smoothest fifth of the blocks of 8 x 8 pixels.

    Noise is everywhere, and texture and edges are not. Black and white blocks are ignored, because
    the limits of the gray levels cut the noise.

    Parameters
    ----------
    gray : ndarray of float32, shape (h, w)
    size : ndarray of float32, shape (h - 2, w - 2)
        The absolute Laplacian.
    """
    rows, columns = (side // _BLOCK_PX for side in size.shape)
    if not rows * columns:
        return 0.0

    def block_means(values: Floats) -> Floats:
        cut = values[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
        blocks = cut.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX)
        means: Floats = blocks.mean(axis=(1, 3)).ravel()
        return means

    level = block_means(gray[1:-1, 1:-1])
    inside = block_means(size)[(level > _DARKEST_BLOCK) & (level < 1 - _DARKEST_BLOCK)]
    return float(np.quantile(inside, _SMOOTHEST)) if len(inside) else 0.0
