"""Measure how many blurred images are found: among sharp images, soft images and images with noise.

    .venv/bin/python benchmarks/blur.py FOLDER_OR_FILE...

At most 1,000 images of each source are measured as thumbnails of 256 pixels. For each radius, 4 %
of the images are blurred at the full size. Soft images are enlarged four times: they have the
detail of 64 pixels. Noise has a standard deviation of 1.2 % of white, and is added to all images
after the blur. Each cell has the median of the blur, the share found, and the share of the images
without planted blur that are listed.
"""

from __future__ import annotations

import io
import sys

import numpy as np
from PIL import Image, ImageFilter

from featscape import find_images
from featscape.findings.pixels.quality import measure_faults
from featscape.findings.pixels.survey import survey_thumbnails
from featscape.images.decoding.thumbnails import make_thumbnail
from findings_sets import Pictures

_MOST_IMAGES = 1_000  # of a source
_BLURRED_SHARE = 0.04  # of the images, for each radius
_SIDES_PER_RADIUS = (160, 80, 40, 25, 15, 10)  # the longer side, divided by the radius
# the share of the images without planted blur that are soft, and the noise as a share of white
_SETTINGS = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.012))
_SOFT_PX = 64  # the longer side before the images are enlarged


def _blur(image: Image.Image, sides_per_radius: int) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) / sides_per_radius))


def _soften(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((_SOFT_PX, _SOFT_PX))
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _add_noise(image: Image.Image, noise: float, random: np.random.Generator) -> Image.Image:
    """Return a thumbnail with the noise of a camera."""
    values = np.asarray(image, dtype=np.float64)
    values = values + random.normal(0, 255 * noise, values.shape)
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))


def measure(source: str, *, soft_share: float, noise: float) -> None:
    """Print a row: the median blur, the share found and the share of others for each radius."""
    random = np.random.default_rng(0)
    found = find_images(source)
    chosen = random.permutation(len(found))[:_MOST_IMAGES]
    images = [found.load(item) for item in chosen.tolist()]
    n_planted = max(5, round(_BLURRED_SHARE * len(images)))
    n_all = n_planted * len(_SIDES_PER_RADIUS)
    sharp = images[n_all:]
    n_soft = round(soft_share * len(sharp))
    others = [*map(_soften, sharp[:n_soft]), *sharp[n_soft:]]
    cells = []
    for start, sides in zip(range(0, n_all, n_planted), _SIDES_PER_RADIUS, strict=True):
        blurred = [_blur(image, sides) for image in images[start : start + n_planted]]
        encoded = [make_thumbnail(image) for image in (*blurred, *others)]
        opened = [Image.open(io.BytesIO(one)).convert("RGB") for one in encoded]
        thumbnails = Pictures([_add_noise(one, noise, random) for one in opened])
        faults = {one.name: one for one in measure_faults(survey_thumbnails(thumbnails), None)}
        blur, limit = faults["blurred"].values, faults["blurred"].limit
        median = np.nanmedian(blur[:n_planted]) + 1
        share, false_share = (blur[:n_planted] > limit).mean(), (blur[n_planted:] > limit).mean()
        cells.append(f"{median:.2f}, {share:.2f}, {false_share:.2f}")
    name = f"{source}, {soft_share:.0%} soft, noise {noise:.1%}"
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print a table: median value, share found and others of each radius."""
    print(f"| images | {' | '.join(f'1/{sides}' for sides in _SIDES_PER_RADIUS)} |")
    print("|---" * (len(_SIDES_PER_RADIUS) + 1) + "|")
    for source in sys.argv[1:]:
        for soft_share, noise in _SETTINGS:
            measure(source, soft_share=soft_share, noise=noise)


if __name__ == "__main__":
    main()
