"""The encoder of texts, with a text tower of two lines."""

from dataclasses import replace

import pytest
import torch

from featscape.errors import ModelError
from featscape.features.text_encoder import TextEncoder


def encoder(n_features):
    def tokenize(texts):
        return torch.ones((len(texts), 3), dtype=torch.long)

    return TextEncoder(
        tokenize, lambda tokens: tokens * torch.ones(3), 100.0, n_features, lambda _: 3
    )


def test_the_vectors_have_the_norm_1():
    assert encoder(3).encode(["a", "b"]) == pytest.approx(3**-0.5)


def test_many_texts_are_encoded_in_blocks():
    sizes = []

    def encode(tokens):
        sizes.append(len(tokens))
        return tokens * torch.ones(3)

    vectors = replace(encoder(3), encode_tokens=encode).encode(["a"] * 300)
    assert vectors.shape == (300, 3)
    assert sizes == [128, 128, 44]


def test_a_network_whose_vectors_are_not_comparable_with_the_features_is_refused():
    with pytest.raises(ModelError, match=r"as 48 numbers, .* returns 3, so run.json names"):
        encoder(48).encode(["a"])
