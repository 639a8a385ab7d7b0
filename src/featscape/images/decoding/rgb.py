"""Convert an image of any of Pillow's modes to 8-bit RGB."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms

from featscape.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_TILE_PX = 1024
_WHITE_16_BIT = 65535
_NEAR_WHITE = 240  # an image without a darker value looks empty


def convert_to_rgb(image: Image.Image, *, white: int | None = None) -> Image.Image:
    """Return an image as a new RGB image; transparent pixels are blended with white.

    If the blended image has no value below 240, transparent pixels are blended with gray instead,
    so that a fully transparent image is gray.
    16-bit values are divided by 257, so that 65535 becomes 255. 32-bit integers and floats have no
    agreed white level: floats within 0..1 keep this range, and all other values are stretched so
    that the minimum becomes black and the maximum white.

    Parameters
    ----------
    image : PIL.Image.Image
    white : int, optional
        If given, 0 becomes black and this value white in each image of mode I;16, I or F; other
        values are clipped.

    Raises
    ------
    ImageError
        If the pixels have no RGB equivalent; the message is the reason.
    """
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _convert_deep(image, white)
    if image.mode == "LAB":
        return _convert_lab(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode == "La":  # Pillow converts premultiplied gray to RGBA only through "LA"
        image = image.convert("LA")
    try:
        rgba = image.convert("RGBA")
    except ValueError as error:  # the transparency table of a PNG file exceeds the palette
        raise ImageError(f"damaged or truncated ({error})") from error
    alpha = rgba.getchannel("A")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(rgba, mask=alpha)
    if np.asarray(canvas).min() >= _NEAR_WHITE:
        canvas = Image.new("RGB", image.size, "gray")  # white on white would be invisible
        canvas.paste(rgba, mask=alpha)
    return canvas


def find_largest(image: Image.Image) -> int | None:
    """Return the largest value of a gray image of 16 bits; None for other images."""
    if not image.mode.startswith("I;16"):
        return None
    return max(int(values.max()) for _, values in tiles(image))


def scale_16_bit(values: NDArray[np.uint16], white: int) -> NDArray[np.uint8]:
    """Map 0..`white` to 0..255, and larger values to 255; the shape is unchanged."""
    clipped = np.minimum(values.astype(np.uint32), np.uint32(white))
    return ((clipped * 255 + white // 2) // white).astype(np.uint8)


def tiles(image: Image.Image) -> Iterator[tuple[tuple[int, int, int, int], NDArray[Any]]]:
    """Yield the box of each tile, and its values, shape (height, width) or (height, width, k)."""
    for top in range(0, image.height, _TILE_PX):
        for left in range(0, image.width, _TILE_PX):
            right, bottom = left + _TILE_PX, top + _TILE_PX
            box = (left, top, min(right, image.width), min(bottom, image.height))
            yield box, np.asarray(image.crop(box))


def _convert_deep(image: Image.Image, white: int | None) -> Image.Image:
    """Convert a gray image of 16 or 32 bits, tile by tile to limit the memory."""
    is_16_bit = image.mode.startswith("I;16")
    value_range = (0.0, float(white or _WHITE_16_BIT))
    if white is None and not is_16_bit:
        value_range = _find_range(image)
    transparent = image.info.get("transparency")  # one gray value of a PNG image
    rgb = Image.new("RGB", image.size)
    for box, values in tiles(image):
        if is_16_bit:
            gray = scale_16_bit(values, white or _WHITE_16_BIT)
        else:
            gray = _stretch(values.astype(np.float64), *value_range)
        if transparent is not None:
            gray[values == transparent] = 255
        rgb.paste(Image.fromarray(gray).convert("RGB"), box)
    return rgb


def _find_range(image: Image.Image) -> tuple[float, float]:
    """Return the values of black and white: 0 and 1 for floats within 0..1, else the extremes."""
    low, high = math.inf, -math.inf
    for _, values in tiles(image):
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise ImageError("no finite pixel value")
    return (0.0, 1.0) if image.mode == "F" and low >= 0 and high <= 1 else (low, high)


def _stretch(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    """Map low..high to 0..255 and NaN to 0; the shape is unchanged."""
    values = np.where(np.isnan(values), low, np.clip(values, low, high))
    scale = 255 / (high - low) if high > low else 0.0
    gray: NDArray[Any] = np.rint((values - low) * scale)
    return gray.astype(np.uint8)


def _convert_lab(image: Image.Image) -> Image.Image:
    try:
        rgb = ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, ImportError) as error:  # ImportError: Pillow without LittleCMS
        raise ImageError(f"L*a*b* colors cannot be converted: {error}") from error
    if rgb is None:
        raise ImageError("L*a*b* colors cannot be converted")
    return rgb
