"""JPEG files with many scans, each of which makes the decoder visit all pixels again."""

import io
import struct

import pytest
from PIL import Image

from featscape.errors import ImageError
from featscape.images import decode_bytes, decode_plain
from featscape.images.decoding.jpeg_scans import MAX_SCANS, has_too_many_scans

DC_SCAN = b"\xff\xda" + struct.pack(">H6B", 8, 1, 1, 0, 0, 0, 0)
AC_SCAN = b"\xff\xda" + struct.pack(">H6B", 8, 1, 1, 0, 1, 63, 0)


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def progressive(n_scans, *, metadata=b""):
    """Return a gray image of 8 x 8 pixels with n_scans scans; each takes one byte of data."""
    frame = struct.pack(">BHHB3B", 8, 8, 8, 1, 1, 0x11, 0)
    one_code = bytes([1, *[0] * 15])  # a Huffman table with one code of one bit
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE1, metadata),
            segment(0xDB, bytes([0, *[1] * 64])),
            segment(0xC2, frame),
            segment(0xC4, b"\x00" + one_code + b"\x00"),
            segment(0xC4, b"\x10" + one_code + b"\x00"),
            DC_SCAN + b"\x7f",
            (AC_SCAN + b"\x7f") * (n_scans - 1),
            b"\xff\xd9",
        )
    )


def test_a_file_with_too_many_scans_is_refused():
    content = progressive(MAX_SCANS + 1)
    assert decode_plain(content) is None
    with pytest.raises(ImageError, match="decompression bomb: more than 100 scans"):
        decode_bytes(content)


def test_a_file_with_as_many_scans_as_allowed_is_decoded():
    assert decode_bytes(progressive(MAX_SCANS)).image.size == (8, 8)


@pytest.mark.parametrize("is_progressive", [False, True])
def test_bytes_that_only_look_like_scans_are_not_counted(is_progressive):
    file = io.BytesIO()
    image = Image.effect_noise((64, 64), 80)
    exif = b"Exif\0\0" + DC_SCAN * (MAX_SCANS + 1)
    image.save(file, "JPEG", progressive=is_progressive, exif=exif)
    content = file.getvalue() + DC_SCAN * (MAX_SCANS + 1)
    assert not has_too_many_scans(content)
    assert has_too_many_scans(progressive(MAX_SCANS + 1, metadata=exif))


@pytest.mark.parametrize("n_bytes", range(0, 120, 7))
def test_a_truncated_file_is_no_error(n_bytes):
    assert not has_too_many_scans(progressive(3)[:n_bytes])
