"""Make thumbnails: the small copies of images that the mosaic and the app show."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from featscape.errors import InputError
from featscape.mapfolder.thumbnails import ThumbnailWriter

if TYPE_CHECKING:
    from pathlib import Path

# JPEG blurs the edges of icons and digits, and a PNG file of such a small image is no larger.
_LOSSLESS_UP_TO_PX = 64
_JPEG_QUALITY = 88


def make_thumbnail(
    image: Image.Image, *, size_px: int = 256, original_px: tuple[int, int] | None = None
) -> bytes:
    """Encode a small copy of an image.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode "RGB"; the image is not changed.
    size_px : int
        The maximum length of the copy's longer side. A smaller image keeps its size.
    original_px : tuple of int, optional
        Width and height of the original, if the image was decoded at a smaller scale, where the
        sides are rounded. The thumbnail then has the same size as a thumbnail of the original.

    Returns
    -------
    bytes
        A PNG file if the longer side of the original is at most 64 pixels, else a JPEG file.

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
        # LANCZOS takes twice as long, and the compression by JPEG hides the difference. With
        # `reducing_gap`, Pillow first averages whole blocks down to at least twice the size.
        small = image.resize((width, height), Image.Resampling.HAMMING, reducing_gap=2.0)
    encoded = io.BytesIO()
    if longer_px <= _LOSSLESS_UP_TO_PX:
        small.save(encoded, "PNG")
    else:
        small.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()


class ThumbnailPacker(ThumbnailWriter):
    """Make thumbnails and write them to a folder, as extraction decodes the images.

    The class is a context manager: see `ThumbnailWriter`.

    Parameters
    ----------
    folder : str or Path
        The folder is created if it is missing, and must not contain a pack.
    size_px : int
        See `make_thumbnail`.

    Raises
    ------
    InputError
        If `size_px` is less than 1.
    OSError
        If the folder cannot be written to or the disk is full; also raised by the methods.
    """

    def __init__(self, folder: str | Path, *, size_px: int = 256) -> None:
        _check_size(size_px)
        super().__init__(folder)
        self._size_px = size_px

    @property
    def size_px(self) -> int:
        """The maximum length of a thumbnail's longer side."""
        return self._size_px

    def __getstate__(self) -> dict[str, int]:
        """Return only the size: a copy on another machine makes thumbnails and writes no files."""
        return {"_size_px": self._size_px}

    def make(self, image: Image.Image, *, original_px: tuple[int, int] | None = None) -> bytes:
        """Encode the thumbnail of an image; the method is thread-safe."""
        return make_thumbnail(image, original_px=original_px, size_px=self._size_px)


def _check_size(size_px: int) -> None:
    if size_px < 1:
        raise InputError(
            f"a thumbnail's size must be at least 1 pixel; got {size_px}. Pass for example 256."
        )
