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


def make_tiff(order, compression, values, *, meaning=None, has_planes=False):
    """Return a TIFF file of values, shape (h, w, k), of any type; `order` is "<" or ">".

    `meaning` is the photometric interpretation: by default gray, RGB or CMYK for 1, 3 or 4 bands.
    """
    height, width, n_channels = values.shape
    n_extra = n_channels - {0: 1, 1: 1, 2: 3, None: n_channels}[meaning]
    planes = np.moveaxis(values, 2, 0) if has_planes else [values]
    strips = [
        np.ascontiguousarray(plane, values.dtype.newbyteorder(order)).tobytes() for plane in planes
    ]
    if compression == DEFLATE:
        strips = [zlib.compress(strip) for strip in strips]
    sizes = [len(strip) for strip in strips]
    tags = {
        256: [width],
        257: [height],
        258: [8 * values.itemsize] * n_channels,
        259: [compression],
        262: [{1: 1, 3: 2, 4: 5}[n_channels] if meaning is None else meaning],
        273: [8 + sum(sizes[:number]) for number in range(len(sizes))],
        277: [n_channels],
        278: [height],
        279: sizes,
        284: [2 if has_planes else 1],
        **({} if n_extra == 0 else {338: [0] * n_extra}),
        339: [{"u": 1, "i": 2, "f": 3}[values.dtype.kind]] * n_channels,
    }
    body, entries = b"".join(strips), b""
    for tag, numbers in tags.items():
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            body, packed = body + packed, struct.pack(f"{order}I", 8 + len(body))
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + packed
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(body))
    return start + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
