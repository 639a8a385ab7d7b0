"""Count the scans of a JPEG file before it is decoded.

A scan of a few bytes can refer to all pixels, and the decoder visits all pixels again for each
scan. A file of 1 MB with 10,000 such scans would keep a thread busy for minutes. In baseline files,
each scan takes at least two bits per block, so that the time is in proportion to the size.
"""

from __future__ import annotations

import re
import struct

MAX_SCANS = 100  # libtiff has the same limit for JPEG data; usual files have at most 20 scans

_SCAN = 0xDA
_SCAN_BYTES = b"\xff\xda"  # may also occur in metadata, or after the end of the image
_END = 0xD9
_BASELINE = (0xC0, 0xC1)
_WITHOUT_LENGTH = (0x01, 0xD8)
# A marker. Within the data of a scan, 0xFF is followed by 0x00 or by a restart marker.
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")


def has_too_many_scans(content: bytes) -> bool:
    """Return whether a JPEG file, unless it is a baseline file, has more than `MAX_SCANS` scans.

    Parameters
    ----------
    content : bytes
        The file; bytes after the end of the image are ignored.
    """
    n_scans = 0
    position = 0
    while n_scans <= MAX_SCANS and (marker := _MARKER.search(content, position)):
        position = marker.end()
        code = marker[1][0]
        if code == _END or code in _BASELINE:
            break
        if code == _SCAN and not n_scans and content.count(_SCAN_BYTES) <= MAX_SCANS:
            break  # a fast check that suffices for usual files
        n_scans += code == _SCAN
        if code not in _WITHOUT_LENGTH and position + 2 <= len(content):
            position += struct.unpack_from(">H", content, position)[0]
    return n_scans > MAX_SCANS
