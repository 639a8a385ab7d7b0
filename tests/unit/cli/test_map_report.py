"""The texts on the screen."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from featscape.cli.screens.map_report import (
    _class_agreement,
    _regions,
    _skipped_reasons,
)
from featscape.mapfolder.regions_file import write_regions
from featscape.records.regions import Region
from featscape.records.skipped import COLUMN_REASONS, ROW_REASONS
from featscape.steps.facts.run import dataset_text, describe_layer


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


class MapOf24:
    """Stand for a map of 24 items in a folder."""

    def __init__(self, folder, run):
        self.folder, self.run = folder, run

    def __len__(self):
        return 24


def test_the_names_of_regions_may_contain_commas(tmp_path):
    names = ("mammal, fox squirrel", "dog")
    write_regions(tmp_path, [Region(0, None, name, (), 8, 3, 4) for name in names])
    assert list(_regions(MapOf24(tmp_path, {}))) == ["2 with a name: “mammal, fox squirrel”, “dog”"]


def test_the_summary_names_the_file_that_lists_all_skipped_files():
    skipped = [{"path": f"{i}.png", "reason": "empty file (0 bytes)"} for i in range(21)]
    (line, _) = _skipped_reasons(MapOf24(Path("m"), {"skipped": skipped}))
    assert line == "Skipped 21 files; m/run.json lists them all:"


@pytest.mark.parametrize("reason", ["empty file (0 bytes)", *ROW_REASONS, *COLUMN_REASONS])
def test_each_kind_of_skipped_entry_is_in_the_summary(reason):
    skipped = [{"path": "t.parquet", "reason": reason}] * 3
    (line, _) = _skipped_reasons(MapOf24(Path("m"), {"skipped": skipped}))
    assert re.match("[A-Z].* 3 ", line)


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
