"""The plain JPEG decoder returns exactly Pillow's pixels, or None."""

import io

import numpy as np
import pytest
from PIL import Image

from featscape.errors import ImageError
from featscape.images import decode_bytes, decode_plain


def photograph(size=(61, 43)):
    """Return a smooth image with noise, on which every step of JPEG has an effect."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)).astype(int)
    noise = rng.integers(-20, 21, smooth.shape)
    return Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))


def encode(image, format_="JPEG", **options):
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 30},
        {"quality": 100, "subsampling": 0},
        {"subsampling": 1},
        {"progressive": True},
        {"optimize": True, "restart_marker_blocks": 3},
        {"comment": b"by hand"},
        {"keep_rgb": True},
    ],
)
@pytest.mark.parametrize("size", [(61, 43), (64, 64), (1, 7)])
def test_the_pixels_equal_those_of_pillow(options, size):
    content = encode(photograph(size), **options)
    pixels = decode_plain(content)
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, np.asarray(decode_bytes(content).image))


def test_a_gray_image_gives_three_equal_channels():
    content = encode(photograph().convert("L"))
    np.testing.assert_array_equal(decode_plain(content), np.asarray(decode_bytes(content).image))


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(photograph(), exif=exif)


@pytest.mark.parametrize(
    "content",
    [
        rotated(),
        encode(photograph().convert("CMYK")),
        encode(photograph(), xmp=b"<x:xmpmeta/>"),
        encode(photograph(), "PNG"),
        encode(photograph())[:900],
        encode(photograph())[:30],
        b"\xff\xd8",
        b"17",
        b"",
    ],
)
def test_a_file_that_is_not_plain_gives_none(content):
    assert decode_plain(content) is None


def test_an_image_that_pillow_decodes_at_a_smaller_scale_gives_none():
    content = encode(photograph((90, 80)))
    assert decode_plain(content, at_least_px=41) is not None
    assert decode_bytes(content, at_least_px=41).image.size == (90, 80)
    assert decode_plain(content, at_least_px=40) is None
    assert decode_bytes(content, at_least_px=40).image.size == (45, 40)


def test_a_decompression_bomb_gives_none(monkeypatch):
    content = encode(photograph((90, 80)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90 * 80 - 1)
    assert decode_plain(content) is None


def test_a_damaged_file_gives_none_or_the_pixels_of_pillow(capfd):
    rng = np.random.default_rng(1)
    whole = [encode(photograph(), **options) for options in ({}, {"progressive": True})]
    n_read = 0
    for _ in range(150):
        content = bytearray(whole[rng.integers(2)])
        for at in rng.integers(2, len(content), rng.integers(1, 4)):
            content[at] = rng.integers(256)
        pixels = decode_plain(bytes(content))
        if pixels is not None:
            n_read += 1
            np.testing.assert_array_equal(pixels, np.asarray(decode_bytes(bytes(content)).image))
    assert n_read > 5
    assert capfd.readouterr().err == ""


def test_pillow_reports_the_damage_of_a_file_that_gives_none():
    content = encode(photograph())[:900]
    assert decode_plain(content) is None
    with pytest.raises(ImageError, match="truncated"):
        decode_bytes(content)
