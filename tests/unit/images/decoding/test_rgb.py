"""The conversion to RGB: modes, transparency, and more than 8 bits."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from featscape.errors import ImageError
from featscape.images.decoding.rgb import convert_to_rgb
from helpers.images.image_files import assert_near, png


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_gray_and_one_bit_images_are_decoded(decode, photo, format_):
    for mode in ("L", "1"):
        image = photo.convert(mode)
        assert_near(decode(image, format_), image.convert("RGB"), 0)


def test_a_palette_image_is_decoded(decode, photo):
    image = photo.quantize(16)
    assert_near(decode(image, "PNG"), image.convert("RGB"), 0)


def test_cmyk_images_are_decoded(decode, photo):
    # white, black and the three inks; Adobe's JPEG files store the negative values
    inks = [(0, 0, 0, 0), (0, 0, 0, 255), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0)]
    colors = [(255, 255, 255), (0, 0, 0), (0, 255, 255), (255, 0, 255), (255, 255, 0)]
    for ink, color in zip(inks, colors, strict=True):
        image = Image.new("CMYK", (16, 16), ink)
        for format_, tolerance in (("TIFF", 0), ("JPEG", 3)):
            assert_near(decode(image, format_), Image.new("RGB", (16, 16), color), tolerance)
    assert_near(decode(photo.convert("CMYK"), "TIFF"), photo, 1)


def test_ycbcr_and_lab_images_are_decoded(decode, photo):
    assert_near(decode(photo.convert("YCbCr"), "TIFF"), photo, 3)

    rgb = [(255, 0, 0), (0, 128, 0), (0, 0, 200), (255, 255, 255), (0, 0, 0)]
    image = Image.new("RGB", (len(rgb), 1))
    image.putdata(rgb)
    lab = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert_near(decode(lab, "TIFF"), image, 20)  # 8 bits are a coarse resolution of L*a*b*


def test_lab_without_littlecms_is_refused(decode, monkeypatch):
    def missing(*_args, **_kwargs):
        raise ImportError("the _imagingcms C module is not installed")

    monkeypatch.setattr(ImageCms, "profileToProfile", missing)
    with pytest.raises(ImageError, match=r"L\*a\*b\* colors cannot be converted: the _imagingcms"):
        decode(Image.new("LAB", (2, 2)), "TIFF")


def test_a_white_drawing_is_blended_with_gray():
    image = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    image.paste((250, 255, 255, 255), (2, 2, 6, 6))
    converted = convert_to_rgb(image)
    assert converted.getpixel((0, 0)) == (128, 128, 128)
    assert converted.getpixel((3, 3)) == (250, 255, 255)
    image.putpixel((3, 3), (0, 0, 0, 255))
    assert convert_to_rgb(image).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("color", [(255, 255, 255, 0), (0, 0, 0, 0)])
def test_an_image_without_a_visible_pixel_is_gray(color):
    converted = convert_to_rgb(Image.new("RGBA", (2, 1), color))
    assert converted.getcolors() == [(2, (128, 128, 128))]


def test_rgba_is_blended_with_white(decode):
    image = Image.new("RGBA", (3, 1))
    image.putdata([(200, 100, 0, 255), (200, 100, 0, 0), (200, 100, 0, 128)])
    expected = [(200, 100, 0), (255, 255, 255), (227, 177, 127)]
    for format_ in ("PNG", "TIFF"):
        assert_near(decode(image, format_), np.array([expected]), 1)


def test_gray_with_alpha_is_blended_with_white(decode):
    image = Image.new("LA", (3, 1))
    image.putdata([(100, 255), (100, 0), (0, 51)])
    expected = np.repeat(np.array([[100, 255, 204]])[..., None], 3, axis=2)
    for format_ in ("PNG", "TIFF"):
        assert_near(decode(image, format_), expected, 1)


@pytest.mark.parametrize("alphas", [0, bytes([0, 128, 255])], ids=["one index", "alpha an index"])
def test_palette_with_transparency_is_blended_with_white(decode, alphas):
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, 0, 0, 0, 10, 20, 30])
    image.putdata([0, 1, 2])
    middle = (0, 0, 0) if alphas == 0 else (127, 127, 127)
    expected = np.array([[(255, 255, 255), middle, (10, 20, 30)]])
    assert_near(decode(image, "PNG", transparency=alphas), expected, 1)
    if alphas == 0:
        assert_near(decode(image, "GIF", transparency=0), expected, 0)


def test_a_transparency_table_longer_than_the_palette_is_refused(decode):
    image = png(1, 1, bit_depth=8, color_type=3, rows=[b"\0"], extra=bytes(257))
    with pytest.raises(ImageError, match="palette index out of range"):
        decode(image)


def test_one_transparent_value_is_blended_with_white(decode):
    gray = Image.new("L", (2, 1))
    gray.putdata([7, 8])
    assert_near(decode(gray, "PNG", transparency=7), [[(255,) * 3, (8,) * 3]], 0)
    bits = Image.new("1", (2, 1))
    bits.putdata([0, 255])
    assert_near(decode(bits, "PNG", transparency=0), [[(128,) * 3, (255,) * 3]], 0)  # white only
    color = Image.new("RGB", (2, 1))
    color.putdata([(1, 2, 3), (1, 2, 4)])
    assert_near(decode(color, "PNG", transparency=(1, 2, 3)), [[(255,) * 3, (1, 2, 4)]], 0)


def test_one_transparent_value_of_16_bit_is_blended_with_white(decode):
    row = struct.pack(">3H", 0, 257 * 9, 257 * 10)
    file = png(3, 1, bit_depth=16, color_type=0, rows=[row], extra=struct.pack(">H", 257 * 9))
    assert_near(decode(file), [[(0,) * 3, (255,) * 3, (10,) * 3]], 0)


def test_modes_that_pillow_cannot_write_are_converted():
    gray = Image.new("LA", (2, 1))
    gray.putdata([(100, 255), (100, 0)])
    palette = Image.new("P", (2, 1), 1)
    palette.putpalette([0, 0, 0, 100, 100, 100])
    palette.putalpha(gray.getchannel("A"))
    assert palette.mode == "PA"
    for image in (palette, gray.convert("La"), gray.convert("RGBA").convert("RGBa")):
        assert_near(convert_to_rgb(image), [[(100,) * 3, (255,) * 3]], 0)
    assert_near(convert_to_rgb(Image.new("RGBX", (1, 1), (1, 2, 3, 0))), [[(1, 2, 3)]], 0)


def test_16_bit_gray_is_divided_by_257(decode):
    values = np.array([[0, 128, 129, 257 * 100, 30000, 65534, 65535]], dtype=np.uint16)
    expected = np.rint(values / 257).astype(int)[..., None].repeat(3, axis=2)
    image = Image.fromarray(values)
    assert image.mode == "I;16"
    for format_ in ("PNG", "TIFF"):
        assert_near(decode(image, format_), expected, 0)
    big_endian = Image.frombytes("I;16B", (7, 1), values.astype(">u2").tobytes())
    assert_near(decode(big_endian, "TIFF"), expected, 0)


def test_16_bit_color_is_decoded(decode):
    row = struct.pack(">6H", 65535, 0, 257 * 77, 257 * 5, 257 * 200, 40)
    file = png(2, 1, bit_depth=16, color_type=2, rows=[row])
    assert_near(decode(file), [[(255, 0, 77), (5, 200, 0)]], 1)


def test_32_bit_integers_are_stretched(decode):
    values = np.array([[-1000, 0, 1000]], dtype=np.int32)
    expected = np.array([[0, 128, 255]])[..., None].repeat(3, axis=2)
    assert_near(decode(Image.fromarray(values), "TIFF"), expected, 0)


def test_floats_within_0_and_1_keep_this_range(decode):
    values = np.array([[0.2, 0.4, 0.8]], dtype=np.float32)
    expected = np.array([[51, 102, 204]])[..., None].repeat(3, axis=2)
    assert_near(decode(Image.fromarray(values), "TIFF"), expected, 0)


def test_other_floats_are_stretched_and_nan_is_black(decode):
    values = np.array([[-3, 0, 7, np.nan, np.inf, -np.inf]], dtype=np.float32)
    expected = np.array([[0, 76, 255, 0, 255, 0]])[..., None].repeat(3, axis=2)
    assert_near(decode(Image.fromarray(values), "TIFF"), expected, 1)


@pytest.mark.parametrize("mode", ["F", "I", "I;16", "I;16B"])
def test_tiles_give_the_same_pixels_as_the_whole_image(decode, monkeypatch, mode):
    rng = np.random.default_rng(0)
    dtype = {"F": "f4", "I": "i4", "I;16": "<u2", "I;16B": ">u2"}[mode]
    values = rng.integers(0, 60_000, (11, 17)).astype(dtype)
    image = Image.frombytes(mode, (17, 11), values.tobytes())
    whole = decode(image, "TIFF")
    monkeypatch.setattr("featscape.images.decoding.rgb._TILE_PX", 4)
    assert_near(decode(image, "TIFF"), whole, 0)


def test_a_constant_32_bit_image_is_black(decode):
    assert decode(Image.new("I", (4, 4), 70000), "TIFF").getextrema() == ((0, 0),) * 3


def test_an_image_without_finite_values_is_refused(decode):
    with pytest.raises(ImageError, match=r"^no finite pixel value$"):
        decode(Image.new("F", (2, 2), float("nan")), "TIFF")
