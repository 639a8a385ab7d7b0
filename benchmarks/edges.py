"""Measure how many faulty images are found if each image has a strip or a frame at its edge.

    .venv/bin/python benchmarks/edges.py FOLDER_OR_FILE...

At most 1,000 images of each source are measured as thumbnails of 256 pixels. Of each fault, 4 % of
the images are planted at the full size, before the strips are drawn. "Others" is the number of
images without a planted fault that are listed.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from featscape import find_images
from featscape.findings.pixels.quality import measure_faults
from featscape.findings.pixels.survey import survey_thumbnails
from featscape.images.decoding.thumbnails import make_thumbnail
from findings_sets import Pictures

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_IMAGES = 1_000  # of a source
_FAULTY_SHARE = 0.04  # of the images, for each fault
_BLUR_PX = 2.5  # the radius for images with a longer side of `_BLUR_SIDE_PX`
_BLUR_SIDE_PX = 512
_FAULTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "dark": lambda image: image.point(lambda level: level * 0.12),
    "overexposed": lambda image: image.point(lambda level: level * 0.2 + 204),
    "flat": lambda image: image.point(lambda level: level * 0.02 + 110),
    "blurred": lambda image: image.filter(
        ImageFilter.GaussianBlur(max(1, _BLUR_PX * max(image.size) / _BLUR_SIDE_PX))
    ),
}


def _add_strips(image: Image.Image, edges: str, *, share: float, colors: str) -> Image.Image:
    """Return an image with a date in a strip at its top, its bottom or both."""
    background, letters = colors.split()
    height_px = max(1, round(share * image.height))
    strip = Image.new("RGB", (image.width, height_px), background)
    font = ImageFont.load_default(max(4, 0.6 * height_px))
    text = "CAM 1  04.05.2026  21:30:15  14 C"
    ImageDraw.Draw(strip).text((4, 0.12 * height_px), text, font=font, fill=letters)
    image = image.copy()
    for edge in edges.split():
        image.paste(strip, (0, 0 if edge == "top" else image.height - height_px))
    return image


def _add_frame(image: Image.Image, *, share: float, color: str) -> Image.Image:
    framed = Image.new("RGB", image.size, color)
    left, top = round(share * image.width), round(share * image.height)
    framed.paste(image.crop((left, top, image.width - left, image.height - top)), (left, top))
    return framed


_EDGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda image: image,
    "black strip of 7 %, bottom": lambda image: _add_strips(
        image, "bottom", share=0.07, colors="black white"
    ),
    "black strip of 7 %, top": lambda image: _add_strips(
        image, "top", share=0.07, colors="black white"
    ),
    "two black strips of 7 %": lambda image: _add_strips(
        image, "top bottom", share=0.07, colors="black white"
    ),
    "white strip of 10 %, bottom": lambda image: _add_strips(
        image, "bottom", share=0.1, colors="white black"
    ),
    "black frame of 8 %": lambda image: _add_frame(image, share=0.08, color="black"),
    "white frame of 8 %": lambda image: _add_frame(image, share=0.08, color="white"),
}


def measure(source: str) -> None:
    """Print a row for each kind of edge."""
    random = np.random.default_rng(0)
    found = find_images(source)
    chosen = random.permutation(len(found))[:_MOST_IMAGES]  # the planted images are the first
    images = [found.load(item) for item in chosen.tolist()]
    n_planted = max(5, round(_FAULTY_SHARE * len(images)))
    planted = {name: slice(n * n_planted, (n + 1) * n_planted) for n, name in enumerate(_FAULTS)}
    for name, items in planted.items():
        images[items] = [_FAULTS[name](image) for image in images[items]]
    for edge, add_edge in _EDGES.items():
        encoded = [make_thumbnail(add_edge(image)) for image in images]
        thumbnails = Pictures([Image.open(io.BytesIO(one)).convert("RGB") for one in encoded])
        faults = {one.name: one for one in measure_faults(survey_thumbnails(thumbnails), None)}
        listed = {name: faults[name].values > faults[name].limit for name in _FAULTS}
        shares = [f"{listed[name][items].mean():.2f}" for name, items in planted.items()]
        others = [f"{listed[name][len(_FAULTS) * n_planted :].sum()}" for name in _FAULTS]
        print(f"| {source} | {edge} | {' | '.join(shares)} | {' + '.join(others)} |", flush=True)


def main() -> None:
    """Print a table with a row for each source and kind of edge."""
    print(f"| images | edge | {' | '.join(_FAULTS)} | others, of the same faults |")
    print("|---" * (len(_FAULTS) + 3) + "|")
    for source in sys.argv[1:]:
        measure(source)


if __name__ == "__main__":
    main()
