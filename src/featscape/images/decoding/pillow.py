"""Decode an image file with Pillow: an upright 8-bit RGB image, or an `ImageError`."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

from featscape.errors import ImageError
from featscape.files.regular import describe_os_error
from featscape.images.decoding.deep_colors import (
    bound_colors,
    has_deep_colors,
    scale_colors,
    select_lower_bytes,
)
from featscape.images.decoding.formats import describe_content, identify_format
from featscape.images.decoding.jpeg_scans import MAX_SCANS, has_too_many_scans
from featscape.images.decoding.rgb import convert_to_rgb, find_largest
from featscape.images.decoding.tiff import TiffFile, check_values
from featscape.records import Decoded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from PIL import ImageFile

# The exceptions that Pillow's readers raise for damaged bytes, found by truncating files of every
# format and flipping their bytes. Any other exception is a bug in featscape and must not be
# reported as a damaged file. A warning is raised if the caller's filters turn warnings into errors.
_DAMAGE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    RuntimeError,
    MemoryError,
    Warning,
    struct.error,
    zlib.error,
)

# Decoding takes up to 10 bytes per pixel, and 20 bytes for WebP. Threads decode small images in
# parallel, and one large image at a time, so that a few hostile files cannot fill the memory.
_WEBP_FACTOR = 2
_LARGE_PIXELS = 25_000_000
_LARGE_IMAGES = threading.Lock()

# by the EXIF orientation
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = (5, 6, 7, 8)  # orientations that exchange width and height


def decode_bytes(
    content: bytes,
    *,
    at_least_px: int = 0,
    max_megapixels: float | None = None,
    white: int | None = None,
) -> Decoded:
    """Decode an image file that is in memory.

    Parameters
    ----------
    content : bytes
        The image file.
    at_least_px, max_megapixels, white
        As in `decode_scaled`.

    Returns
    -------
    Decoded

    Raises
    ------
    ImageError
        If the file cannot be decoded completely; the message is the reason, without a path.
    """
    return decode_scaled(
        io.BytesIO(content), at_least_px=at_least_px, max_megapixels=max_megapixels, white=white
    )


def decode_scaled(
    file: BinaryIO,
    *,
    at_least_px: int = 0,
    max_megapixels: float | None = None,
    white: int | None = None,
) -> Decoded:
    """Decode an open image file to RGB: upright, 8 bits per channel, transparency over white.

    A JPEG file can be decoded at 1/2, 1/4 or 1/8 of its size, which takes proportionally less
    time. The first frame of an animation and the first page of a TIFF file are decoded. See
    `convert_to_rgb` for images of 16 and 32 bits. Color profiles are not applied, as in
    torchvision. The function is thread-safe.

    Parameters
    ----------
    file : binary file
        At its beginning, and seekable. The function does not close the file. The first bytes,
        not the name, determine the format.
    at_least_px : int
        The minimum length of the decoded image's shorter side; 0 for the original size.
    max_megapixels : float, optional
        The maximum size of the original image; by default Pillow's limit, 89.5.
    white : int, optional
        The value that becomes white in an image of more than 8 bits per channel, as in
        `find_images`.

    Returns
    -------
    Decoded

    Raises
    ------
    ImageError
        If the file cannot be decoded completely; the message is the reason, without a path.
    """
    image, unscaled_px = _open_checked(file, at_least_px, max_megapixels)
    is_deep = has_deep_colors(image)
    with _LARGE_IMAGES if image.width * image.height > _LARGE_PIXELS else nullcontext():
        orientation = _load(image)
        lower = _load_lower_bytes(file) if is_deep and white is not None else None
        try:
            rgb, largest = _convert(image, lower, is_deep=is_deep, white=white)
        except (MemoryError, Warning) as error:
            raise ImageError(_describe_damage(error)) from error
        has_more = _has_more(image)
    # Remove the metadata: a remaining orientation would transpose the image twice, and Pillow
    # would write a color profile or a transparent color into the thumbnails.
    rgb.info.clear()
    if orientation in _TRANSPOSITIONS:
        rgb = rgb.transpose(_TRANSPOSITIONS[orientation])
    if unscaled_px is None:
        return Decoded(rgb, rgb.size, largest, has_more)
    size_px = unscaled_px[::-1] if orientation in _SWAPS_SIDES else unscaled_px
    return Decoded(rgb, size_px, largest, has_more)


@contextmanager
def image_errors() -> Iterator[None]:
    """Translate the exceptions of Pillow's readers to ImageError."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # a check in one of Pillow's readers, for example for a tile that is larger than the image
        raise ImageError(
            f"decompression bomb: a part of the file exceeds {_describe_pillow_limit()}"
        ) from error
    except _DAMAGE_ERRORS as error:
        raise ImageError(_describe_damage(error)) from error


def _open_checked(
    file: BinaryIO, at_least_px: int, max_megapixels: float | None
) -> tuple[ImageFile.ImageFile, tuple[int, int] | None]:
    """Open an image without its pixels.

    Returns
    -------
    image : PIL.ImageFile.ImageFile
    unscaled_px : tuple of int or None
        Width and height in the file, if the image will be decoded at a smaller scale.
    """
    with image_errors():
        image = _open(file)
        _check_pixels(image, max_megapixels)
        original_px = image.size
        # only "JPEG": a file of several images ("MPO", a stereo pair) has other offsets
        if at_least_px and image.format == "JPEG":
            image.draft(None, (at_least_px, at_least_px))
    return image, None if image.size == original_px else original_px


def _load(image: Image.Image) -> int | None:
    """Load the pixels of an image, and return its EXIF orientation."""
    with image_errors():
        image.load()
        check_values(image)
        # after `load`: a PNG file's EXIF may follow its pixels, and Pillow transposes a TIFF image
        # while it loads the image
        return image.getexif().get(ExifTags.Base.Orientation)


def _load_lower_bytes(file: BinaryIO) -> Image.Image:
    """Load an image with deep colors again, with the lower 8 bits of its values."""
    file.seek(0)
    with image_errors():
        image = _open(file)
        select_lower_bytes(image)
        image.load()
    return image


def _convert(
    image: Image.Image, lower: Image.Image | None, *, is_deep: bool, white: int | None
) -> tuple[Image.Image, int | None]:
    """Return an RGB image, and the largest value of 16 bits; `lower` has the lower 8 bits."""
    if lower is not None and white is not None:
        scaled, largest = scale_colors(image, lower, white)
        return convert_to_rgb(scaled), largest
    largest_value = bound_colors(image) if is_deep else find_largest(image)
    return convert_to_rgb(image, white=white), largest_value


def _has_more(image: Image.Image) -> bool:
    """Return whether a file has further pages or frames; only the header of the next is read."""
    try:
        return bool(getattr(image, "is_animated", False))
    except _DAMAGE_ERRORS:  # damage after the first frame, which is not used
        return False


def _open(file: BinaryIO) -> ImageFile.ImageFile:
    """Read an image's header, as `PIL.Image.open` does, but without the check of the image's size.

    Between one and two times the limit, Pillow's check only calls `warnings.warn`. The effect of
    this warning depends on filters that all threads share.
    """
    name = identify_format(file)
    if name is None:
        raise ImageError(describe_content(file))
    if name == "JPEG":
        content = file.read()
        file.seek(0)
        if has_too_many_scans(content):
            raise ImageError(f"decompression bomb: more than {MAX_SCANS} scans")
    return TiffFile(file, "") if name == "TIFF" else Image.OPEN[name][0](file, "")


def _check_pixels(image: Image.Image, max_megapixels: float | None) -> None:
    """Raise ImageError if an image has no pixels or more pixels than allowed."""
    n_pixels = image.width * image.height
    limit: float | None = Image.MAX_IMAGE_PIXELS
    limit_name = _describe_pillow_limit()
    if max_megapixels is not None:
        limit, limit_name = 1e6 * max_megapixels, f"the limit of {max_megapixels:,g}"
    if n_pixels == 0:
        raise ImageError(f"no pixels ({image.width} x {image.height})")
    if limit is not None and image.format == "WEBP":
        limit /= _WEBP_FACTOR
        limit_name = f"half of {limit_name} (WebP takes twice the memory)"
    if limit is not None and n_pixels > limit:
        raise ImageError(
            f"decompression bomb: {n_pixels / 1e6:,.1f} megapixels exceed {limit_name}; "
            "--max-megapixels (max_megapixels=) allows more"
        )


def _describe_pillow_limit() -> str:
    limit = Image.MAX_IMAGE_PIXELS
    return "Pillow's limit" if limit is None else f"Pillow's limit of {limit / 1e6:,.1f} megapixels"


def _describe_damage(error: Exception) -> str:
    """Return the reason why a file cannot be decoded."""
    if isinstance(error, OSError) and error.errno is not None:  # the disk failed, not the decoder
        return describe_os_error(error)
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return "truncated"
    return f"damaged or truncated ({str(error) or type(error).__name__})"
