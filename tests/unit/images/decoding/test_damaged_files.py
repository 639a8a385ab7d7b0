"""Damaged files and decompression bombs are refused with a reason."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from featscape.errors import ImageError
from featscape.images import decode_bytes
from featscape.images.decoding.rgb import convert_to_rgb
from helpers.images.image_files import FORMATS, assert_near, encode, jpeg_with_cut_exif, png


def test_a_warning_turned_into_an_error_is_reported_as_the_reason():
    with pytest.raises(ImageError, match="Corrupt EXIF data"):
        decode_bytes(jpeg_with_cut_exif())


def test_an_empty_file_is_refused(decode):
    with pytest.raises(ImageError, match=r"^empty file \(0 bytes\)$"):
        decode(b"")


@pytest.mark.parametrize(
    "content", [b"hello, this is text\n" * 9, b"x", b"%PDF-1.4\n%", b"P6 1 1 255 abc", b"\x00" * 99]
)
def test_a_file_that_is_not_an_image_is_refused(decode, content):
    with pytest.raises(ImageError, match=r"^not an image: the first bytes match none of AVIF, BMP"):
        decode(content)


@pytest.mark.parametrize("brand", [b"heic", b"heix"])
def test_a_heic_image_with_another_extension_is_refused_with_a_command(decode, brand):
    with pytest.raises(ImageError, match=r"^the content is a HEIC image.* magick heic:FILE"):
        decode(b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x00\x00mif1heic" + b"\x00" * 99)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_truncated_file_is_refused_or_decoded_completely(decode, photo, format_):
    content = encode(photo, format_)
    whole = decode(content)
    reasons = []
    for length in [*range(1, len(content), max(1, len(content) // 40)), len(content) - 1]:
        try:
            assert_near(decode(content[:length]), whole, 0)
        except ImageError as error:
            reasons.append(str(error))
    assert len(reasons) >= 35
    assert not any("\n" in reason for reason in reasons)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_a_truncated_file_is_reported_as_truncated(decode, photo, format_):
    content = encode(photo, format_)
    with pytest.raises(ImageError, match=r"^truncated$"):
        decode(content[: len(content) * 3 // 4])


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # for damaged metadata
def test_random_damage_raises_only_image_errors(decode, photo, format_):
    content = encode(photo, format_)
    random = np.random.default_rng(0)
    n_refused = 0
    for _ in range(150):
        damaged = np.frombuffer(content, dtype=np.uint8).copy()
        positions = random.integers(len(damaged) if random.random() < 0.5 else 60, size=3)
        damaged[positions] = random.integers(256, size=3)
        try:
            decode(damaged.tobytes())
        except ImageError:
            n_refused += 1
    assert n_refused > 20


def test_an_image_without_pixels_is_refused(decode):
    with pytest.raises(ImageError, match=r"^(no pixels|damaged)"):
        decode(png(0, 3, bit_depth=8, color_type=0, rows=[b""] * 3))


def test_a_disk_failure_is_not_reported_as_a_damaged_image(photo, monkeypatch):
    content = encode(photo, "PNG")

    def fail(_prefix):
        raise OSError(5, "Input/output error")

    monkeypatch.setitem(Image.OPEN, "AVIF", (None, fail))
    with pytest.raises(ImageError, match=r"^cannot be read: Input/output error$"):
        decode_bytes(content)


def test_a_bug_is_not_reported_as_a_damaged_image(photo, monkeypatch):
    content = encode(photo, "PNG")

    def fail(_image, **_options):
        raise TypeError("a bug")

    monkeypatch.setattr("featscape.images.decoding.pillow.convert_to_rgb", fail)
    with pytest.raises(TypeError, match="a bug"):
        decode_bytes(content)


@pytest.mark.parametrize("n_times", [1.5, 3], ids=["Pillow warns", "Pillow raises"])
@pytest.mark.parametrize("action", ["error", "always"])
def test_a_decompression_bomb_is_refused_with_any_warning_filter(decode, action, n_times):
    width, height = 20_000, int(Image.MAX_IMAGE_PIXELS * n_times) // 20_000
    bomb = png(width, height, bit_depth=1, color_type=0, rows=[])
    with warnings.catch_warnings(record=action == "always") as caught:
        warnings.simplefilter(action)
        with pytest.raises(
            ImageError, match=r"^decompression bomb: .* exceed Pillow's limit of 89"
        ):
            decode(bomb)
    assert not caught


def test_an_image_of_the_maximum_size_is_decoded(decode, photo, monkeypatch):
    content = encode(photo, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60 * 40)
    decode(content)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60 * 40 - 1)
    with pytest.raises(ImageError, match=r"^decompression bomb: 0.0 megapixels exceed"):
        decode(content)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    decode(content)


def test_max_megapixels_replaces_the_limit_of_pillow(photo, monkeypatch):
    content = encode(photo, "PNG")  # 0.0024 megapixels
    with pytest.raises(ImageError, match=r"0\.0 megapixels exceed the limit of 0\.002; --max-meg"):
        decode_bytes(content, max_megapixels=0.002)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    assert decode_bytes(content, max_megapixels=0.0024).size_px == (60, 40)


def test_webp_has_half_the_limit(photo):
    content = encode(photo, "WEBP")  # 0.0024 megapixels
    assert decode_bytes(content, max_megapixels=0.0048).size_px == (60, 40)
    with pytest.raises(ImageError, match=r"exceed half of the limit of 0\.0047 \(WebP takes twice"):
        decode_bytes(content, max_megapixels=0.0047)


def test_any_finite_limit_is_allowed(photo):
    assert decode_bytes(encode(photo, "PNG"), max_megapixels=1e308).size_px == (60, 40)


@pytest.mark.parametrize(("large_from", "waits_s"), [(0, 0.2), (60 * 40, 20)])
def test_only_large_images_are_decoded_one_at_a_time(photo, monkeypatch, large_from, waits_s):
    both = threading.Barrier(2, timeout=waits_s)

    def convert(image, **_options):
        with suppress(threading.BrokenBarrierError):
            both.wait()
        return convert_to_rgb(image)

    monkeypatch.setattr("featscape.images.decoding.pillow.convert_to_rgb", convert)
    monkeypatch.setattr("featscape.images.decoding.pillow._LARGE_PIXELS", large_from)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(decode_bytes, [encode(photo, "PNG")] * 2))
    assert both.broken == (large_from == 0)


def test_a_decompression_bomb_found_by_a_reader_of_pillow_is_refused(decode, photo, monkeypatch):
    content = encode(photo, "PNG")

    def explode(*_args):
        raise Image.DecompressionBombError("too large")

    monkeypatch.setitem(Image.OPEN, "PNG", (explode, Image.OPEN["PNG"][1]))
    with pytest.raises(
        ImageError, match=r"^decompression bomb: a part of the file exceeds Pillow's"
    ):
        decode(content)
