"""Compare the texture inside the foregrounds of pairs of pictures.

Two drawings or two animals may have the same outline, but hardly the same texture inside. An edit
of a whole picture changes the levels of the texture, and a caption, a border or the black corners
of a rotated picture change the outline; the texture remains.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.pixels.survey import SIZE_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_SIGMA_PX = 2.0  # of the window around each pixel
# The structure may be lower in this share of the pixels inside. There, drawings of Tux Paint that
# differ in a small sign have up to .81.
_LEAST_STRUCTURE, _MOST_OTHER = 0.85, 0.05
_FLOOR = 0.15  # share of the mean variance that is added to the variance of each window
_LEAST_VARIANCE = 0.5  # of gray levels of 255: rounding
# The texture is evidence if the foregrounds have this much in common, if enough pixels are inside,
# and if the standard deviation of the gray levels is high enough in half of the windows.
_LEAST_COMMON, _LEAST_INSIDE = 0.75, 250
_LEAST_DEVIATION, _LEAST_TEXTURED = 3.0, 0.5


def have_equal_texture(first: Floats, second: Floats, *, in_both: Mask, in_one: Mask) -> Mask:
    """Return whether the common foregrounds have the same texture, (b,).

    The texture is compared by the structure term of SSIM (Wang et al. 2004, "Image quality
    assessment", https://doi.org/10.1109/TIP.2003.819861): the correlation of the gray levels in a
    window around each pixel. Pixels next to the background are ignored, because equal outlines are
    no evidence.

    Parameters
    ----------
    first, second : ndarray of float32, shape (b, 2304)
        The gray levels of the aligned pictures, relative to their backgrounds, as squares of 48 px.
    in_both, in_one : ndarray of bool, shape (b, 2304)
        The pixels that are foreground in both, and in at least one of the pictures.
    """
    is_inside = _erode(in_both.reshape(-1, SIZE_PX, SIZE_PX))
    inside = is_inside.astype(np.float32)
    count = inside.sum(axis=(1, 2))
    weight = np.maximum(_blur(inside), 1e-3)
    own, other = (x.reshape(inside.shape) for x in (first, second))
    means = [_blur(levels * inside) / weight for levels in (own, other)]

    def covariance(a: int, b: int) -> Floats:
        product = _blur((own, other)[a] * (own, other)[b] * inside) / weight
        return np.asarray(product - means[a] * means[b], dtype=np.float32)

    variances = [np.maximum(covariance(axis, axis), 0) for axis in (0, 1)]
    floors = [
        _FLOOR * (variance * inside).sum(axis=(1, 2)) / np.maximum(count, 1) + _LEAST_VARIANCE
        for variance in variances
    ]
    raised = [x + floor[:, None, None] for x, floor in zip(variances, floors, strict=True)]
    structure = covariance(0, 1) + np.sqrt(floors[0] * floors[1])[:, None, None]
    structure /= np.sqrt(raised[0] * raised[1])
    equal: Mask = count >= _LEAST_INSIDE
    equal &= in_both.sum(axis=1) >= _LEAST_COMMON * in_one.sum(axis=1)
    is_other = is_inside & (structure < _LEAST_STRUCTURE)
    equal &= is_other.sum(axis=(1, 2)) <= _MOST_OTHER * count
    for variance in variances:
        is_textured = is_inside & (variance >= _LEAST_DEVIATION**2)
        equal &= is_textured.sum(axis=(1, 2)) >= _LEAST_TEXTURED * count
    return equal


def _erode(mask: Mask) -> Mask:
    """Return the pixels of masks, (b, s, s), whose eight neighbors are in the mask too."""
    eroded = np.zeros_like(mask)
    rows = mask[:, :-2] & mask[:, 1:-1] & mask[:, 2:]
    eroded[:, 1:-1, 1:-1] = rows[:, :, :-2] & rows[:, :, 1:-1] & rows[:, :, 2:]
    return eroded


def _blur(squares: Floats) -> Floats:
    """Return the sums of squares of pixels, (b, 48, 48), in a Gaussian window of each pixel."""
    matrix = _window_matrix()
    return np.asarray(matrix @ squares @ matrix.T, dtype=np.float32)


@cache
def _window_matrix() -> Floats:
    from scipy.ndimage import gaussian_filter1d

    identity = np.eye(SIZE_PX, dtype=np.float32)
    windows = gaussian_filter1d(identity, _SIGMA_PX, axis=0, mode="constant")
    return np.asarray(windows, dtype=np.float32)
