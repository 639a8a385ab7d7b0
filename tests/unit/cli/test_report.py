"""The texts on the screen."""

from pathlib import Path

import pytest

from featscape.cli.screens.report import as_argument
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


@pytest.mark.parametrize(
    ("folder", "argument"),
    [
        ("photos-map", "photos-map"),
        ("my photos-map", "'my photos-map'"),
        ("-x-map", "./-x-map"),
        ("/disk/-x-map", "/disk/-x-map"),
    ],
)
def test_a_folder_is_an_argument_of_the_next_command(folder, argument):
    assert as_argument(Path(folder)) == argument
