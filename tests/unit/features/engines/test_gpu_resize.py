"""Batches resized on a device differ from the CPU by at most two of 256 gray levels."""

import numpy as np
import pytest
import torch

from featscape.features.engines.gpu_resize import make_batch
from featscape.features.zoo.geometry import ResizeAndCrop

CPU = torch.device("cpu")
SIZES = [(200, 300), (701, 233), (31, 90), (5, 1), (256, 256), (1000, 255), (401, 640), (201, 300)]


def noise(height_px, width_px):
    rng = np.random.default_rng(height_px)
    return rng.integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_batch_of_different_sizes_agrees_with_the_cpu(interpolation):
    geometry = ResizeAndCrop(256, 224, interpolation)
    images = [noise(*size) for size in SIZES]
    batch = make_batch(images, geometry, CPU)
    assert batch.shape == (len(SIZES), 3, 224, 224)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    for made, image in zip(batch.permute(0, 2, 3, 1).numpy(), images, strict=True):
        difference = np.abs(made - geometry(image))
        assert difference.max() <= 2
        assert difference.mean() < 0.03


@pytest.mark.parametrize("n_large", [0, 2])
def test_cropped_images_are_not_changed(n_large):
    geometry = ResizeAndCrop(32, 28, "bilinear")
    images = [noise(28, 28), *(noise(90, 70) for _ in range(n_large)), noise(28, 28)[::-1]]
    batch = make_batch(images, geometry, CPU).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(batch[0], images[0])
    np.testing.assert_array_equal(batch[-1], images[-1])


def test_a_cropped_image_of_the_padded_size_is_not_resized():
    geometry = ResizeAndCrop(288, 256, "bilinear")
    images = [noise(256, 256), noise(200, 250), noise(256, 256)[::-1]]
    batch = make_batch(images, geometry, CPU).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(batch[0], images[0])
    np.testing.assert_array_equal(batch[2], images[2])
    assert np.abs(batch[1] - geometry(images[1])).max() <= 2


def test_the_content_of_the_padding_has_no_effect(monkeypatch):
    geometry = ResizeAndCrop(32, 32, "bicubic")
    images = [noise(90, 90), noise(30, 30)]
    batches = []
    for rest in (0, 255):
        # only the uint8 frames: other memory is fully initialized
        monkeypatch.setattr(
            "featscape.features.engines.gpu_resize.torch.empty",
            lambda size, rest=rest, **_: torch.full(size, rest, dtype=torch.uint8),
        )
        batches.append(make_batch(images, geometry, CPU))
    assert torch.equal(*batches)


@pytest.mark.parametrize(
    ("size", "waits"),
    [
        ((300, 300), True),
        ((224, 225), True),
        ((224, 224), False),  # the size of cropped images
        ((1024, 256), True),
        ((1025, 200), False),
        ((600, 500), False),
    ],
)
def test_small_images_are_deferred_to_the_device(size, waits):
    assert ResizeAndCrop(256, 224, "bilinear").can_defer(*size) is waits
