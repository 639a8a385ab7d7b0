"""Decoding with Pillow: formats, modes, orientation, refusals and threads."""

import io
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, features

from featscape.errors import ImageError
from featscape.images import decode_bytes, decode_scaled, media_type
from featscape.images.decoding.rgb import convert_to_rgb

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"] + ["AVIF"] * features.check("avif")


@pytest.fixture
def photo():
    """Return a smooth image with four different corners."""
    y, x = np.mgrid[0:40, 0:60]
    return Image.fromarray(np.stack([x * 4, y * 6, 255 - x * 2 - y * 3], -1).astype(np.uint8))


@pytest.fixture
def decode():
    """Return a function that encodes an image, unless it is bytes already, and decodes it."""

    def encode_and_decode(image, format_="", **options):
        content = image if isinstance(image, bytes) else encode(image, format_, **options)
        decoded = decode_bytes(content).image
        assert type(decoded) is Image.Image
        assert decoded.mode == "RGB"
        assert decoded.info == {}
        return decoded

    return encode_and_decode


def encode(image, format_, **options):
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def assert_near(decoded, expected, tolerance):
    got, wanted = (np.asarray(image).astype(int) for image in (decoded, expected))
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= tolerance


def png(width, height, *, bit_depth, color_type, rows, extra=b""):
    """Return a PNG file of a kind that Pillow reads but does not write."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"tRNS", extra) if extra else b"")
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


# --- formats and modes ----------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_each_format_is_decoded(decode, photo, format_):
    tolerance = {"JPEG": 12, "WEBP": 16, "AVIF": 16, "GIF": 50}.get(format_, 0)
    assert_near(decode(photo, format_), photo, tolerance)


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


# --- transparency ---------------------------------------------------------------------------------


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
    assert_near(decode(bits, "PNG", transparency=0), [[(255,) * 3, (255,) * 3]], 0)
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


# --- more than 8 bits -----------------------------------------------------------------------------


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


def test_a_warning_turned_into_an_error_is_reported_as_the_reason():
    content = encode(Image.new("RGB", (8, 8)), "JPEG")
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"  # five entries, the first truncated
    marker = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    with pytest.raises(ImageError, match="Corrupt EXIF data"):
        decode_bytes(content[:2] + marker + content[2:])


def test_a_constant_32_bit_image_is_black(decode):
    assert decode(Image.new("I", (4, 4), 70000), "TIFF").getextrema() == ((0, 0),) * 3


def test_an_image_without_finite_values_is_refused(decode):
    with pytest.raises(ImageError, match=r"^no finite pixel value$"):
        decode(Image.new("F", (2, 2), float("nan")), "TIFF")


# --- orientation and frames -----------------------------------------------------------------------


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


# --- refusals -------------------------------------------------------------------------------------


def test_an_empty_file_is_refused(decode):
    with pytest.raises(ImageError, match=r"^empty file \(0 bytes\)$"):
        decode(b"")


@pytest.mark.parametrize(
    "content", [b"hello, this is text\n" * 9, b"x", b"%PDF-1.4\n%", b"P6 1 1 255 abc", b"\x00" * 99]
)
def test_a_file_that_is_not_an_image_is_refused(decode, content):
    with pytest.raises(ImageError, match=r"^not an image: the first bytes match none of AVIF, BMP"):
        decode(content)


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

    def fail(_image):
        raise TypeError("a bug")

    monkeypatch.setattr("featscape.images.decoding.pillow.convert_to_rgb", fail)
    with pytest.raises(TypeError, match="a bug"):
        decode_bytes(content)


# --- decompression bombs --------------------------------------------------------------------------


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


def test_a_decompression_bomb_found_by_a_reader_of_pillow_is_refused(decode, photo, monkeypatch):
    content = encode(photo, "PNG")

    def explode(*_args):
        raise Image.DecompressionBombError("too large")

    monkeypatch.setitem(Image.OPEN, "PNG", (explode, Image.OPEN["PNG"][1]))
    with pytest.raises(
        ImageError, match=r"^decompression bomb: a part of the file exceeds Pillow's"
    ):
        decode(content)


# --- open files and threads -----------------------------------------------------------------------


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
