"""The texts on the screen."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from featscape.cli.screens.map_report import _class_agreement, as_argument
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


@pytest.mark.parametrize(
    ("n_small", "lines"),
    [
        (0, ["Each of the 30 classes: 25 %"]),
        (
            1,
            [
                (
                    "1 class of 3 or fewer images: always 0 %, because 3 neighbors with the same "
                    "label do not exist."
                ),
                "Each of the other 30 classes: 25 %",
            ],
        ),
    ],
)
def test_many_classes_of_one_agreement_are_one_line(n_small, lines):
    labels = [f"class {i}" for i in range(30)] * 4 + ["small"] * n_small
    by_class = dict.fromkeys(labels, 0.25) | dict.fromkeys(["small"] * n_small, 0.0)
    made = SimpleNamespace(run={"agreement": {"by_class": by_class}}, labels=labels)
    assert list(_class_agreement(made, majority=3, kind="image")) == lines
