"""One image file -> an upright 8-bit RGB image, or an `ImageError` with the reason."""

from __future__ import annotations

import io
import math
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from featscape.errors import ImageError
from featscape.images.files import Disk, reason_of
from featscape.records import Decoded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray
    from PIL import ImageFile

# Pillow has some forty formats more; several of them hand the file to other programs or are no
# photographs. A file is told by its first bytes, so a PNG that is named .jpg is read all the same.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_PREFIX_BYTES = 16
_TILE_PX = 1024

# What Pillow's readers raise on damaged bytes. The list was found by cutting and flipping bytes of
# every format; an error outside it is a defect of ours and must not pass for a bad file. A warning
# is raised where the caller's filters make it an error.
_DAMAGE = (
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

# register the readers now: later it would happen in several threads at once
Image.init()

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)  # these exchange width and height


def readable_extensions() -> tuple[str, ...]:
    """Return the extensions of the formats that are read, lower case with the dot, sorted.

    AVIF and WebP are among them where this Pillow was built with them.
    """
    registered = Image.registered_extensions()
    return tuple(sorted(ext for ext, format_ in registered.items() if format_ in _FORMATS))


def decode_image(path: Path) -> Image.Image:
    """Decode one file to RGB: upright, 8 bits a channel, transparency over white.

    An animation gives its first frame, a TIFF its first page. 16-bit values are divided by 257
    (65535 becomes 255). 32-bit integers and floats have no agreed white: floats within 0..1 keep
    that range, everything else is stretched from its least value (black) to its greatest (white).
    Color profiles are not applied, as in torchvision.

    Safe to call in several threads at once.

    Parameters
    ----------
    path : Path
        The file. Its name does not matter, its first bytes tell the format.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB"; it holds no open file.

    Raises
    ------
    ImageError
        If the file cannot be decoded whole; the message is the reason alone, without the path.
    """
    return decode_bytes(Disk().read(path)).image


def decode_bytes(
    content: bytes, *, at_least_px: int = 0, max_megapixels: float | None = None
) -> Decoded:
    """Decode one image file that is in memory: see `decode_scaled`.

    Parameters
    ----------
    content : bytes
    at_least_px : int
    max_megapixels : float, optional

    Returns
    -------
    Decoded

    Raises
    ------
    ImageError
    """
    if not content:
        raise ImageError("empty file (0 bytes)")
    return decode_scaled(
        io.BytesIO(content), at_least_px=at_least_px, max_megapixels=max_megapixels
    )


def decode_scaled(
    file: BinaryIO, *, at_least_px: int = 0, max_megapixels: float | None = None
) -> Decoded:
    """Decode one image from an open file, no larger than it is needed: see `decode_image`.

    A JPEG can be decoded at a half, a quarter or an eighth of its size, in as much less time.

    Parameters
    ----------
    file : binary file
        Stands at its beginning and can seek. It is not closed.
    at_least_px : int
        What the shorter side must still have; 0 for the whole image.
    max_megapixels : float, optional
        What the whole image may have at most; by default Pillow's limit, 89.5.

    Returns
    -------
    Decoded

    Raises
    ------
    ImageError
    """
    try:
        image = _open(file)
        _refuse_bomb(image, max_megapixels)
        full_px = image.size
        # a file of several images, such as a pair of a stereo camera's, has other offsets
        if at_least_px and image.format == "JPEG":
            image.draft(None, (at_least_px, at_least_px))
        is_whole = image.size == full_px
        image.load()
        # only now: a PNG's EXIF may follow its pixels, and Pillow turns a TIFF while it loads
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # a reader's own check, for example of a tile that is larger than the image
        raise ImageError(f"decompression bomb: a part of it exceeds {_limit_in_words()}") from error
    except _DAMAGE as error:
        raise ImageError(_reason_of_damage(error)) from error
    try:
        rgb = _to_rgb(image)
    except (MemoryError, Warning) as error:
        raise ImageError(_reason_of_damage(error)) from error
    # a second reading of the orientation would turn the image twice, and a profile or a
    # transparent color would find its way into the thumbnails
    rgb.info.clear()
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
    if is_whole:
        return Decoded(rgb, rgb.size)
    return Decoded(rgb, full_px[::-1] if orientation in _LYING else full_px)


def _open(file: BinaryIO) -> ImageFile.ImageFile:
    """Read the header, as `PIL.Image.open` does but without its check for bombs.

    Between one and two times its limit, Pillow's own check only warns, through
    `warnings.warn`; what becomes of that hangs on filters that all threads share.
    """
    name = _tell_format(file.read(_PREFIX_BYTES))
    if name is None:
        raise ImageError(f"not an image: it begins like none of {', '.join(_FORMATS)}")
    file.seek(0)
    return Image.OPEN[name][0](file, "")


def media_type(file: BinaryIO) -> str | None:
    """Tell an image by its first bytes, as `decode_image` does.

    Parameters
    ----------
    file : binary file
        Stands at its beginning, and afterwards again.

    Returns
    -------
    str or None
        For example "image/png"; None where it is no image that featscape reads.
    """
    name = _tell_format(file.read(_PREFIX_BYTES))
    file.seek(0)
    return None if name is None else Image.MIME[name]


def _tell_format(prefix: bytes) -> str | None:
    for name in _FORMATS:
        if name not in Image.OPEN:  # AVIF or WebP, not built into this Pillow
            continue
        _, accepts = Image.OPEN[name]
        if accepts is not None and accepts(prefix) is True:
            return name
    return None


def _refuse_bomb(image: Image.Image, max_megapixels: float | None) -> None:
    n_pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
    limit_in_words = _limit_in_words()
    if max_megapixels is not None:
        limit, limit_in_words = int(1e6 * max_megapixels), f"the limit of {max_megapixels:,g}"
    if n_pixels == 0:
        raise ImageError(f"no pixels ({image.width} x {image.height})")
    if limit is not None and n_pixels > limit:
        raise ImageError(
            f"decompression bomb: {n_pixels / 1e6:,.1f} megapixels exceed {limit_in_words}; "
            "--max-megapixels (max_megapixels=) allows more"
        )


def _limit_in_words() -> str:
    limit = Image.MAX_IMAGE_PIXELS
    return "Pillow's limit" if limit is None else f"Pillow's limit of {limit / 1e6:,.1f} megapixels"


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return any mode that Pillow reads as a new RGB image, transparency over white."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _deep_to_rgb(image)
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode == "La":  # Pillow undoes premultiplied gray in two steps only
        image = image.convert("LA")
    try:
        rgba = image.convert("RGBA")
    except ValueError as error:  # a PNG whose table of transparency is longer than any palette
        raise ImageError(_reason_of_damage(error)) from error
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(rgba, mask=rgba.getchannel("A"))
    return canvas


def _deep_to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of 16 or 32 bits as RGB, converted tile by tile to bound the memory."""
    value_range = None if image.mode.startswith("I;16") else _find_range(image)
    transparent = image.info.get("transparency")  # one value of a PNG without color
    rgb = Image.new("RGB", image.size)
    for box, values in _tiles(image):
        if value_range is None:
            gray = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
        else:
            gray = _stretch(values.astype(np.float64), *value_range)
        if transparent is not None:
            gray[values == transparent] = 255
        rgb.paste(Image.fromarray(gray).convert("RGB"), box)
    return rgb


def _tiles(image: Image.Image) -> Iterator[tuple[tuple[int, int, int, int], NDArray[Any]]]:
    """Yield the box of each tile and its values, (height, width), uint16, int32 or float32."""
    for top in range(0, image.height, _TILE_PX):
        for left in range(0, image.width, _TILE_PX):
            right, bottom = left + _TILE_PX, top + _TILE_PX
            box = (left, top, min(right, image.width), min(bottom, image.height))
            yield box, np.asarray(image.crop(box))


def _find_range(image: Image.Image) -> tuple[float, float]:
    """Return the values that become black and white: the extremes, or 0 and 1 for floats there."""
    low, high = math.inf, -math.inf
    for _, values in _tiles(image):
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise ImageError("no finite pixel value")
    return (0.0, 1.0) if image.mode == "F" and low >= 0 and high <= 1 else (low, high)


def _stretch(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    """Map low..high to 0..255; NaN is black."""
    values = np.where(np.isnan(values), low, np.clip(values, low, high))
    scale = 255 / (high - low) if high > low else 0.0
    gray: NDArray[Any] = np.rint((values - low) * scale)
    return gray.astype(np.uint8)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    try:
        rgb = ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, ImportError) as error:  # ImportError: Pillow without LittleCMS
        raise ImageError(f"L*a*b* colors cannot be converted: {error}") from error
    if rgb is None:
        raise ImageError("L*a*b* colors cannot be converted")
    return rgb


def _reason_of_damage(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:  # the disk, not the bytes
        return reason_of(error)
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return "truncated"
    return f"damaged or truncated ({str(error) or type(error).__name__})"
