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

_VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"),
    *(".mpg", ".mpeg", ".mts", ".wmv", ".3gp"),
)
# The first brands of files with HEIF images, by ISO 23008-12. Pillow reads "mif1" as AVIF.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")

# Register Pillow's readers now: a later registration would run in several threads at once.
Image.init()


@cache
def readable_extensions() -> tuple[str, ...]:
    """Return the file extensions of the readable formats: lower case, with the dot, sorted.

    AVIF and WebP are included only if Pillow was built with support for them.
    """
    registered = Image.registered_extensions()
    return tuple(sorted(ext for ext, format_ in registered.items() if format_ in FORMATS))


def describe_unreadable(name: str) -> str | None:
    """Return the remedy for a file with the extension of an image or video that is not read.

    Parameters
    ----------
    name : str

    Returns
    -------
    str or None
        None for other files.
    """
    extension = name.rpartition(".")[2].lower()
    if name.lower().endswith(_UNREADABLE_IMAGES):
        return (
            f"the format {extension} is not read: convert it to JPEG or PNG, "
            'see "Troubleshooting" in the documentation'
        )
    if name.lower().endswith(_VIDEOS):
        return (
            "a video is not read: save its frames as images, for example with "
            "ffmpeg -i VIDEO -r 1 frame-%05d.jpg"
        )
    return None


def describe_content(file: BinaryIO) -> str:
    """Return why the content of a file, which has no format of `FORMATS`, cannot be read.

    Parameters
    ----------
    file : binary file
        At its beginning.
    """
    prefix = file.read(_PREFIX_BYTES)
    if not prefix:
        return "empty file (0 bytes)"
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIC_BRANDS:
        return (
            "the content is a HEIC image, which is not read: convert it to JPEG or PNG, for "
            "example with magick heic:FILE FILE.jpg"
        )
    return f"not an image: the first bytes match none of {', '.join(FORMATS)}"


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
