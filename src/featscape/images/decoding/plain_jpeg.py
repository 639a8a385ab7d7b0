"""Decode plain JPEG files with libjpeg-turbo's own interface.

A small file takes two thirds of Pillow's time. Pillow calls libjpeg-turbo too, and the pixels are
equal bit by bit. But Pillow stores four bytes per pixel, which must be packed into three, and
spends a fifth of the time for a small file in Python code, where threads wait for each other:
sixteen threads decode at most about 9,000 files per second.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import simplejpeg
from PIL import Image

from featscape.images.decoding.jpeg_scans import has_too_many_scans

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_START = b"\xff\xd8"
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive, all with Huffman coding
# Segments without information on colors or orientation: tables, JFIF, Adobe, comments.
_HARMLESS = (0xC4, 0xDB, 0xDD, 0xE0, 0xEE, 0xFE)


def decode_plain(content: bytes, *, at_least_px: int = 0) -> NDArray[np.uint8] | None:
    """Decode a JPEG file to the same pixels as `decode_bytes`, or return None.

    Parameters
    ----------
    content : bytes
        The image file.
    at_least_px : int
        The minimum length of the decoded image's shorter side; 0 for the original size.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3), or None
        None if the pixels could differ, so that Pillow must decode the file or report the error:
        for another format or another number of colors, for metadata that may contain an
        orientation, for an image that is too large or is to be decoded at a smaller scale, and
        for a damaged file.
    """
    size = _read_size(content)
    if size is None or (at_least_px and min(size) >= 2 * at_least_px):
        return None
    if Image.MAX_IMAGE_PIXELS is not None and size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        return None
    if has_too_many_scans(content):
        return None
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(content, colorspace="RGB", strict=True)
    except ValueError:  # Pillow reports the error, or decodes the file nevertheless
        return None
    return pixels


def _read_size(content: bytes) -> tuple[int, int] | None:
    """Return the width and height of a plain JPEG file of 8 bits and 1 or 3 channels, else None."""
    if not content.startswith(_START):
        return None
    position = len(_START)
    while position + 10 <= len(content):
        marker, length = struct.unpack_from(">HH", content, position)
        marker -= 0xFF00
        if marker in _FRAMES:
            bits, height, width, n_channels = struct.unpack_from(">BHHB", content, position + 4)
            is_plain = bits == 8 and n_channels in (1, 3) and height and width
            return (width, height) if is_plain else None
        if marker not in _HARMLESS:
            return None
        position += 2 + length
    return None
