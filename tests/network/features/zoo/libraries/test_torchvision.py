"""The networks of torchvision: preprocessing, builder arguments, and old names in files."""

import numpy as np
import pytest
import torch
from torchvision import models

from featscape.features.zoo.libraries import torchvision


@pytest.mark.parametrize("name", ["resnet101:IMAGENET1K_V2", "efficientnet_b0:IMAGENET1K_V1"])
@pytest.mark.parametrize("size_px", [(300, 200), (200, 300), (20, 31), (224, 224)])
def test_preprocessing_agrees_with_the_library(name, size_px, noise_image):
    name, weights = name.split(":")
    with torch.device("meta"):
        architecture = torchvision.build(name, weights)
    image = noise_image(1, size_px)
    pixels = architecture.preprocessing.crop(image)
    assert pixels.dtype == np.uint8
    ours = architecture.preprocessing.standardize(
        torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    )
    theirs = models.get_model_weights(name)[weights].transforms()
    # two of 255 levels, for the channel with the smallest standard deviation
    torch.testing.assert_close(ours[0], theirs(image), rtol=0, atol=2.01 / 255 / min(theirs.std))


def test_the_description_of_the_preprocessing():
    words = str(torchvision.build("resnet18", "IMAGENET1K_V1").preprocessing)
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
def test_old_names_in_published_files_are_converted(old, new):
    assert list(torchvision._rename({old: torch.ones(1)})) == [new]


def test_converted_names_exist_in_the_network():
    with torch.device("meta"):
        densenet = models.densenet121(weights=None).state_dict()
        vit = models.vit_b_32(weights=None).state_dict()
    assert "features.denseblock1.denselayer2.norm1.running_mean" in densenet
    assert "encoder.layers.encoder_layer_11.mlp.3.bias" in vit


def test_builder_arguments_agree_with_torchvisions_own():
    with torch.device("meta"):
        googlenet = torchvision.build("googlenet", "IMAGENET1K_V1").make()
        vit = torchvision.build("vit_b_16", "IMAGENET1K_SWAG_E2E_V1")
        built = vit.make()
    assert googlenet.transform_input
    assert googlenet.aux1 is None
    assert built.image_size == vit.preprocessing.input_size_px == 384
