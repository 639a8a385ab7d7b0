"""TIFF files: the layouts that are decoded, and those that are refused with a reason."""

import numpy as np
import pytest

from featscape.errors import ImageError
from featscape.images import decode_bytes
from helpers.images.image_files import DEFLATE, NONE, assert_near, make_tiff

VALUES = np.random.default_rng(0).random((5, 7, 12))
WHITE_IS_ZERO, GRAY, RGB = 0, 1, 2
EVERY_ORDER = pytest.mark.parametrize("order", ["<", ">"])
EVERY_COMPRESSION = pytest.mark.parametrize("compression", [NONE, DEFLATE])


def bands(n, dtype):
    """Return n bands, shape (5, 7, n), with values in the range of the type, or from 0 to 1."""
    return (VALUES[..., :n] * (np.iinfo(dtype).max if dtype[0] in "ui" else 1)).astype(dtype)


@EVERY_ORDER
@pytest.mark.parametrize(
    ("values", "meaning", "reason"),
    [
        (bands(2, "u2"), GRAY, "2 bands of 16-bit integers marked as gray"),
        (bands(3, "u2"), GRAY, "3 bands of 16-bit integers marked as gray"),
        (bands(4, "u1"), GRAY, "4 bands of 8-bit integers marked as gray"),
        (bands(12, "u2"), GRAY, "12 bands of 16-bit integers marked as gray"),
        (bands(4, "f4"), GRAY, "4 bands of 32-bit floats marked as gray"),
        (bands(3, "f4"), RGB, "3 bands of 32-bit floats marked as RGB"),
        (bands(3, "i2"), RGB, "3 bands of 16-bit signed integers marked as RGB"),
        (bands(5, "u2"), RGB, "5 bands of 16-bit integers marked as RGB"),
        (bands(7, "u1"), RGB, "7 bands of 8-bit integers marked as RGB"),
    ],
)
def test_bands_that_are_not_an_image_are_refused_with_their_number_and_type(
    caplog, order, values, meaning, reason
):
    content = make_tiff(order, DEFLATE, values, meaning=meaning)
    remedy = "save three bands as RGB with 8 or 16 bits, or one band as gray"
    with pytest.raises(ImageError, match=f"^TIFF files with {reason} cannot be decoded: {remedy}$"):
        decode_bytes(content)
    assert not caplog.records  # Pillow's log would be printed


@EVERY_COMPRESSION
def test_gray_planes_are_refused_and_not_read_as_their_first_band(compression):
    content = make_tiff("<", compression, bands(4, "u1"), meaning=GRAY, has_planes=True)
    with pytest.raises(
        ImageError, match=r"^TIFF files with 4 bands of 8-bit integers marked as gray cannot"
    ):
        decode_bytes(content)


@EVERY_ORDER
@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        ("f2", "16-bit floats"),
        ("f8", "64-bit floats"),
        ("u8", "64-bit integers"),
        ("i1", "8-bit signed integers"),
    ],
)
def test_values_that_cannot_be_decoded_are_refused_with_their_type(order, dtype, reason):
    with pytest.raises(
        ImageError, match=f"^TIFF files of {reason} cannot be decoded: save the file with"
    ):
        decode_bytes(make_tiff(order, NONE, bands(1, dtype)))


@EVERY_COMPRESSION
def test_gray_values_in_which_0_is_white_are_inverted_or_refused(compression):
    values = bands(1, "u1")
    content = make_tiff("<", compression, values, meaning=WHITE_IS_ZERO)
    assert_near(decode_bytes(content).image, 255 - values.repeat(3, axis=2), 0)
    for dtype in ("u2", "f4"):
        content = make_tiff("<", compression, bands(1, dtype), meaning=WHITE_IS_ZERO)
        with pytest.raises(ImageError, match="bits in which 0 is white cannot be decoded: save"):
            decode_bytes(content)


@EVERY_ORDER
@EVERY_COMPRESSION
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4"])
def test_gray_values_of_each_byte_order_are_decoded(order, compression, dtype):
    values = bands(1, dtype)
    values[0, :2, 0] = 0, 1 if dtype == "f4" else np.iinfo(dtype).max
    decoded = decode_bytes(make_tiff(order, compression, values))
    top = 1 if dtype == "f4" else np.iinfo(dtype).max
    assert_near(decoded.image, (values.astype(float) * 255 / top).repeat(3, axis=2), 1)


@EVERY_ORDER
@EVERY_COMPRESSION
@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("n", [3, 4])
def test_rgb_is_decoded_without_its_further_bands(order, compression, dtype, n):
    values = bands(n, dtype)
    decoded = decode_bytes(make_tiff(order, compression, values, meaning=RGB))
    assert_near(decoded.image, values[..., :3] >> 8 * (values.itemsize - 1), 0)


@EVERY_COMPRESSION
def test_unsigned_values_above_31_bits_are_refused(compression):
    values = bands(1, "u4")
    with pytest.raises(ImageError, match=r"^values above 2,147,483,647 cannot be decoded"):
        decode_bytes(make_tiff("<", compression, values))
    values >>= 1
    decoded = decode_bytes(make_tiff("<", compression, values), white=2**31 - 1)
    assert_near(decoded.image, (values / (2**31 - 1) * 255).repeat(3, axis=2), 1)


@EVERY_COMPRESSION
def test_unsigned_values_of_32_bits_are_refused_only_as_big_endian(compression):
    values = bands(1, "u4") >> 1
    decode_bytes(make_tiff("<", compression, values))
    reason = "big-endian 32-bit integers cannot be decoded: save the file as little-endian, or with"
    with pytest.raises(ImageError, match=f"^{reason} 32-bit floats$"):
        decode_bytes(make_tiff(">", compression, values))


@EVERY_ORDER
def test_two_gray_planes_of_8_bits_are_refused_only_without_compression(order):
    values = bands(2, "u1")
    decode_bytes(make_tiff(order, DEFLATE, values, meaning=GRAY, has_planes=True))
    decode_bytes(make_tiff(order, NONE, values, meaning=GRAY))
    with pytest.raises(ImageError, match=r"^channels in separate planes without compression cann"):
        decode_bytes(make_tiff(order, NONE, values, meaning=GRAY, has_planes=True))
    wide = make_tiff(order, NONE, bands(2, "u2"), meaning=GRAY, has_planes=True)
    with pytest.raises(
        ImageError, match=r"^TIFF files with 2 bands of 16-bit integers marked as gray cannot b"
    ):
        decode_bytes(wide)


@pytest.mark.parametrize("n", [5, 6])
def test_planes_with_further_bands_are_decoded_only_if_compressed(n):
    values = bands(n, "u1")
    decoded = decode_bytes(make_tiff("<", DEFLATE, values, meaning=RGB, has_planes=True))
    assert_near(decoded.image, values[..., :3], 0)
    with pytest.raises(ImageError, match=r"^channels in separate planes without compression cann"):
        decode_bytes(make_tiff("<", NONE, values, meaning=RGB, has_planes=True))
