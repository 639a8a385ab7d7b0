"""The difference image of two duplicates."""

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from featscape.findings import draw_difference


def picture(size=(160, 120)):
    levels = np.random.default_rng(3).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    large = Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC)
    return large.filter(ImageFilter.GaussianBlur(2))


def mean_level(image):
    return np.asarray(image, dtype=np.float64).mean()


def test_equal_images_have_a_black_difference():
    assert mean_level(draw_difference(picture(), picture())) < 2


@pytest.mark.parametrize("edit", ["crop", "mirror", "larger"])
def test_edits_of_the_geometry_are_undone(edit):
    original = picture()
    edited = {
        "crop": original.crop((10, 8, 152, 112)),
        "mirror": ImageOps.mirror(original),
        "larger": original.resize((320, 240)),
    }[edit]
    difference = draw_difference(original, edited)
    assert difference.size == original.size
    inner = difference.crop((24, 18, 136, 102))  # a crop has nothing at the border
    unaligned = np.abs(
        np.asarray(original, dtype=float) - np.asarray(edited.resize(original.size), dtype=float)
    )
    assert mean_level(inner) < 8
    if edit != "larger":
        assert unaligned.mean() > 20


def test_what_differs_is_bright():
    changed = picture()
    changed.paste((255, 255, 255), (60, 40, 100, 80))
    difference = np.asarray(draw_difference(picture(), changed), dtype=float)
    assert difference[45:75, 65:95].mean() > 60
    assert difference[90:110, 10:40].mean() < 8
