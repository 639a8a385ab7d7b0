"""Colors of 16 bits per channel, of which Pillow loads only the upper 8 bits.

Pillow has a reader for each order of the two bytes of a value. The reader of the other order loads
the lower 8 bits.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, TiffImagePlugin

from featscape.errors import ImageError
from featscape.images.decoding.rgb import scale_16_bit, tiles
from featscape.images.decoding.tiff import replace_args

if TYPE_CHECKING:
    from PIL import ImageFile

_OTHER_ORDER = {
    "16B": "16L",
    "16L": "16B",
    "16N": "16B" if sys.byteorder == "little" else "16L",  # N: the order of this machine
}
_RGB_MODES = ("RGB", "RGBX", "RGBA", "RGBa")


def has_deep_colors(image: ImageFile.ImageFile) -> bool:
    """Return whether an opened image, whose pixels are not loaded, has 16 bits per channel.

    Gray images are excluded: Pillow loads all their 16 bits.
    """
    return not image.mode.startswith("I") and any(";16" in _rawmode(one) for one in image.tile)


def select_lower_bytes(image: ImageFile.ImageFile) -> None:
    """Let an opened image with deep colors load the lower 8 bits of its values.

    Raises
    ------
    ImageError
        If the image is not RGB, for example gray with transparency, or if its channels are in
        separate planes; the message is the reason.
    """
    if _has_planes(image):
        raise ImageError(
            "16-bit colors in separate planes cannot be scaled to --white (white=): save the file "
            "with interleaved channels"
        )
    selected: list[Any] = []
    for one in image.tile:
        mode, _, order = _rawmode(one).partition(";")
        if mode not in _RGB_MODES or order not in _OTHER_ORDER:
            raise ImageError(
                f"16-bit values of the kind {mode} cannot be scaled to --white (white=): convert "
                "the file to gray or RGB"
            )
        rawmode = f"{mode};{_OTHER_ORDER[order]}"
        args: Any = one[3]  # the layout, or a tuple that begins with the layout
        args = rawmode if isinstance(args, str) else (rawmode, *args[1:])
        selected.append(replace_args(one, args))
    image.tile = selected


def scale_colors(upper: Image.Image, lower: Image.Image, white: int) -> tuple[Image.Image, int]:
    """Return an image of 8 bits in which `white` becomes 255, and the largest color value.

    Parameters
    ----------
    upper, lower : PIL.Image.Image
        The upper and the lower 8 bits of the values, in one of the modes RGB, RGBA and RGBa. Alpha
        is not scaled. One transparent color becomes white.
    white : int
    """
    scaled, largest = Image.new(upper.mode, upper.size), 0
    transparent = upper.info.get("transparency")  # one color of a PNG image
    for box, high in tiles(upper):
        values = high.astype(np.uint16) << 8 | np.asarray(lower.crop(box))
        colors = values[..., :3]
        largest = max(largest, int(colors.max()))
        pixels = high.copy()
        pixels[..., :3] = scale_16_bit(colors, white)
        if transparent is not None:
            pixels[(colors == transparent).all(axis=-1)] = 255
        size = (box[2] - box[0], box[3] - box[1])
        scaled.paste(Image.frombytes(upper.mode, size, pixels.tobytes()), box)
    return scaled, largest


def bound_colors(upper: Image.Image) -> int | None:
    """Return an upper bound of the color values from their upper 8 bits; None for CMYK and gray."""
    if upper.mode not in _RGB_MODES:
        return None
    largest = max(int(high[..., :3].max()) for _, high in tiles(upper))
    return largest << 8 | 0xFF


def _has_planes(image: ImageFile.ImageFile) -> bool:
    """Return whether the channels of a TIFF file of 16-bit colors are in separate planes."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, ())
    return tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2 and len(bits) > 1 and 16 in bits


def _rawmode(tile: Any) -> str:
    """Return Pillow's name of the layout of the pixels, for example "RGB;16B"."""
    args = tile[3]
    return str(args if isinstance(args, str) else args[0] if args else "")
