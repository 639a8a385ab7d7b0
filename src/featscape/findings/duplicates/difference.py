"""Draw what differs between two images of a group of duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.duplicates.alignment import Aligner
from featscape.findings.pixels.survey import gray_square

if TYPE_CHECKING:
    from PIL import Image


def draw_difference(first: Image.Image, second: Image.Image) -> Image.Image:
    """Return the absolute difference of two images, after the second is aligned to the first.

    Parameters
    ----------
    first, second : PIL.Image.Image
        RGB.

    Returns
    -------
    PIL.Image.Image
        RGB, with the size of `first`: black where the images are equal, and middle gray outside the
        second image.
    """
    from PIL import Image, ImageChops, ImageOps

    squares = np.stack([gray_square(image) for image in (first, second)])
    aligned = Aligner(squares).align(np.array([[0, 1]]))
    side = max(first.size)
    moved = second.resize((side, side), Image.Resampling.BICUBIC)
    if aligned.mirrored[0]:
        moved = ImageOps.mirror(moved)
    # the alignment maps places from -1 to 1; the transform maps pixels
    scale, shift = complex(aligned.scale[0]), complex(aligned.shift[0])
    half = side / 2
    corner = half * (shift + (1 + 1j) * (1 - scale))
    rows = (scale.real, -scale.imag, corner.real, scale.imag, scale.real, corner.imag)
    covered = Image.new("L", (side, side), 255)
    warped, covered = (
        image.transform(
            (side, side), Image.Transform.AFFINE, rows, resample=Image.Resampling.BILINEAR
        )
        for image in (moved, covered)
    )
    base = first.resize((side, side), Image.Resampling.BICUBIC)
    difference = ImageChops.difference(base, warped)
    outside = Image.new("RGB", (side, side), (128, 128, 128))
    return Image.composite(difference, outside, covered).resize(first.size)
