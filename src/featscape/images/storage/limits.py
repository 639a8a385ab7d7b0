"""Limits: the maximum size of an image file, and the length of a part that was read."""

from __future__ import annotations

from featscape.errors import ImageError

# An uncompressed image of this size, with 16 bits per channel, has twice the pixels that Pillow
# accepts.
MAX_BYTES = 1 << 30


def check_size(n_bytes: int, max_bytes: int | None = None) -> None:
    """Raise ImageError if an image file is too large to be read into memory.

    Parameters
    ----------
    n_bytes : int
        The size of the file, or of the part that was read.
    max_bytes : int, optional
        The limit; by default `MAX_BYTES`.
    """
    max_bytes = MAX_BYTES if max_bytes is None else max_bytes
    if n_bytes > max_bytes:
        raise ImageError(
            f"too large: more than {max_bytes >> 20:,} MiB, the limit for an image file"
        )


def check_length(content: bytes, n_bytes: int) -> bytes:
    """Return `content`; raises ImageError if `content` has fewer than `n_bytes` bytes."""
    if len(content) < n_bytes:
        raise ImageError(f"truncated: {len(content):,} of {n_bytes:,} bytes")
    return content
