"""Limits: the maximum size of an image file, and the length of a part that was read."""

from __future__ import annotations

from featscape.errors import ImageError

# A file of this size holds twice the pixels that Pillow accepts, uncompressed and 16 bits deep.
MAX_BYTES = 1 << 30


def check_size(n_bytes: int) -> None:
    """Raise ImageError if an image file is too large to be read into memory."""
    if n_bytes > MAX_BYTES:
        raise ImageError(
            f"too large: {n_bytes / (1 << 30):.1f} GiB; the limit for an image file is "
            f"{MAX_BYTES >> 30} GiB"
        )


def check_length(content: bytes, n_bytes: int) -> bytes:
    """Return `content`; raises ImageError if `content` has fewer than `n_bytes` bytes."""
    if len(content) < n_bytes:
        raise ImageError(f"truncated: {len(content):,} of {n_bytes:,} bytes")
    return content
