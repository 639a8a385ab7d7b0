"""Find the foreground of an image with a uniform background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEAR_LEVEL = 8  # gray levels of 255: JPEG compression changes a uniform background by less
_UNIFORM_SHARE = 0.9  # of the pixels of the border; an object may touch the border
_LEAST_SHARE = 0.002  # of a foreground: 131 pixels of a thumbnail of 256 x 256 pixels


def find_foreground(gray: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Return the pixels that are not part of a uniform background.

    A pixel is background if all pixels between the pixel and the border, in one of the four
    directions, have the gray level of the border. A transparent background is white in thumbnails.

    Parameters
    ----------
    gray : ndarray of uint8, shape (h, w)

    Returns
    -------
    ndarray of bool, shape (h, w), or None
        None if the border is not uniform, or if nearly all pixels are background.
    """
    border = np.concatenate((gray[0], gray[-1], gray[:, 0], gray[:, -1]))
    level = np.median(border)
    lowest, highest = level - _NEAR_LEVEL, level + _NEAR_LEVEL
    if ((border >= lowest) & (border <= highest)).mean() < _UNIFORM_SHARE:
        return None
    is_near = (gray >= lowest) & (gray <= highest)
    reaches_border = np.logical_and.accumulate
    is_background = reaches_border(is_near, axis=0) | reaches_border(is_near, axis=1)
    turned = is_near[::-1, ::-1]
    turned_background = reaches_border(turned, axis=0) | reaches_border(turned, axis=1)
    is_background |= turned_background[::-1, ::-1]
    is_foreground: NDArray[np.bool_] = ~is_background
    return is_foreground if is_foreground.mean() >= _LEAST_SHARE else None
