"""The demo's images: scikit-learn's handwritten digits, written out as a folder of PNGs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SIDE_PX = 64  # of each image written; the digits themselves have 8 x 8 values from 0 to 16


def write_digits(folder: Path) -> None:
    """Write the 1,797 digits as ``folder/CLASS/digit-NUMBER.png``, 0 to 9.

    They are real: 43 people wrote them for NIST's form readers. Bicubic enlargement gives a
    network trained on photographs smooth strokes to look at instead of the corners of 64
    squares, and dark ink on white paper is how a person would see them.

    Source: Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits", UCI Machine
    Learning Repository, its test set, which comes with scikit-learn.
    """
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    ink = 255 - np.rint(digits.images * (255 / 16)).astype(np.uint8)  # (n, 8, 8)
    for number, (pixels, digit) in enumerate(zip(ink, digits.target, strict=True)):
        image = Image.fromarray(pixels).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
        file = folder / str(digit) / f"digit-{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)
