"""The public picture of the classes of a finished map."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from featscape import draw_classes, embed_features, open_map
from featscape.errors import InputError
from featscape.findings import relate_classes
from helpers.maps.planted import clouds, named


def test_the_picture_is_that_of_the_map_folder(map_of_photos):
    picture = draw_classes(map_of_photos)
    with Image.open(map_of_photos.folder / "classes.png") as drawn:
        assert drawn.tobytes() == picture.tobytes()


@pytest.mark.usefixtures("here")
def test_the_picture_of_a_map_without_images_names_items():
    features, codes = clouds(60)
    made = embed_features(features, "m", labels=named(codes), perplexity=5)
    picture = draw_classes(made, path="classes.svg")
    assert "Row: class of an item." in Path("classes.svg").read_text(encoding="utf-8")
    with Image.open("m/classes.png") as drawn:
        assert drawn.tobytes() == picture.tobytes()


def test_the_picture_has_the_closest_classes_only(map_of_photos):
    axes = Figure().add_subplot()
    assert draw_classes(map_of_photos, most_classes=2, ax=axes) is None
    names = {text.get_text() for text in axes.texts if not text.get_text().isdigit()}
    assert len(names) == 2
    assert names < set(map_of_photos.labels)


def test_the_seed_is_that_of_the_map(map_of_photos, monkeypatch, tmp_path):
    folder = shutil.copytree(map_of_photos.folder, tmp_path / "m")
    run = json.loads((folder / "run.json").read_text())
    run["parameters"]["seed"] = 7
    (folder / "run.json").write_text(json.dumps(run))
    seeds = []

    def relate(*data, **options):
        seeds.append(options["random_state"])
        return relate_classes(*data, **options)

    monkeypatch.setattr("featscape.steps.findings.relate_classes", relate)
    draw_classes(open_map(folder))
    assert seeds == [7]


def test_a_map_without_two_classes_is_refused(map_of_photos):
    for labels in (None, ("cat",) * len(map_of_photos)):
        with pytest.raises(InputError, match="needs a map with at least two classes; got <Inter"):
            draw_classes(replace(map_of_photos, labels=labels))


def test_the_size_and_the_path_are_checked_before_the_classes(map_of_photos):
    unlabeled = replace(map_of_photos, labels=None)  # refused when the findings are computed
    with pytest.raises(InputError, match=r"path must end with \.svg"):
        draw_classes(unlabeled, path="x.doc")
    with pytest.raises(InputError, match="size_px"):
        draw_classes(unlabeled, size_px=1)


def test_options_that_cannot_be_drawn_are_refused(map_of_photos, tmp_path):
    with pytest.raises(InputError, match="most_classes must be at least 2; got 1"):
        draw_classes(map_of_photos, most_classes=1)
    with pytest.raises(InputError, match="title, caption and path must be None with ax"):
        draw_classes(map_of_photos, ax=Figure().add_subplot(), path=tmp_path / "x.pdf")
    with pytest.raises(InputError, match=r"path must end with \.svg, \.pdf, \.png or another"):
        draw_classes(map_of_photos, path=tmp_path / "x.doc")
