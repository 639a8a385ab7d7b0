"""The value that becomes white in images of more than 8 bits per channel."""

import struct
from functools import partial

import numpy as np
import pytest
from PIL import Image

from featscape.errors import ImageError
from featscape.images import decode_bytes
from helpers.images.image_files import (
    DEFLATE,
    NONE,
    assert_near,
    color_png,
    encode,
    make_tiff,
    png,
)

COLORS = np.random.default_rng(0).integers(0, 4096, (5, 7, 3), dtype=np.uint16)


def scale(values, white):
    """Return 8-bit colors, shape (h, w, 3)."""
    gray = np.floor(np.clip(values.astype(float), 0, white) * 255 / white + 0.5)
    return gray if gray.ndim == 3 else gray[..., None].repeat(3, axis=2)


@pytest.mark.parametrize("white", [1023, 4095, 65535, 2**32 - 1])
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled_to_white_and_clipped(white, format_):
    values = np.array([[0, 1, 1023, 1024, 2048, 4095, 4096, 65535]], dtype=np.uint16)
    decoded = decode_bytes(encode(Image.fromarray(values), format_), white=white)
    assert_near(decoded.image, scale(values, white), 0)
    assert decoded.largest == 65535


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bit_values_are_scaled_to_white_and_clipped(dtype):
    values = np.array([[-5, 0, 819, 4095, 100_000]], dtype=dtype)
    decoded = decode_bytes(encode(Image.fromarray(values), "TIFF"), white=4095)
    assert_near(decoded.image, [[(0,) * 3, (0,) * 3, (51,) * 3, (255,) * 3, (255,) * 3]], 0)
    assert decoded.largest is None


def test_floats_within_0_and_1_are_scaled_to_white():
    values = np.array([[0, 1]], dtype=np.float32)  # a dark image beside others up to 4095
    decoded = decode_bytes(encode(Image.fromarray(values), "TIFF"), white=255)
    assert_near(decoded.image, [[(0,) * 3, (1,) * 3]], 0)


@pytest.mark.parametrize(
    "write",
    [
        color_png,
        partial(make_tiff, "<", NONE),
        partial(make_tiff, ">", NONE),
        partial(make_tiff, "<", DEFLATE),
        partial(make_tiff, ">", DEFLATE),
    ],
)
def test_all_16_bits_of_colors_are_scaled(write, monkeypatch):
    content = write(COLORS)
    for white in (1023, 4095):
        decoded = decode_bytes(content, white=white)
        assert_near(decoded.image, scale(COLORS, white), 0)
        assert decoded.largest == COLORS.max()
    monkeypatch.setattr("featscape.images.decoding.rgb._TILE_PX", 4)
    assert_near(decode_bytes(content, white=4095).image, scale(COLORS, 4095), 0)
    assert decode_bytes(content).largest == 4095  # the upper bound for the upper 8 bits


def test_alpha_is_not_scaled():
    opaque = np.full((5, 7, 1), 65535, dtype=np.uint16)
    decoded = decode_bytes(color_png(np.concatenate([COLORS, opaque], axis=2)), white=4095)
    assert_near(decoded.image, scale(COLORS, 4095), 0)
    transparent = np.zeros((5, 7, 1), dtype=np.uint16)
    decoded = decode_bytes(color_png(np.concatenate([COLORS, transparent], axis=2)), white=4095)
    assert decoded.image.getcolors() == [(35, (128,) * 3)]  # gray, as any transparent image


def test_one_transparent_color_becomes_white():
    row = struct.pack(">6H", 257, 514, 771, 257, 514, 770)
    extra = struct.pack(">3H", 257, 514, 771)
    content = png(2, 1, bit_depth=16, color_type=2, rows=[row], extra=extra)
    decoded = decode_bytes(content, white=1020)
    assert_near(decoded.image, [[(255,) * 3, (64, 129, 193)]], 0)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (color_png(COLORS[..., :2]), "LA"),
        (make_tiff("<", NONE, np.tile(COLORS[..., :1], 4)), "CMYK"),
    ],
)
def test_16_bit_values_of_other_kinds_are_refused(content, kind):
    assert decode_bytes(content).image.size == (7, 5)
    with pytest.raises(ImageError, match=f"of the kind {kind} cannot be scaled to --white"):
        decode_bytes(content, white=4095)


@pytest.mark.parametrize("order", ["<", ">"])
def test_colors_in_separate_planes_are_decoded_or_refused(order):
    content = make_tiff(order, DEFLATE, COLORS, has_planes=True)
    assert_near(decode_bytes(content).image, COLORS >> 8, 0)
    with pytest.raises(ImageError, match="in separate planes cannot be scaled to --white"):
        decode_bytes(content, white=4095)
    content = make_tiff(order, NONE, COLORS, has_planes=True)
    with pytest.raises(ImageError, match="in separate planes without compression cannot be dec"):
        decode_bytes(content)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF"])
def test_8_bit_images_are_unchanged(photo, format_):
    content = encode(photo, format_)
    decoded = decode_bytes(content, white=4095)
    assert_near(decoded.image, decode_bytes(content).image, 0)
    assert decoded.largest is None


def test_damaged_colors_are_refused():
    with pytest.raises(ImageError, match="truncated"):
        decode_bytes(color_png(COLORS)[:-60], white=4095)
