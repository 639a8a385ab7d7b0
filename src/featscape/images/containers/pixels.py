"""Arrays as images, and images as files."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.images.decoding.rgb import convert_to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

TO_UINT8 = (
    "Scale the values to 0 to 255 and convert the array to uint8, for example with "
    ".astype(np.uint8)."
)
_N_CHANNELS = (1, 3, 4)  # gray, RGB, RGBA
# Modes that PNG and TIFF store without loss. Images of other modes have 8 bits and become RGB.
_PNG_MODES = frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"))
_TIFF_MODES = frozenset(("I;16L", "I;16B", "I", "F", "LAB"))


def explain_pixels(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str | None:
    """Return how an array becomes an image; None if the array is an image.

    An image has the type uint8 or bool and the shape (h, w), (h, w, c) or (c, h, w) with 1, 3 or
    4 channels, c.

    Parameters
    ----------
    dtype : numpy.dtype
    shape : tuple of int
        The shape of one image.
    """
    if dtype not in (np.uint8, np.bool_):
        return TO_UINT8
    has_channels = len(shape) == 3 and (shape[2] in _N_CHANNELS or shape[0] in _N_CHANNELS)
    if math.prod(shape) and (len(shape) == 2 or has_channels):
        return None
    return "Select 1, 3 or 4 channels, for example with array[..., :3], or reshape the array."


def arrange_pixels(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an array for which `explain_pixels` returns None in the order that Pillow reads.

    Returns
    -------
    ndarray of uint8, shape (h, w), (h, w, 3) or (h, w, 4)
        True becomes 255.
    """
    if pixels.dtype == np.bool_:
        pixels = pixels * np.uint8(255)
    if pixels.ndim == 3 and pixels.shape[2] not in _N_CHANNELS:
        pixels = np.moveaxis(pixels, 0, 2)  # (c, h, w) -> (h, w, c)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return np.ascontiguousarray(pixels)


def encode_image(image: Image.Image) -> bytes:
    """Return an image as a PNG file, or as a TIFF file if PNG cannot store the values.

    Raises
    ------
    ImageError
        If the pixels have no RGB equivalent.
    """
    file = io.BytesIO()
    if image.mode in _TIFF_MODES:
        image.save(file, format="TIFF", compression="raw")
    else:
        stored = image if image.mode in _PNG_MODES else convert_to_rgb(image)
        stored.save(file, format="PNG", compress_level=1)
    return file.getvalue()
