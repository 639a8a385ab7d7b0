"""The image towers of open_clip agree with open_clip's own output and preprocessing."""

import sys

import numpy as np
import pytest
import torch

from featscape.errors import MissingExtra, ModelError
from featscape.features import load_network

open_clip = pytest.importorskip("open_clip", reason="the extra clip is not installed")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Register a tiny network in open_clip, and save random weights for it."""
    from helpers.networks import tiny_clip

    network = tiny_clip.register(monkeypatch)
    torch.save(network.state_dict(), tmp_path / "tiny.pth")
    return network, tmp_path / "tiny.pth"


def test_features_are_the_output_of_the_image_tower(tiny, noise_image):
    whole, path = tiny
    network = load_network("open_clip:tiny-clip/toy", weights=path, device="cpu")
    pixels = network.prepare(noise_image(0, (60, 40)))
    batch = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    batch = network.preprocessing.standardize(batch)
    theirs = open_clip.image_transform(32, is_train=False, mean=(0.5,) * 3, std=(0.25,) * 3)
    torch.testing.assert_close(batch[0], theirs(noise_image(0, (60, 40))))
    with torch.inference_mode():
        expected = whole.encode_image(batch)
    assert network.card.layer == "output"
    np.testing.assert_allclose(network.run([pixels]), expected, rtol=1e-4, atol=1e-5)


def test_a_layer_of_the_image_tower_is_read(tiny):
    card = load_network(
        "open_clip:tiny-clip/toy",
        weights=tiny[1],
        layers=("transformer.resblocks.0",),
        pool="token",
    ).card
    assert (card.n_features, card.pool) == (64, "token")


def test_weights_of_another_network_are_refused(tiny, tmp_path):
    torch.save({"visual.conv1.weight": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"tiny-clip: missing: class_embedding.*misshaped: conv1"):
        load_network("open_clip:tiny-clip/toy", weights=tmp_path / "other.pth")
    assert tiny[1].exists()
    torch.save(dict.fromkeys(tiny[0].state_dict(), torch.ones(1)), tmp_path / "other.pth")
    message = r"tiny-clip: misshaped: class_embedding.* without the prefix 'visual\.'"
    with pytest.raises(ModelError, match=message):
        load_network("open_clip:tiny-clip/toy", weights=tmp_path / "other.pth")


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("open_clip:ViT-B-32/laion2b", r"Did you mean open_clip:ViT-B-32/laion2b_"),
        ("open_clip:ViT-B32/openai", r"Did you mean open_clip:ViT-B-32/openai"),
        ("open_clip:ViT-B-32", r"name weights, for example open_clip:ViT-B-32/openai"),
        ("open_clip:tiny-clip/toy", r"or name weights, for example open_clip:tiny-clip/toy"),
    ],
)
def test_similar_names_are_suggested(name, message):
    with pytest.raises(ModelError, match=message):
        load_network(name)


def test_a_missing_extra_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtra, match=r"pip install 'featscape\[clip\]'"):
        load_network("open_clip:ViT-B-32/openai")
