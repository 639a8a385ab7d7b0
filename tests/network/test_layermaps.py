"""One map for each of several layers, with a tiny custom network."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featscape import load_tsne, make_map, make_maps
from featscape.errors import InputError, ModelError
from featscape.features import Network
from featscape.mapfolder.read import open_map
from featscape.steps.layer_maps import name_outputs
from featscape.steps.placement import open_placer
from helpers.notes import Notes

NETWORK = """
import torch
from torch import nn

class Tiny(nn.Module):
    preprocessing = {"input_size_px": 16}

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Conv2d(4, 6, 3, 2)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.second(self.first(x).relu()).mean((2, 3)))
"""
OPTIONS = {"model": "tiny_network:Tiny", "perplexity": 4, "size_px": 400, "device": "cpu"}


@pytest.fixture(autouse=True)
def network(here):
    (here / "tiny_network.py").write_text(NETWORK)
    yield
    sys.modules.pop("tiny_network", None)


def folders(here):
    return sorted(path.name for path in here.iterdir() if path.is_dir() and path.name[0] != "_")


def test_the_map_of_a_layer_does_not_depend_on_other_layers(photos, here):
    second, first = make_maps(photos, layers=("second", "first"), **OPTIONS)
    assert folders(here) == ["photos-first-map", "photos-second-map"]
    assert (second.folder.name, first.folder.name) == ("photos-second-map", "photos-first-map")
    for made, layer, width in ((second, "second", 6), (first, "first", 4)):
        alone = make_map(photos, f"alone-{layer}", layers=layer, **OPTIONS)
        assert made.features.shape == (24, width)
        np.testing.assert_allclose(made.features, alone.features, rtol=1e-4, atol=1e-5)
        assert made.run["model"] == alone.run["model"] | {"widths": [width]}
        assert made.run["model"]["layer"] == layer
        assert made.run["model"]["pool"] == "avg"
        assert sorted(p.name for p in made.folder.iterdir()) == sorted(
            p.name for p in alone.folder.iterdir()
        )
        np.testing.assert_array_equal(
            np.asarray(made.thumbnails.load(3)), np.asarray(alone.thumbnails.load(3))
        )
        assert layer in (made.folder / "map.html").read_text()


def test_the_time_of_the_common_pass_is_reported(photos):
    for made in make_maps(photos, layers=("second", "first"), **OPTIONS):
        assert "features of 2 layers" in made.run["timings_s"]
        assert "features" not in made.run["timings_s"]


def test_only_new_images_are_computed_if_all_layers_have_a_map(photos, monkeypatch):
    before = make_maps(photos, layers=("second", "first"), **OPTIONS)
    rng = np.random.default_rng(7)
    for i in range(10):
        pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / "red" / f"new{i}.png")
    n_seen = 0
    run = Network.run

    def count(self, pixels):
        nonlocal n_seen
        n_seen += len(pixels)
        return run(self, pixels)

    monkeypatch.setattr(Network, "run", count)
    notes = Notes()
    after = make_maps(photos, layers=("second", "first"), force=True, progress=notes, **OPTIONS)
    assert n_seen == 10
    origins = "photos-second-map and photos-first-map"
    assert f"the features of 24 images were taken from {origins}" in notes.lines
    for old, new in zip(before, after, strict=True):
        assert new.features.shape == (34, old.features.shape[1])
        rows = [new.paths.index(path) for path in old.paths]
        np.testing.assert_array_equal(new.features[rows], old.features)
    make_maps(photos, layers=("first", "head"), **(OPTIONS | {"force": True}))
    assert n_seen == 10 + 34  # "head" had no map


def test_new_images_are_placed_on_the_map_of_each_layer(photos):
    for made in make_maps(photos, layers=["first", "second"], pool="max", **OPTIONS):
        with (photos / made.paths[5]).open("rb") as file:
            place = open_placer(made, model=OPTIONS["model"], device="cpu")
            placed = place(io.BytesIO(file.read()))
        assert placed.neighbors.indices[0, 0] == 5
        assert placed.neighbors.distances[0, 0] < 1e-3
        at = load_tsne(open_map(made.folder)).transform(made.features[5:6])
        np.testing.assert_allclose(at[0], placed.position, atol=0.1)


def test_one_layer_does_not_change_the_name_of_the_map(photos, here):
    (made,) = make_maps(photos, layers=("first",), **OPTIONS)
    assert folders(here) == ["photos-map"]
    assert made.run["model"]["layer"] == "first"


@pytest.mark.parametrize(
    ("output", "layers", "names"),
    [
        ("photos-map", (), ["photos-map"]),
        ("photos-map", ("layer3",), ["photos-map"]),
        ("photos-map", ("layer3", "layer4"), ["photos-layer3-map", "photos-layer4-map"]),
        ("birds", ("a.0.b", "fc"), ["birds-a.0.b", "birds-fc"]),
        ("maps/x-map", ("a/b", "c"), ["maps/x-a-b-map", "maps/x-c-map"]),
    ],
)
def test_the_names_of_the_maps_contain_the_layers(output, layers, names):
    assert name_outputs(Path(output), layers) == tuple(map(Path, names))


@pytest.mark.parametrize(
    ("layers", "pool", "error", "message"),
    [
        (("first", "frist"), None, ModelError, "Did you mean first"),
        (("first", "first"), None, InputError, "got 'first' twice"),
        (("first", "second"), "mean", InputError, "pool must be"),
        (None, "max", InputError, "pool must be used with a layer"),
    ],
)
@pytest.mark.usefixtures("here")
def test_invalid_layers_leave_no_files(photos, layers, pool, error, message):
    with pytest.raises(error, match=message):
        make_maps(photos, layers=layers, pool=pool, **OPTIONS)
    assert folders(Path()) == []
    assert list(Path().glob(".*")) == []


def test_an_existing_map_is_refused_before_the_work(photos, here):
    make_map(photos, "m-second", layers="first", **OPTIONS)
    with pytest.raises(InputError, match=r"the map m-second of .* exists already"):
        make_maps(photos, "m", layers=("first", "second"), **OPTIONS)
    assert folders(here) == ["m-second"]
    assert open_map("m-second").run["model"]["layer"] == "first"


def test_the_command_line_makes_one_map_per_layer(featscape, photos, here):
    options = ["--model", "tiny_network:Tiny", "--perplexity", 4, "--size", 400]
    done = featscape("map", photos, "--layer", "first", "--layer", "second", *options)
    assert done.status == 0
    assert folders(here) == ["photos-first-map", "photos-second-map"]
    assert done.out.count("24 images in 3 classes: photos-") == 2
    assert "output of first" in featscape("info", "photos-first-map").out
