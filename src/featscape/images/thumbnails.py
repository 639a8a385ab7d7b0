"""The small copy of an image that the mosaic and the app draw."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from featscape.errors import InputError
from featscape.mapfolder.thumbnails import ThumbnailWriter

if TYPE_CHECKING:
    from pathlib import Path

# JPEG smears the edges of icons and digits, and a PNG of that size is no larger
_LOSSLESS_BELOW_PX = 64
_JPEG_QUALITY = 88


def make_thumbnail(
    image: Image.Image, *, size_px: int = 256, original_px: tuple[int, int] | None = None
) -> bytes:
    """Encode a small copy of an image.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode "RGB"; not changed.
    size_px : int
        The copy's longer side at most; a smaller image keeps its size.
    original_px : tuple of int, optional
        Width and height of the image before it was decoded at a smaller scale, whose sides are
        rounded: so that the copy has the very size that one of the whole image has.

    Returns
    -------
    bytes
        A PNG where the image's own longer side is at most 64 pixels, else a JPEG.

    Raises
    ------
    InputError
        If `size_px` is less than 1.
    """
    _check_size(size_px)
    sides = original_px or image.size
    longer_px = max(sides)
    small = image
    if longer_px > size_px:
        width, height = (max(1, round(side * size_px / longer_px)) for side in sides)
        # LANCZOS takes twice as long, and JPEG then changes the pixels more than this choice does;
        # the gap lets Pillow average whole blocks first, and then filter twice the size at least
        small = image.resize((width, height), Image.Resampling.HAMMING, reducing_gap=2.0)
    encoded = io.BytesIO()
    if longer_px <= _LOSSLESS_BELOW_PX:
        small.save(encoded, "PNG")
    else:
        small.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()


class ThumbnailPack(ThumbnailWriter):
    """Makes thumbnails and packs them into a folder: the sink that extraction fills.

    Used as a context manager, see `ThumbnailWriter`.

    Parameters
    ----------
    folder : str or Path
        Created if it is missing; must not hold a pack yet.
    size_px : int
        See `make_thumbnail`.

    Raises
    ------
    InputError
        If `size_px` is less than 1.
    OSError
        Here or later, if the folder cannot be written to or the disk is full.
    """

    def __init__(self, folder: str | Path, *, size_px: int = 256) -> None:
        _check_size(size_px)
        super().__init__(folder)
        self._size_px = size_px

    @property
    def size_px(self) -> int:
        """The longer side at most."""
        return self._size_px

    def __getstate__(self) -> dict[str, int]:
        """Send the size alone: on another machine a pack makes thumbnails, and writes none."""
        return {"_size_px": self._size_px}

    def make(self, image: Image.Image, *, original_px: tuple[int, int] | None = None) -> bytes:
        """Encode the thumbnail of one image; safe in any thread."""
        return make_thumbnail(image, original_px=original_px, size_px=self._size_px)


def _check_size(size_px: int) -> None:
    if size_px < 1:
        raise InputError(f"a thumbnail's size must be at least 1 pixel; got {size_px}.")
