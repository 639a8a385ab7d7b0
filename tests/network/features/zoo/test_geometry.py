"""Resize and crop agree with torchvision to one or two of 256 levels."""

import numpy as np
import pytest

from featscape.features.zoo.geometry import ResizeAndCrop


@pytest.mark.parametrize(("interpolation", "most"), [("bilinear", 1), ("bicubic", 2)])
@pytest.mark.parametrize(
    "size_px", [(300, 200), (233, 701), (90, 31), (1, 5), (256, 256), (255, 1000), (1200, 801)]
)
def test_the_resize_agrees_with_torchvision(interpolation, most, size_px, noise_image):
    # imported here, because the import takes two seconds in each process of pytest
    from torchvision.transforms import InterpolationMode, functional

    image = noise_image(2, size_px)
    quick = ResizeAndCrop(256, 224, interpolation)(image)
    resized = functional.resize(image, 256, InterpolationMode(interpolation), antialias=True)
    expected = np.asarray(functional.center_crop(resized, 224))
    assert quick.dtype == np.uint8
    assert quick.flags.c_contiguous
    difference = np.abs(quick.astype(int) - expected)
    assert quick.shape == (224, 224, 3)
    assert difference.max() <= most
    assert difference.mean() < 0.1
