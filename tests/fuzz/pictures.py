"""Small valid images in every format that featscape decodes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from helpers.images.image_files import DEFLATE, color_png, make_tiff
from hostile import CANARY

if TYPE_CHECKING:
    from random import Random


def _pixels() -> Image.Image:
    """Return an RGB image of 40 x 33 pixels: a gradient, edges and noise."""
    y, x = np.mgrid[:33, :40]
    noise = np.random.default_rng(5).integers(0, 60, (33, 40, 3))
    pixels = np.stack([x * 6, y * 7, (x > 20) * 180], axis=2) + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def seed_images() -> dict[str, bytes]:
    """Return valid image files by name: each format, and variants that use other code."""
    rgb = _pixels()
    rgba = rgb.copy()
    rgba.putalpha(rgb.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    frames = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    values = np.asarray(rgb.convert("L"), dtype=np.float32)
    return {
        "baseline.jpg": encode(rgb, "JPEG"),
        "progressive.jpg": encode(rgb, "JPEG", progressive=True),
        "full-chroma.jpg": encode(rgb, "JPEG", subsampling=0, quality=95),
        "restart.jpg": encode(rgb, "JPEG", restart_marker_blocks=2),
        "gray.jpg": encode(rgb.convert("L"), "JPEG"),
        "cmyk.jpg": encode(rgb.convert("CMYK"), "JPEG"),
        "turned.jpg": encode(rgb, "JPEG", exif=exif),
        "pair.mpo.jpg": encode(rgb, "MPO", save_all=True, append_images=[rgb.rotate(180)]),
        "rgb.png": encode(rgb, "PNG"),
        "palette.png": encode(rgb.convert("P"), "PNG", transparency=3),
        "gray-alpha.png": encode(rgba.convert("LA"), "PNG"),
        "deep.png": encode(Image.fromarray(values.astype(np.uint16) * 257), "PNG"),
        "deep-color.png": color_png(np.asarray(rgb).astype(np.uint16) * 16),
        "bits.png": encode(rgb.convert("1"), "PNG"),
        "animated.png": encode(rgb, "PNG", **frames),
        "turned.png": encode(rgb, "PNG", exif=exif),
        "still.gif": encode(rgb, "GIF"),
        "animated.gif": encode(rgb, "GIF", **frames, disposal=2),
        "rgb.bmp": encode(rgb, "BMP"),
        "palette.bmp": encode(rgb.convert("P"), "BMP"),
        "raw.tif": encode(rgb, "TIFF"),
        "lzw.tif": encode(rgb, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encode(rgb, "TIFF", compression="tiff_deflate"),
        "jpeg.tif": encode(rgb, "TIFF", compression="jpeg"),
        "fax.tif": encode(rgb.convert("1"), "TIFF", compression="group4"),
        "deep-color.tif": make_tiff("<", DEFLATE, np.asarray(rgb).astype(np.uint16) * 16),
        "float.tif": encode(Image.fromarray(values), "TIFF"),
        "integer.tif": encode(Image.fromarray(values.astype(np.int32)), "TIFF"),
        "cmyk.tif": encode(rgb.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        "lab.tif": encode(Image.merge("LAB", rgb.split()), "TIFF"),
        "pages.tif": encode(rgb, "TIFF", **frames),
        "lossy.webp": encode(rgb, "WEBP"),
        "lossless.webp": encode(rgba, "WEBP", lossless=True),
        "animated.webp": encode(rgb, "WEBP", **frames),
        "rgb.avif": encode(rgb, "AVIF", speed=9),
        "alpha.avif": encode(rgba, "AVIF", speed=9),
    }


def canary_image() -> bytes:
    """Return a valid PNG that contains `CANARY`."""
    return png_of(
        [
            (b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)),
            (b"tEXt", b"Comment\0" + CANARY),
            (b"IDAT", zlib.compress(b"\0\x10\x90" * 2)),
            (b"IEND", b""),
        ]
    )


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return a PNG with these (name, content) chunks, and correct lengths and checksums."""
    file = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        check_sum = zlib.crc32(name + content)
        file += struct.pack(">I", len(content)) + name + content + struct.pack(">I", check_sum)
    return file


def png_chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a valid PNG."""
    chunks, at = [], 8
    while at < len(file):
        n_bytes = int.from_bytes(file[at : at + 4], "big")
        chunks.append((file[at + 4 : at + 8], file[at + 8 : at + 8 + n_bytes]))
        at += 12 + n_bytes
    return chunks


def jpeg_segments(file: bytes) -> list[bytes]:
    """Return the marker segments of a valid JPEG; the last segment starts at the first scan."""
    segments, at = [file[:2]], 2
    while file[at + 1] != 0xDA:
        n_bytes = 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        segments.append(file[at : at + n_bytes])
        at += n_bytes
    return [*segments, file[at:]]


def tiff_with_odd_tag(rng: Random, file: bytes) -> bytes:
    """Return a little-endian TIFF with one changed entry in the first directory."""
    changed = bytearray(file)
    at = int.from_bytes(file[4:8], "little")
    n_entries = int.from_bytes(file[at : at + 2], "little")
    entry = at + 2 + 12 * rng.randrange(max(n_entries, 1))
    start, width, values = rng.choice(
        (
            (0, 2, (256, 257, 258, 259, 262, 273, 277, 278, 279, 317, 322, 324, 338, 339)),
            (2, 2, (0, 1, 2, 3, 4, 5, 12, 13, 16, 99)),
            (4, 4, (0, 1, 2, 4, 1000, 2**31, 2**32 - 1)),
            (8, 4, (0, 1, 2, 5, 7, 8, 16, 32, 33, 64, 34_712, 65_535, 90_000, 2**32 - 1)),
        )
    )
    changed[entry + start : entry + start + width] = rng.choice(values).to_bytes(width, "little")
    return bytes(changed)
