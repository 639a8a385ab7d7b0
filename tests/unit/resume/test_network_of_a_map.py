"""A second map of the same images, for which the network is not loaded."""

import hashlib
import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from featscape import make_map, open_map
from featscape.mapfolder.words_file import read_recognized
from featscape.records import ClassifierWeights, Inference
from helpers.images.photos import write_images
from helpers.networks.quick_network import QuickNetwork, put_in_place
from helpers.notes import Notes

OPTIONS = {"model": "resnet18", "perplexity": 4, "size_px": 400, "findings": False}


@pytest.fixture(autouse=True)
def weights(tmp_path, monkeypatch):
    """Return a file at the place of the weights of ResNet18."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    file = tmp_path / "torch" / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    return file


@pytest.fixture(autouse=True)
def first_map(photos, here, weights, monkeypatch, without_pictures):  # noqa: ARG001 - faster maps
    """Make a map with a quick network under the name of ResNet18."""
    network = QuickNetwork()
    network.card = replace(
        network.card,
        name="resnet18",
        layer="input of fc",
        weights="IMAGENET1K_V1",
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
    )
    classifier = ClassifierWeights(np.eye(1000, 48, dtype=np.float32), np.zeros(1000, np.float32))
    monkeypatch.setattr("featscape.steps.content.words.read_classifier", lambda _card: classifier)
    put_in_place(network, monkeypatch)
    (photos / "red" / "damaged.png").write_bytes(b"no image")
    run_file = make_map(photos, "one", **OPTIONS).folder / "run.json"
    inference = Inference("An engine 1.0", "fp32", "auto", "a reason")  # that of a real network
    run_file.write_text(
        json.dumps(json.loads(run_file.read_text()) | {"inference": vars(inference)})
    )
    return here / "one"


@pytest.fixture
def loaded(monkeypatch):
    """Count the networks that are loaded from now on."""
    given = import_module("featscape.features.given_network")
    quick, names = given.load_network, []

    def load_network(model, **options):
        names.append(model)
        return quick(model, **options)

    monkeypatch.setattr(given, "load_network", load_network)
    return names


def test_the_network_is_not_loaded_for_the_same_images(photos, loaded):
    progress = Notes()
    made = make_map(photos, "two", progress=progress, **OPTIONS)
    assert loaded == []
    assert "the features of 24 images were taken from one" in progress.lines
    assert made.run["inference"]["reason"] == "a reason"
    assert [one["path"] for one in made.run["skipped"]] == ["red/damaged.png"]


def test_the_words_are_copied_without_the_weights(photos, monkeypatch):
    monkeypatch.setattr(
        "featscape.steps.content.words.read_classifier", lambda _card: pytest.fail("read")
    )
    (photos / "red").rename(photos / "a-first")  # another order of the images
    one, two = open_map("one"), make_map(photos, "two", **OPTIONS)
    before, after = (read_recognized(made.folder, n_items=24) for made in (one, two))
    rows = [one.paths.index(path.replace("a-first", "red")) for path in two.paths]
    assert rows != sorted(rows)
    np.testing.assert_array_equal(after.classes, before.classes[rows])
    np.testing.assert_array_equal(after.probabilities, before.probabilities[rows])


def test_a_new_image_needs_the_network(photos, loaded):
    write_images(photos / "red" / "new", 1, seed=9)
    assert len(make_map(photos, "two", **OPTIONS)) == 25
    assert loaded == ["resnet18"]


def test_other_weights_need_the_network(photos, loaded, weights):
    weights.write_bytes(b"other weights")
    make_map(photos, "two", **OPTIONS)
    assert loaded == ["resnet18"]


def test_another_version_of_a_library_needs_the_network(photos, loaded, first_map):
    run = json.loads((first_map / "run.json").read_text())
    run["versions"]["torch"] = "1.0"
    (first_map / "run.json").write_text(json.dumps(run))
    make_map(photos, "two", **OPTIONS)
    assert loaded == ["resnet18"]


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "bf16"},
        {"layers": "layer3"},
        {"pool": "max", "layers": "fc"},
        {"white": 4095},
        {"limit": 5},
    ],
)
def test_only_other_features_need_the_network(photos, loaded, options):
    make_map(photos, "two", **OPTIONS | {"perplexity": "auto"} | options)
    assert loaded == ([] if "limit" in options else ["resnet18"])
