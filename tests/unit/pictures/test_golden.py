"""Small pictures are equal to accepted pictures.

After an intended change, draw the accepted pictures again, and inspect them:
`python tests/unit/pictures/test_golden.py`.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from featscape.pictures import draw_mosaic, draw_scatter

HERE = Path(__file__).parent
EXPECTED, FAILED = HERE / "expected", HERE / "failed"
# Versions of FreeType and Agg change the edges of letters and markers by a few levels.
MEAN_TOLERANCE = 1.0  # of 255, over all pixels and channels
REGION_TOLERANCE = 14.0  # over any 16 x 16 pixels: a missing label or marker exceeds the limit


class Drawings:
    """Small images of a disk or a bar, with several aspect ratios."""

    def __init__(self, n_images):
        self.n_images = n_images

    def __len__(self):
        return self.n_images

    def load(self, index, *, at_least_px=0):
        del at_least_px
        image = Image.new("RGB", ((48, 32), (32, 48), (40, 40))[index % 3], (236, 236, 228))
        shape = (10, 8, 24, 26)
        draw = ImageDraw.Draw(image)
        (draw.ellipse if index % 2 else draw.rectangle)(shape, fill=(60, 60, 70))
        return image


def blobs(n_points, n_classes, n_dimensions=2):
    rng = np.random.default_rng(4)
    codes = rng.integers(0, n_classes, n_points)
    centers = rng.uniform(-10, 10, (n_classes, n_dimensions))
    return centers[codes] + rng.normal(size=(n_points, n_dimensions)), codes


def scatter_few_classes():
    positions, codes = blobs(150, 6)
    return draw_scatter(positions, [f"class {c + 5}" for c in codes], size_px=360, title="Six")


def scatter_many_classes():
    positions, codes = blobs(400, 45)
    return draw_scatter(positions, [f"$name_{c}" for c in codes], size_px=480)


def scatter_dark_legend():
    positions, codes = blobs(150, 6)
    labels = [f"class {c + 5}" for c in codes]
    return draw_scatter(positions, labels, size_px=360, names=False, dark=True, caption="Dark")


def scatter_strip():
    positions, codes = blobs(200, 3, n_dimensions=1)
    return draw_scatter(positions, codes, size_px=320)


def mosaic_map():
    positions, codes = blobs(60, 4)
    return draw_mosaic(positions, Drawings(60), codes, size_px=400, title="Drawings")


def mosaic_grid():
    positions, codes = blobs(60, 4)
    return draw_mosaic(positions, Drawings(60), codes, layout="grid", size_px=400)


def mosaic_thinned():
    positions, _ = blobs(4000, 8)
    return draw_mosaic(positions, Drawings(4000), size_px=300)


SCENES = {
    scene.__name__: scene
    for scene in (
        scatter_few_classes,
        scatter_many_classes,
        scatter_dark_legend,
        scatter_strip,
        mosaic_map,
        mosaic_grid,
        mosaic_thinned,
    )
}


def differ(first, second):
    """Return the mean difference of two pictures, and that of the worst 16 x 16 pixels."""
    if first.size != second.size:
        return 255.0, 255.0
    difference = np.asarray(ImageChops.difference(first, second), dtype=float).mean(axis=2)
    height, width = (side // 16 * 16 for side in difference.shape)
    regions = difference[:height, :width].reshape(height // 16, 16, width // 16, 16)
    return difference.mean(), regions.mean(axis=(1, 3)).max()


@pytest.mark.parametrize("name", SCENES)
def test_picture_is_as_expected(name):
    drawn = SCENES[name]()
    with Image.open(EXPECTED / f"{name}.png") as image:
        expected = image.convert("RGB")
    mean, worst = differ(drawn, expected)
    if mean > MEAN_TOLERANCE or worst > REGION_TOLERANCE:
        FAILED.mkdir(exist_ok=True)
        drawn.save(FAILED / f"{name}.png")
        if drawn.size == expected.size:
            difference = ImageChops.invert(ImageChops.difference(drawn, expected))
            difference.save(FAILED / f"{name}-difference.png")
        pytest.fail(f"{name} differs by {mean:.2f}, at most {worst:.1f}: see {FAILED}")


def test_a_lost_label_is_seen():
    picture = scatter_few_classes()
    without = picture.copy()
    place = (127, 290, 170, 304)  # "class 7"
    ImageDraw.Draw(without).rectangle(place, fill="white")
    assert differ(picture, without)[1] > REGION_TOLERANCE


if __name__ == "__main__":
    EXPECTED.mkdir(exist_ok=True)
    for name, scene in SCENES.items():
        scene().quantize(128).save(EXPECTED / f"{name}.png", optimize=True)
