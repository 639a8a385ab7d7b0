"""torchvision's networks: their preprocessing, their builders, the old names in their files."""

import numpy as np
import pytest
import torch
from torchvision import models

from featscape.features import torchvision_backend


@pytest.mark.parametrize("name", ["resnet101:IMAGENET1K_V2", "efficientnet_b0:IMAGENET1K_V1"])
@pytest.mark.parametrize("size_px", [(300, 200), (200, 300), (20, 31), (224, 224)])
def test_preprocessing_is_that_of_the_library(name, size_px, noise_image):
    name, weights = name.split(":")
    with torch.device("meta"):
        architecture = torchvision_backend.build(name, weights)
    image = noise_image(1, size_px)
    pixels = architecture.preprocessing.crop(image)
    assert pixels.dtype == np.uint8
    ours = architecture.preprocessing.standardize(
        torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    )
    theirs = models.get_model_weights(name)[weights].transforms()
    # two levels of 255, of the channel whose standard deviation is least
    torch.testing.assert_close(ours[0], theirs(image), rtol=0, atol=2.01 / 255 / min(theirs.std))


def test_preprocessing_is_told_in_words():
    words = str(torchvision_backend.build("resnet18", "IMAGENET1K_V1").preprocessing)
    assert "256 px (bilinear)" in words
    assert "224 x 224 px cut from the center" in words
    assert "mean (0.485, 0.456, 0.406), sd (0.229, 0.224, 0.225)" in words


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "features.denseblock1.denselayer2.norm.1.running_mean",
            "features.denseblock1.denselayer2.norm1.running_mean",
        ),
        (
            "features.denseblock4.denselayer10.conv.2.weight",
            "features.denseblock4.denselayer10.conv2.weight",
        ),
        (
            "encoder.layers.encoder_layer_0.mlp.linear_1.weight",
            "encoder.layers.encoder_layer_0.mlp.0.weight",
        ),
        (
            "encoder.layers.encoder_layer_11.mlp.linear_2.bias",
            "encoder.layers.encoder_layer_11.mlp.3.bias",
        ),
        ("features.denseblock1.denselayer2.norm1.bias",) * 2,
        ("layer1.0.conv1.weight",) * 2,
    ],
)
def test_older_names_in_published_files_are_understood(old, new):
    assert list(torchvision_backend._rename({old: torch.ones(1)})) == [new]


def test_new_names_are_the_networks_own():
    with torch.device("meta"):
        densenet = models.densenet121(weights=None).state_dict()
        vit = models.vit_b_32(weights=None).state_dict()
    assert "features.denseblock1.denselayer2.norm1.running_mean" in densenet
    assert "encoder.layers.encoder_layer_11.mlp.3.bias" in vit


def test_builders_are_called_as_torchvision_calls_them_for_its_weights():
    with torch.device("meta"):
        googlenet = torchvision_backend.build("googlenet", "IMAGENET1K_V1").make()
        vit = torchvision_backend.build("vit_b_16", "IMAGENET1K_SWAG_E2E_V1")
        built = vit.make()
    assert googlenet.transform_input
    assert googlenet.aux1 is None
    assert built.image_size == vit.preprocessing.input_size_px == 384
