"""The report about earlier maps of another network."""

import json

import pytest

from featscape import make_map, mapfolder
from featscape.steps.features import find_other_network
from helpers.notes import Notes


def write_run(folder, model):
    folder.mkdir()
    run = {"format": mapfolder.FORMAT, "model": model}
    (folder / mapfolder.RUN).write_text(json.dumps(run), encoding="utf-8")
    return folder


def test_the_network_of_an_earlier_map_is_named(tmp_path):
    folder = write_run(tmp_path / "photos-map", {"name": "efficientnet_lite0"})
    assert find_other_network(folder, "resnet101") == (
        "photos-map was made with --model efficientnet_lite0; this run uses resnet101, and reuses "
        "no features of photos-map"
    )
    assert find_other_network(folder, "efficientnet_lite0") is None
    assert find_other_network(tmp_path / "new-map", "resnet101") is None


@pytest.mark.parametrize("model", [None, "resnet101", {}, {"name": 3}])
def test_a_map_without_a_network_needs_no_report(tmp_path, model):
    assert find_other_network(write_run(tmp_path / "m", model), "resnet101") is None


@pytest.mark.usefixtures("quick_network", "without_pictures")
def test_only_a_run_that_replaces_a_map_of_another_network_reports_the_network(photos, made):
    content = json.loads((made.folder / mapfolder.RUN).read_text(encoding="utf-8"))
    content["model"]["name"] = "efficientnet_lite0"
    content["source"] = str(photos.resolve())
    (made.folder / mapfolder.RUN).write_text(json.dumps(content), encoding="utf-8")
    notes = Notes()
    make_map(photos, "other-map", perplexity=4, findings=False, names=False, progress=notes)
    assert not any("was made with" in line for line in notes.lines)  # m is not replaced
    make_map(photos, "m", perplexity=4, force=True, findings=False, names=False, progress=notes)
    named = [line for line in notes.lines if line.startswith("m was made with --model efficient")]
    assert len(named) == 1
