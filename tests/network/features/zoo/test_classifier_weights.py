"""The classifier's last layer, applied to the features, gives the scores of the whole network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from featscape.features import load_network, read_classifier
from featscape.features.zoo.classifier_weights import _find_layer


def test_the_layer_gives_the_scores_of_the_whole_network(lite0_network):
    whole = load_network("efficientnet_lite0", layers="output", device="cpu", precision="fp32")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3)).astype(np.uint8)
    layer = read_classifier(lite0_network.card)
    scores = lite0_network.run(list(pixels)) @ layer.weight.T + layer.bias
    np.testing.assert_allclose(scores, whole.run(list(pixels)), atol=1e-3)


@pytest.fixture(scope="module")
def card(lite0_network):
    return lite0_network.card


@pytest.mark.parametrize(
    "change",
    [
        {"layer": "blocks.3", "pool": "avg"},  # other features
        {"weights": "/photos/mine.pth"},  # the classes are unknown
        {"name": "networks:mine"},  # code of the user
        {"name": "net.onnx"},
    ],
)
def test_other_networks_have_no_words(card, change):
    assert read_classifier(replace(card, **change)) is None


def test_two_layers_of_the_same_shape_are_no_classifier():
    state = {"head.weight": torch.zeros(1000, 8), "head.bias": torch.ones(1000)}
    assert (_find_layer(state, n_features=8).bias == 1).all()
    assert _find_layer({**state, "head_dist.weight": torch.zeros(1000, 8)}, n_features=8) is None
    assert _find_layer(state, n_features=16) is None
    assert (_find_layer({"fc.weight": torch.zeros(1000, 8)}, n_features=8).bias == 0).all()
