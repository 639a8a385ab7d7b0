"""The image formats that featscape reads, recognized by their first bytes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from typing import BinaryIO

# Pillow reads about forty more formats. Several of these formats call external programs or do not
# store photographs.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_PREFIX_BYTES = 16

# Images in formats that featscape does not read: HEIF, JPEG XL, DICOM, the raw data of cameras,
# drawings and documents.
_UNREADABLE_IMAGES = (
    *(".heic", ".heif", ".hif", ".jxl", ".dcm", ".dicom"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2"),
    *(".svg", ".svgz", ".pdf", ".psd", ".eps", ".ai"),
)

# Register Pillow's readers now: a later registration would run in several threads at once.
Image.init()


@cache
def readable_extensions() -> tuple[str, ...]:
    """Return the file extensions of the readable formats: lower case, with the dot, sorted.

    AVIF and WebP are included only if Pillow was built with support for them.
    """
    registered = Image.registered_extensions()
    return tuple(sorted(ext for ext, format_ in registered.items() if format_ in FORMATS))


def is_unreadable_image(name: str) -> bool:
    """Return whether a file name has the extension of an image that featscape cannot read."""
    return name.lower().endswith(_UNREADABLE_IMAGES)


def identify_format(file: BinaryIO) -> str | None:
    """Return Pillow's name of an image's format, for example "PNG".

    Parameters
    ----------
    file : binary file
        At its beginning. The file is at its beginning again afterwards.

    Returns
    -------
    str or None
        None if the first bytes match none of `FORMATS`.
    """
    prefix = file.read(_PREFIX_BYTES)
    file.seek(0)
    for name in FORMATS:
        if name not in Image.OPEN:  # AVIF or WebP, if Pillow was built without support
            continue
        _, accepts = Image.OPEN[name]
        if accepts is not None and accepts(prefix) is True:
            return name
    return None


def media_type(file: BinaryIO) -> str | None:
    """Return the media type of an image, identified by its first bytes.

    Parameters
    ----------
    file : binary file
        At its beginning. The file is at its beginning again afterwards.

    Returns
    -------
    str or None
        For example "image/png"; None if the file is not an image that featscape reads.
    """
    name = identify_format(file)
    return None if name is None else Image.MIME[name]
