"""The demo: scikit-learn's handwritten digits, written out as a folder of PNGs, and their map."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from featscape.options import MapOptions
from featscape.pipeline import make_maps

if TYPE_CHECKING:
    import os

    from featscape.mapfolder.read import Map
    from featscape.progress import Progress

MODEL = "efficientnet_lite0"  # its weights come installed
ENLARGEMENT = 8  # pixels a side for each of the digits' 8 x 8 values, which go from 0 to 16


def make_demo(
    output: str | os.PathLike[str] = "digits-map",
    *,
    limit: int = 500,
    random_state: int = 10,
    force: bool = False,
    progress: Progress | None = None,
) -> Map:
    """Make a map of scikit-learn's handwritten digits; it needs no network and no download.

    Parameters
    ----------
    output : path
    limit : int
        How many of the 1,797 images.
    random_state, force, progress
        As `MapOptions` describes them.
    """
    with TemporaryDirectory(prefix="featscape-demo-") as folder:
        write_digits(Path(folder) / "digits")
        options = MapOptions(
            Path(folder) / "digits",
            output,
            model=MODEL,
            limit=limit,
            random_state=random_state,
            size_px=1600,
            force=force,
            made_from="scikit-learn's handwritten digits (sklearn.datasets.load_digits)",
            progress=progress,
        )
        return make_maps(options)[0]


def write_digits(folder: Path) -> None:
    """Write the 1,797 digits as ``folder/CLASS/digit-NUMBER.png``, 0 to 9.

    They are real: 43 people wrote them for NIST's form readers. Bicubic enlargement gives a
    network trained on photographs smooth strokes to look at instead of the corners of 64 squares,
    and a margin keeps the strokes off the edge; dark ink on white paper is how a person would see
    them. Each of the three makes the classes stand better together (of 250 digits, 81% have
    mostly their own class around them; 68% without the margin, 73% with white ink on black, 40%
    with squares).

    Source: Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits", UCI Machine
    Learning Repository, its test set, which comes with scikit-learn.
    """
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    gray = 255 - np.rint(digits.images * (255 / 16)).astype(np.uint8)  # (n, 8, 8)
    gray = np.pad(gray, ((0, 0), (1, 1), (1, 1)), constant_values=255)  # (n, 10, 10)
    side_px = ENLARGEMENT * gray.shape[1]
    for number, (pixels, digit) in enumerate(zip(gray, digits.target, strict=True)):
        image = Image.fromarray(pixels).resize((side_px, side_px), Image.Resampling.BICUBIC)
        file = folder / str(digit) / f"digit-{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)
