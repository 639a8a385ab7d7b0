"""Resize and crop agree with Pillow to one or two of 256 levels."""

import numpy as np
import pytest
from PIL import Image

from featscape.features.zoo.geometry import ResizeAndCrop


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("size_px", "resized_px", "corner"),
    [
        ((300, 200), (384, 256), (80, 16)),
        ((233, 701), (256, 770), (16, 273)),
        ((1, 5), (256, 1280), (16, 528)),
        ((256, 256), (256, 256), (16, 16)),
        ((255, 1000), (256, 1003), (16, 390)),  # 389.5, a tie, becomes even
    ],
)
def test_the_square_is_that_of_pillow(interpolation, size_px, resized_px, corner, noise_image):
    image = noise_image(2, size_px)
    quick = ResizeAndCrop(256, 224, interpolation)(image)
    left, top = corner
    resized = image.resize(resized_px, Image.Resampling[interpolation.upper()])
    square = resized.crop((left, top, left + 224, top + 224))
    assert quick.dtype == np.uint8
    assert quick.flags.c_contiguous
    assert quick.shape == (224, 224, 3)
    difference = np.abs(quick.astype(int) - np.asarray(square))
    assert difference.max() <= (1 if interpolation == "bilinear" else 2)
    assert difference.mean() < 0.1


def test_the_image_is_not_changed(noise_image):
    image = noise_image(0, (256, 256))
    before = image.tobytes()
    ResizeAndCrop(256, 256, "bilinear")(image)[:] = 0
    assert image.tobytes() == before
