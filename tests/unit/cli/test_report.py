"""The texts on the screen."""

import pytest

from featscape.steps.facts import dataset_text, describe_layer


@pytest.mark.parametrize(
    ("n_items", "labels", "words"),
    [
        (1, None, "1 image"),
        (1, ["a"], "1 image in 1 class"),
        (1200, ["a", "b"] * 600, "1,200 images in 2 classes"),
    ],
)
def test_one_is_no_plural(n_items, labels, words):
    assert dataset_text(n_items, "image", labels) == words


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("input of fc", "input of layer fc"),
        ("input of classifier", "input of layer classifier"),
        ("layer3", "output of layer3"),
        ("output", "output of the network"),
    ],
)
def test_the_source_of_the_features_in_words(layer, words):
    assert describe_layer(layer) == words
