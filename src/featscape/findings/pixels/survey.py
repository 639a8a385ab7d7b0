"""Decode each thumbnail once, and measure what the findings about pixels need."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.pixels.background import find_foreground

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    "dark",
    "lightest",
    "contrast",
    "blur",
    "noise",
    "red_blue",
    "green_magenta",
    "saturation",
    "white",
)
_QUANTILES = np.array((0.02, 0.2, 0.99))  # of "darkest", "dark" and "lightest"
# Date strips, captions and frames are usually at most a tenth of the side. An eighth is cut,
# because JPEG blurs the border of the strip. Thumbnails below 48 pixels rarely have readable
# strips.
_EDGE_SHARE = 1 / 8  # at each side
_LEAST_CUT_SIDE_PX = 48  # shorter sides are not cut
_BATCH = 64  # images per task of a thread
_LEAST_BLUR_PX = 8  # side of the smallest images with enough edges to measure blur
# An image whose largest step between pixels is smaller is also measured in smaller copies. In such
# an image, most steps may be those of noise or of the rounding to gray levels, which hide a blur. A
# sharp image of low contrast is also sharp in the smaller copies.
_LEAST_STEP = 32 / 255
# Noise is measured in the smoothest blocks that are neither black nor white.
_BLOCK_PX, _SMOOTHEST, _DARKEST_BLOCK = 8, 0.2, 0.06
# The result for images of Gaussian noise with a standard deviation of 1, measured: .60 for images
# of 192 x 256 pixels, and .62 for 28 x 28.
_QUARTILE_OF_NOISE = 0.6


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
        Gray levels and color channels are from 0 to 1. "brightness" is the mean of the gray levels.
        "darkest", "dark", "lightest", "contrast" and "blur" are measured without the outer eighth
        at each side; sides of less than 48 pixels are not cut. "darkest", "dark" and "lightest" are
        the 2 %, 20 % and 99 % quantiles of the gray levels. With a uniform background, the
        quantiles of the foreground are computed too: "darkest" and "dark" are the lower of the two
        quantiles, and "lightest" is the higher. "contrast" is the standard deviation of the gray
        levels. "blur" is the share of the steps between pixels that remains after another blur, and
        NaN for thumbnails with a side of less than 8 pixels; "noise" is the standard deviation of
        the noise in the smoothest blocks of the image. "red_blue" and "green_magenta" are color
        casts, "saturation" is the mean range of the channels, and "white" the share of nearly white
        pixels.
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
    """Return an image as a gray square of uint8, (48, 48).

    The square of the mirror image is the mirror image of the square.
    """
    from PIL import Image

    # BOX averages all pixels, and would repeat the pixels of smaller images
    resample = Image.Resampling.BOX if min(image.size) >= SIZE_PX else Image.Resampling.BILINEAR
    return _reduce_symmetrically(
        image.convert("L"), lambda gray: gray.resize((SIZE_PX, SIZE_PX), resample)
    )


def color_square(image: Image.Image) -> NDArray[np.uint8]:
    """Return the blue and the red chroma of an RGB image as a square of uint8, (12, 12, 2).

    The square of the mirror image is the mirror image of the square.
    """
    from PIL import Image

    def reduce(image: Image.Image) -> Image.Image:
        # the reduction by whole pixels is faster, and the resizing makes the square
        reduced = image.reduce(max(1, min(image.size) // SIZE_PX))
        square = reduced.resize((COLOR_SIZE_PX, COLOR_SIZE_PX), Image.Resampling.BOX)
        return square.convert("YCbCr")

    return _reduce_symmetrically(image, reduce)[:, :, 1:]


def _reduce_symmetrically(
    image: Image.Image, reduce: Callable[[Image.Image], Image.Image]
) -> NDArray[np.uint8]:
    """Return the mean of the reduced image and of the reduced mirror image, mirrored back.

    Pillow assigns a pixel at the border of two squares of BOX to the left one, and `Image.reduce`
    has a narrower square at the right: without the mean, mirrored copies of most sizes differ.
    """
    from PIL import ImageOps

    own = np.asarray(reduce(image))
    other = np.asarray(reduce(ImageOps.mirror(image)))[:, ::-1]
    mean: NDArray[np.uint8] = ((own.astype(np.uint16) + other) // 2).astype(np.uint8)
    return mean


def _digest(image: Image.Image) -> NDArray[np.uint8]:
    content = hashlib.sha256(repr(image.size).encode())
    content.update(image.tobytes())
    return np.frombuffer(content.digest(), dtype=np.uint8)


def _measure(image: Image.Image) -> list[float]:
    """Return the measures of an RGB image in the order of `MEASURES`."""
    from PIL import Image

    gray = image.convert("L")
    pixels = np.asarray(gray)
    part = _inner_part(pixels.shape)
    inner = np.ascontiguousarray(pixels[part])
    histogram = np.bincount(inner.ravel(), minlength=256)
    levels = np.arange(256) / 255
    mean = (levels @ histogram) / histogram.sum()
    contrast = np.sqrt(((levels - mean) ** 2 @ histogram) / histogram.sum())
    foreground = find_foreground(pixels, within=part)
    # a strip at the edge hides a uniform background, which is then found in the inner part
    if foreground is None and inner.shape != pixels.shape:
        foreground = find_foreground(inner)
    darkest, dark, lightest = _extremes(
        histogram, None if foreground is None else inner[foreground]
    )
    small = image
    if min(image.size) > SIZE_PX:
        small = image.resize((SIZE_PX, SIZE_PX), Image.Resampling.BOX)
    # one contiguous plane per channel: NumPy is slow along an axis of 3
    planes = [np.asarray(plane, dtype=np.float32) / 255 for plane in small.split()]
    red, green, blue = (plane.mean() for plane in planes)
    highest, lowest = np.maximum.reduce(planes), np.minimum.reduce(planes)
    return [
        float(pixels.mean() / 255),
        darkest,
        dark,
        lightest,
        float(contrast),
        _blur(inner.astype(np.float32) / np.float32(255)),
        _noise(pixels.astype(np.float32) / np.float32(255)),
        float(red - blue),
        float(green - (red + blue) / 2),
        float((highest - lowest).mean()),
        float((lowest > 0.94).mean()),
    ]


def _inner_part(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the rows and columns without the strips at the edge of an image of (h, w)."""
    edges = [int(side * _EDGE_SHARE) if side >= _LEAST_CUT_SIDE_PX else 0 for side in shape]
    return tuple(slice(edge, side - edge) for edge, side in zip(edges, shape, strict=True))


def _extremes(
    histogram: NDArray[np.int_], foreground: NDArray[np.uint8] | None
) -> tuple[float, float, float]:
    """Return the measures "darkest", "dark" and "lightest" of `Survey.measures`.

    Parameters
    ----------
    histogram : ndarray of int, shape (256,)
        Of the gray levels.
    foreground : ndarray of uint8, shape (m,), or None
        The gray levels of the foreground, if the background is uniform.
    """
    histograms = [histogram]
    if foreground is not None:
        histograms.append(np.bincount(foreground, minlength=256))
    quantiles = [
        np.searchsorted(counts, counts[-1] * _QUANTILES) / 255
        for counts in map(np.cumsum, histograms)
    ]
    lowest, highest = np.min(quantiles, axis=0), np.max(quantiles, axis=0)
    return float(lowest[0]), float(lowest[1]), float(highest[2])


def _blur(gray: Floats) -> float:
    """Return the share of the steps between pixels that remains after a blur by a box of 3 pixels.

    A second blur changes a sharp image more than a blurred image (Crete et al. 2007, "The blur
    effect", https://doi.org/10.1117/12.702790). The power of the steps weights strong edges more
    than shading: with powers of 1 and 2, the measure found fewer images with very mild blur. An
    image without large steps is halved until the steps are large; the largest share counts.

    Parameters
    ----------
    gray : ndarray of float32, shape (h, w)

    Returns
    -------
    float
        From 0 to 1; NaN for an image of one gray level, or with a side of less than 8 pixels.
    """
    share = np.nan
    while min(gray.shape) >= _LEAST_BLUR_PX:
        remaining, largest = _compare_steps(gray)
        share = np.fmax(share, remaining)
        if largest >= _LEAST_STEP:
            break
        gray = _halve(gray)
    return float(share)


def _compare_steps(gray: Floats) -> tuple[float, float]:
    """Return the share of the steps that remains after a blur, and the largest step."""
    before = after = largest = 0.0
    for pixels in (gray, gray.T):
        steps = np.diff(pixels, axis=0)
        # the blurred image has the mean of three steps in place of the step
        blurred = np.abs(pixels[3:] - pixels[:-3]) / 3
        size = np.abs(steps[1:-1])
        largest = max(largest, float(size.max()))
        before += _sum_of_powers(size)
        after += _sum_of_powers(np.minimum(blurred, size, out=blurred))
    return after / before if before else np.nan, largest


def _halve(gray: Floats) -> Floats:
    """Return an image of half the width and the height, with the means of 2 x 2 pixels."""
    height, width = (side // 2 * 2 for side in gray.shape)
    rows = gray[:height:2] + gray[1:height:2]
    return np.asarray((rows[:, :width:2] + rows[:, 1:width:2]) / 4)


def _sum_of_powers(values: Floats) -> float:
    """Return the sum of the values to the power of 1.5; a root is faster than a power."""
    return float(np.vdot(values, np.sqrt(values)))


def _noise(gray: Floats) -> float:
    """Return the standard deviation of the noise in the smoothest fifth of the blocks of 8 x 8.

    Noise is in all pixels of all blocks and in all directions, and texture, edges and letters are
    not: the deviation of a block is computed from the lower quartile of the absolute second
    differences, across or down, whichever is lower. Stripes and the threads of a fabric differ in
    one direction only. Black and white blocks are ignored, because the limits of the gray levels
    cut the noise.

    Parameters
    ----------
    gray : ndarray of float32, shape (h, w)
    """
    if min(gray.shape) < 2 + _BLOCK_PX:
        return 0.0
    inner = gray[1:-1, 1:-1]
    rows, columns = (side // _BLOCK_PX for side in inner.shape)

    def blocks_of(values: Floats) -> Floats:
        cut = values[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
        blocks = cut.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX)
        return blocks.swapaxes(1, 2).reshape(rows * columns, _BLOCK_PX**2)

    level = blocks_of(inner).mean(axis=1)
    is_inside = (level > _DARKEST_BLOCK) & (level < 1 - _DARKEST_BLOCK)
    if not is_inside.any():
        return 0.0
    quarter = _BLOCK_PX**2 // 4
    quartiles = [
        np.partition(blocks_of(np.abs(2 * inner - before - after))[is_inside], quarter, axis=1)
        for before, after in (
            (gray[1:-1, :-2], gray[1:-1, 2:]),
            (gray[:-2, 1:-1], gray[2:, 1:-1]),
        )
    ]
    quartile = np.minimum(*(values[:, quarter] for values in quartiles))
    return float(np.quantile(quartile, _SMOOTHEST) / _QUARTILE_OF_NOISE)
