"""Image files in memory, and the comparison of decoded images."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, features

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"] + ["AVIF"] * features.check("avif")


def encode(image, format_, **options):
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def assert_near(decoded, expected, tolerance):
    got, wanted = (np.asarray(image).astype(int) for image in (decoded, expected))
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= tolerance


def jpeg_with_cut_exif():
    """Return a JPEG file with five EXIF entries, the first of which is cut off."""
    content = encode(Image.new("RGB", (16, 12), "red"), "JPEG")
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"
    marker = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    return content[:2] + marker + content[2:]


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
