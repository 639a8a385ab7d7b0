"""Find the foreground of an image with a uniform background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEAR_LEVEL = 8  # gray levels of 255: JPEG compression changes a uniform background by less
_UNIFORM_SHARE = 0.9  # of the pixels of the border; an object may touch the border
_LEAST_SHARE = 0.002  # of a foreground: 131 pixels of a thumbnail of 256 x 256 pixels
_EVERYWHERE = (slice(None), slice(None))


def find_foreground(
    gray: NDArray[np.uint8], *, within: tuple[slice, ...] = _EVERYWHERE
) -> NDArray[np.bool_] | None:
    """Return the pixels that are not part of a uniform background.

    A pixel is foreground if it is between two pixels with another gray level than the border, both
    in its row and in its column. A transparent background is white in thumbnails.

    Parameters
    ----------
    gray : ndarray of uint8, shape (h, w)
    within : tuple of slice
        The rows and columns of the result.

    Returns
    -------
    ndarray of bool, of the shape of `gray[within]`, or None
        None if the border is not uniform, or if nearly all pixels of the result are background.
    """
    border = np.concatenate((gray[0], gray[-1], gray[:, 0], gray[:, -1]))
    level = int(np.median(border))
    lowest, highest = level - _NEAR_LEVEL, level + _NEAR_LEVEL
    if ((border >= lowest) & (border <= highest)).mean() < _UNIFORM_SHARE:
        return None
    differs = (gray < lowest) | (gray > highest)
    is_foreground = (_between(differs, axis=0) & _between(differs, axis=1))[within]
    return is_foreground if is_foreground.mean() >= _LEAST_SHARE else None


def _between(mask: NDArray[np.bool_], *, axis: int) -> NDArray[np.bool_]:
    """Return the pixels from the first to the last pixel of a mask along an axis, (h, w)."""
    place = np.arange(mask.shape[axis])
    place = place[:, None] if axis == 0 else place
    first = mask.argmax(axis=axis, keepdims=True)
    last = mask.shape[axis] - 1 - np.flip(mask, axis).argmax(axis=axis, keepdims=True)
    between: NDArray[np.bool_] = (place >= first) & (place <= last)
    return between & mask.any(axis=axis, keepdims=True)
