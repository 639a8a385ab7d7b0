"""Measure how much planted noise is found, and how many images without planted noise are noisy.

    .venv/bin/python benchmarks/noise.py FOLDER_OR_FILE...

At most 1,000 images of each source are measured as thumbnails of 256 pixels. Gaussian noise is
added to copies of 100 images at the full size.
"""

from __future__ import annotations

import io
import sys

import numpy as np
from PIL import Image

from featscape import find_images
from featscape.findings.pixels.quality import measure_faults
from featscape.findings.pixels.survey import survey_thumbnails
from featscape.images.decoding.thumbnails import make_thumbnail

_LEVELS = (8, 12, 16, 24, 40)  # standard deviations of the planted noise, of 255
_MOST, _N_PLANTED = 1_000, 100


class _Thumbnails:
    """Thumbnails as those of a map."""

    def __init__(self, images: list[Image.Image]) -> None:
        self._encoded = [make_thumbnail(image) for image in images]

    def __len__(self) -> int:
        return len(self._encoded)

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        del at_least_px
        return Image.open(io.BytesIO(self._encoded[index])).convert("RGB")


def _add_noise(image: Image.Image, level: int, random: np.random.Generator) -> Image.Image:
    noisy = np.asarray(image, np.float64) + random.normal(0, level, (image.height, image.width, 1))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def measure(source: str) -> str:
    """Return the row of a source: the noisy images, and the shares of planted noise found."""
    random = np.random.default_rng(0)
    found = find_images(source)
    chosen = np.sort(random.permutation(len(found))[:_MOST])
    images = [found.load(item) for item in chosen.tolist()]
    thumbnails = _Thumbnails(images)
    survey = survey_thumbnails(thumbnails)
    fault = next(one for one in measure_faults(survey, None) if one.name == "noisy")
    n_noisy = int((fault.values > fault.limit).sum())
    planted = random.permutation(len(images))[:_N_PLANTED].tolist()
    shares = []
    for level in _LEVELS:
        copies = _Thumbnails([_add_noise(images[item], level, random) for item in planted])
        noise = survey_thumbnails(copies).measures["noise"]
        shares.append(f"{(noise > fault.limit).mean():.2f}")
    row = (source, f"{n_noisy} of {len(images):,}", f"{fault.limit:.3f}", *shares)
    return f"| {' | '.join(row)} |"


def main() -> None:
    """Print a table with a row for each source."""
    headings = ("images", "noisy without planted noise", "limit", *(f"σ {n}" for n in _LEVELS))
    print(f"| {' | '.join(headings)} |")
    print("|---" * len(headings) + "|")
    for source in sys.argv[1:]:
        print(measure(source), flush=True)


if __name__ == "__main__":
    main()
