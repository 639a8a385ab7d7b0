"""Image files in memory, and the comparison of decoded images."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, features

NONE, DEFLATE = 1, 8  # the compression of a TIFF file
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


def color_png(values):
    """Return a PNG file of 16-bit values, shape (h, w, k): gray with alpha, RGB, RGB with alpha."""
    height, width, n_channels = values.shape
    rows = [row.astype(">u2").tobytes() for row in values]
    color_type = {2: 4, 3: 2, 4: 6}[n_channels]
    return png(width, height, bit_depth=16, color_type=color_type, rows=rows)


def color_tiff(order, compression, values):
    """Return a TIFF file of 16-bit RGB or CMYK values, shape (h, w, k); `order` is "<" or ">"."""
    height, width, n_channels = values.shape
    pixels = values.astype(f"{order}u2").tobytes()
    pixels = zlib.compress(pixels) if compression == DEFLATE else pixels
    tags = {
        256: width,
        257: height,
        258: 0,  # bits per sample: the position of three numbers,
        259: compression,
        262: 2 if n_channels == 3 else 5,  # RGB or CMYK
        273: 0,  # the position of the pixels
        277: n_channels,
        278: height,
        279: len(pixels),
    }
    tags[258] = 8 + 2 + 12 * len(tags) + 4
    tags[273] = tags[258] + 2 * n_channels
    entries = (
        struct.pack(f"{order}HHII", tag, 3, n_channels, value)
        if tag == 258
        else struct.pack(f"{order}HHII", tag, 4, 1, value)
        for tag, value in tags.items()
    )
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    table = struct.pack(f"{order}H", len(tags)) + b"".join(entries) + bytes(4)
    return start + table + struct.pack(f"{order}{n_channels}H", *[16] * n_channels) + pixels
