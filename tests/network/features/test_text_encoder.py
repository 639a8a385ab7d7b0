"""The text tower of the network of a map."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from featscape.errors import ModelError
from featscape.features import encode_names, has_text_encoder, load_network, load_text_encoder
from featscape.features.zoo.libraries.open_clip import shorten_text_tower

open_clip = pytest.importorskip("open_clip", reason="the extra clip is not installed")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Return a tiny network of open_clip, the file of its weights, and the card of its features."""
    from helpers.networks import tiny_clip

    network = tiny_clip.register(monkeypatch)
    path = tmp_path / "tiny.pth"
    torch.save(network.state_dict(), path)
    return network, path, load_network(tiny_clip.NAME, weights=path, device="cpu").card


def test_the_vectors_are_those_of_open_clip(tiny):
    network, path, card = tiny
    texts = ["a red car", "a dog", "word " * 1000]
    encoder = load_text_encoder(card, weights=path)
    with torch.inference_mode():
        expected = network.encode_text(open_clip.get_tokenizer("tiny-clip")(texts), normalize=True)
    np.testing.assert_allclose(encoder.encode(texts), expected, rtol=1e-4, atol=1e-6)
    assert encoder.scale == pytest.approx(float(network.logit_scale.detach().exp()))


def test_names_have_the_vectors_of_texts_without_padding(tiny, monkeypatch):
    _, path, card = tiny
    monkeypatch.setattr("featscape.features.text_encoder._TEXTS_AT_ONCE", 2)
    names = ["a", "a dog", "a red sports car at night", "cat", "two dogs"]
    encoder = load_text_encoder(card, weights=path)
    expected = encoder.encode(names) * encoder.scale
    for _ in range(2):  # the second time from the cache
        found = encode_names(card, names, weights=path, progress=None)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_tower_that_sees_only_earlier_tokens_is_shortened(tiny):
    network = tiny[0]
    tokens = open_clip.get_tokenizer("tiny-clip")(["a dog", "a red car"])  # of 8 tokens
    network.text_pool_type = "last"
    assert shorten_text_tower(network, tokens) == 8
    network.text_pool_type = "argmax"
    assert shorten_text_tower(network, tokens) == 5
    assert network.encode_text(tokens[:, :5]).shape == (2, 16)


def test_only_the_output_of_an_open_clip_network_is_comparable_with_texts(tiny):
    card = tiny[2]
    assert has_text_encoder(card)
    assert not has_text_encoder(replace(card, layer="transformer.resblocks.0"))
    assert not has_text_encoder(replace(card, name="resnet101"))
    assert not has_text_encoder(None)


def test_a_file_of_weights_that_only_the_map_names_is_not_opened(tiny):
    with pytest.raises(ModelError, match="give the file with --weights"):
        load_text_encoder(tiny[2])


def test_other_weights_are_refused(tiny, tmp_path):
    network, _, card = tiny
    torch.save({**network.state_dict(), "logit_scale": torch.tensor(1.0)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="has another SHA-256"):
        load_text_encoder(card, weights=tmp_path / "other.pth")


def test_the_own_weights_of_the_library_are_checked_against_the_map(tiny, monkeypatch):
    _, path, card = tiny
    # the weights of the library are on this disk
    monkeypatch.setattr("featscape.features.zoo.libraries.open_clip._find_weights", lambda *_: path)
    named = replace(card, weights="toy")
    assert load_text_encoder(named).encode(["dog"]).shape == (1, 16)
    with pytest.raises(ModelError, match="the weights of the map, whose SHA-256 is 00"):
        load_text_encoder(replace(named, weights_sha256="0" * 64))


def test_an_absent_tokenizer_is_an_error_with_the_remedy(tiny, monkeypatch):
    def fail(_name):
        raise OSError("offline\nmore")

    monkeypatch.setattr(open_clip, "get_tokenizer", fail)
    with pytest.raises(ModelError, match=r"cannot be downloaded: offline\. Search once with an"):
        load_text_encoder(tiny[2], weights=tiny[1])
