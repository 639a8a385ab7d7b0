"""Decoding with Pillow: formats, orientation, scale, open files and threads."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from featscape.errors import ImageError
from featscape.images import decode_bytes, decode_scaled, media_type
from helpers.images.image_files import FORMATS, assert_near, encode, png


@pytest.mark.parametrize("format_", FORMATS)
def test_each_format_is_decoded(decode, photo, format_):
    tolerance = {"JPEG": 12, "WEBP": 16, "AVIF": 16, "GIF": 50}.get(format_, 0)
    assert_near(decode(photo, format_), photo, tolerance)


@pytest.mark.parametrize("format_", [name for name in FORMATS if name not in ("GIF", "BMP")])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(decode, photo, format_, orientation):
    # the pixels that a camera in this orientation stores for the upright photo
    stored = photo.transpose(
        {
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }[orientation]
    ) if orientation > 1 else photo  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_near(decode(stored, format_, exif=exif), photo, 0 if format_ in ("PNG", "TIFF") else 20)


def test_an_unknown_orientation_is_ignored(decode, photo):
    exif = Image.Exif()
    exif[0x0112] = 9
    assert_near(decode(photo, "PNG", exif=exif), photo, 0)


@pytest.mark.parametrize("format_", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_is_decoded(decode, format_):
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue")]
    decoded = decode(frames[0], format_, save_all=True, append_images=frames[1:])
    assert_near(decoded, frames[0], 3)


def count_open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("format_", FORMATS)
def test_no_file_stays_open(decode, photo, format_):
    content = encode(photo, format_)
    before = count_open_files()
    kept = [decode(content)]
    for damaged in (content[: len(content) // 2], b"text"):
        with pytest.raises(ImageError):
            decode(damaged)
    assert count_open_files() == before
    kept[0].load()


def test_threads_decode_the_same_pixels(photo):
    files = [encode(photo, format_) for format_ in FORMATS]
    bomb = png(20_000, 6_000, bit_depth=1, color_type=0, rows=[])
    expected = [decode_bytes(content).image.tobytes() for content in files]
    barrier = threading.Barrier(8)

    def work(_):
        barrier.wait()
        with pytest.raises(ImageError, match="decompression bomb"):
            decode_bytes(bomb)
        return [decode_bytes(content).image.tobytes() for content in files]

    with ThreadPoolExecutor(8) as pool:
        assert all(result == expected for result in pool.map(work, range(8)))


@pytest.mark.parametrize("format_", FORMATS)
def test_the_media_type_depends_on_the_first_bytes(photo, format_):
    file = io.BytesIO()
    photo.save(file, format_)
    file.seek(0)
    assert media_type(file) == f"image/{format_.lower()}"
    assert decode_scaled(file).image.size == photo.size  # the file is at its beginning again


@pytest.mark.parametrize("content", [b"", b"<svg xmlns=", b"<html>", b"%PDF-1.7", b"\x89PN"])
def test_a_file_that_is_not_an_image_has_no_media_type(content):
    assert media_type(io.BytesIO(content)) is None


class TestScale:
    """A JPEG image is decoded at a smaller scale, and the result equals a resized image."""

    @pytest.fixture
    def file(self):
        """Return a function that saves a smooth image of 800 x 603 pixels to a file in memory."""
        y, x = np.mgrid[:603, :800]
        pixels = np.stack([x * 255 // 800, y * 255 // 603, (x + y) * 255 // 1402], axis=2)
        image = Image.fromarray(pixels.astype(np.uint8))

        def save(mode="RGB", format_="JPEG", **options):
            stream = io.BytesIO()
            image.convert(mode).save(stream, format_, **options)
            stream.seek(0)
            return stream

        return save

    @pytest.mark.parametrize(
        ("at_least_px", "size"),
        [
            (0, (800, 603)),
            (604, (800, 603)),
            (302, (800, 603)),
            (301, (400, 302)),
            (150, (200, 151)),
            (75, (100, 76)),
            (1, (100, 76)),
        ],
    )
    def test_the_shorter_side_has_at_least_the_given_length(self, file, at_least_px, size):
        decoded = decode_scaled(file(), at_least_px=at_least_px)
        assert decoded.image.size == size
        assert decoded.size_px == (800, 603)

    @pytest.mark.parametrize(
        ("mode", "options"),
        [
            ("RGB", {"quality": 95}),
            ("RGB", {"quality": 95, "progressive": True}),
            ("RGB", {"quality": 95, "subsampling": 0}),
            ("L", {"quality": 95}),
            ("CMYK", {"quality": 95}),
        ],
    )
    def test_the_pixels_are_those_of_the_resized_image(self, file, mode, options):
        decoded = decode_scaled(file(mode, **options), at_least_px=150)
        whole = decode_scaled(file(mode, **options)).image
        assert decoded.image.mode == "RGB"
        assert decoded.image.size == (200, 151)
        assert_near(decoded.image, whole.resize((200, 151), Image.Resampling.BOX), 12)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_the_exif_orientation_is_applied(self, file, orientation):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        decoded = decode_scaled(file(quality=95, exif=exif), at_least_px=150)
        whole = decode_scaled(file(quality=95, exif=exif))
        assert decoded.size_px == whole.size_px == whole.image.size
        assert decoded.size_px == ((800, 603) if orientation < 5 else (603, 800))
        small = decoded.image.size
        assert small == ((200, 151) if orientation < 5 else (151, 200))
        assert_near(decoded.image, whole.image.resize(small, Image.Resampling.BOX), 12)
        assert decoded.image.info == {}

    @pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "BMP"])
    def test_other_formats_keep_their_size(self, file, format_):
        decoded = decode_scaled(file(format_=format_), at_least_px=10)
        assert decoded.image.size == decoded.size_px == (800, 603)

    def test_a_smaller_image_keeps_its_size(self):
        stream = io.BytesIO()
        Image.new("RGB", (3, 1), "red").save(stream, "JPEG")
        stream.seek(0)
        decoded = decode_scaled(stream, at_least_px=512)
        assert decoded.image.size == decoded.size_px == (3, 1)

    def test_a_truncated_image_is_refused(self, file):
        truncated = io.BytesIO(file().getvalue()[:-2000])
        with pytest.raises(ImageError, match="truncated"):
            decode_scaled(truncated, at_least_px=75)
