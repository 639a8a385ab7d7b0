"""TIFF files: refuse the layouts that Pillow cannot decode, or decodes wrongly, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import TiffImagePlugin

from featscape.errors import ImageError
from featscape.number_text import plural

if TYPE_CHECKING:
    from PIL import Image

_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_GRAY = (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
_MEANINGS = {0: "gray", 1: "gray", 2: "RGB", 3: "a palette", 5: "CMYK", 6: "YCbCr", 8: "L*a*b*"}
_UNSIGNED, _SIGNED = 1, 2
_TYPES = {_UNSIGNED: "integers", _SIGNED: "signed integers", 3: "floats"}

# libtiff returns values in the byte order of this machine; Pillow knows that for unsigned integers
_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}


class TiffFile(TiffImagePlugin.TiffImageFile):
    """Pillow's reader of TIFF files, with reasons for the layouts that it cannot decode."""

    def _setup(self) -> None:
        tags = self.tag_v2
        n_bands = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
        has_planes = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
        extra = tags.get(TiffImagePlugin.EXTRASAMPLES, ())
        n_read = n_bands - len(extra) if has_planes and not any(extra) else n_bands
        # Pillow logs an error for too many bands, and reads the first of several gray planes
        if n_read > TiffImagePlugin.MAX_SAMPLESPERPIXEL or (n_bands > 2 and _is_gray(tags)):
            raise ImageError(_describe(tags, n_bands))
        if _bits(tags) == {8} and _type(tags) == _SIGNED:  # which Pillow reads as unsigned
            raise ImageError(_describe(tags, n_bands))
        is_inverted = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
        if is_inverted and max(_bits(tags)) > 8:  # which Pillow reads as if black were zero
            raise ImageError(
                f"gray values of {max(_bits(tags))} bits in which 0 is white cannot be decoded: "
                "save the file with 0 as black"
            )
        try:
            super()._setup()
        except SyntaxError as error:
            if not isinstance(error.__cause__, KeyError):  # not an unknown layout
                raise
            raise ImageError(_describe(tags, n_bands)) from error
        except IndexError as error:
            if not has_planes:
                raise
            raise ImageError(_describe_planes(tags, n_bands)) from error
        # Pillow reads only planes of 8 bits, one for each of its channels
        if has_planes and n_bands > 1 and _bits(tags) != {8} and self.tile[0][0] == "raw":
            raise ImageError(_describe_planes(tags, n_bands))
        self.tile = [_with_native_order(one) for one in self.tile]


def check_values(image: Image.Image) -> None:
    """Raise ImageError if a loaded TIFF image of unsigned integers exceeds Pillow's 31 bits."""
    if (
        image.mode == "I"
        and isinstance(image, TiffFile)
        and _type(image.tag_v2) == _UNSIGNED
        and image.im.getextrema()[0] < 0
    ):
        raise ImageError(
            "values above 2,147,483,647 cannot be decoded: save the file with integers of 16 bits"
        )


def _describe(tags: Any, n_bands: int) -> str:
    """Return why a layout cannot be decoded, with the remedy."""
    bits = _bits(tags)
    size = f"{bits.pop()}-bit" if len(bits) == 1 else "mixed"
    values = f"{size} {_TYPES.get(_type(tags) or 0, 'values')}"
    if n_bands == 1 and _is_gray(tags):
        if _is_decoded_in_little_endian(tags):
            return (
                f"big-endian {values} cannot be decoded: save the file as little-endian, or with "
                "32-bit floats"
            )
        return (
            f"TIFF files of {values} cannot be decoded: save the file with unsigned integers of 8 "
            "or 16 bits, or 32-bit floats"
        )
    meaning = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0)
    return (
        f"TIFF files with {plural(n_bands, 'band')} of {values} marked as "
        f"{_MEANINGS.get(meaning, f'type {meaning}')} cannot be decoded: save three bands as RGB "
        "with 8 or 16 bits, or one band as gray"
    )


def _describe_planes(tags: Any, n_bands: int) -> str:
    """Return why planes without compression cannot be decoded, with the remedy."""
    # Pillow decodes two bands of 8 bits, the second of which is transparency, and no other bands
    if _is_gray(tags) and (n_bands != 2 or _bits(tags) != {8}):
        return _describe(tags, n_bands)
    return (
        "channels in separate planes without compression cannot be decoded: save the file with "
        "interleaved channels, or compressed"
    )


def _is_decoded_in_little_endian(tags: Any) -> bool:
    """Return whether Pillow decodes one band, in which 0 is black, only as little-endian."""
    layout = (
        _BLACK_IS_ZERO,
        tags.get(TiffImagePlugin.SAMPLEFORMAT, (_UNSIGNED,)),
        tags.get(TiffImagePlugin.FILLORDER, 1),
        tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)),
        (),
    )
    little, big = ((order, *layout) in TiffImagePlugin.OPEN_INFO for order in (b"II", b"MM"))
    is_black = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0) == _BLACK_IS_ZERO
    return is_black and little and not big


def _is_gray(tags: Any) -> bool:
    return tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0) in _GRAY


def _bits(tags: Any) -> set[int]:
    return set(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))


def _type(tags: Any) -> int | None:
    """Return the type of all bands; None if the bands have several types."""
    types = set(tags.get(TiffImagePlugin.SAMPLEFORMAT, (_UNSIGNED,)))
    return types.pop() if len(types) == 1 else None


def _with_native_order(tile: Any) -> Any:
    """Return the tile of an image with the byte order that libtiff returns."""
    if tile[0] != "libtiff" or tile[3][0] not in _NATIVE:
        return tile
    return replace_args(tile, (_NATIVE[tile[3][0]], *tile[3][1:]))


def replace_args(tile: Any, args: Any) -> Any:
    """Return a tile of Pillow with other arguments of its decoder."""
    # Pillow before 11 has plain tuples
    return tile._replace(args=args) if hasattr(tile, "_replace") else (*tile[:3], args)
