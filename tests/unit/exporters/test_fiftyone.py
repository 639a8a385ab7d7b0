"""The dataset for FiftyOne, with a stand-in for the library."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from featscape.errors import InputError, MissingExtra
from featscape.mapfolder.read import read_items


class Dataset:
    """Stand-in for fiftyone.Dataset."""

    def __init__(self, name, *, persistent, overwrite):
        assert persistent
        self.name, self.overwrite, self.samples = name, overwrite, []

    def add_samples(self, samples):
        self.samples += samples


@pytest.fixture
def fiftyone(monkeypatch):
    brain = SimpleNamespace(
        compute_visualization=lambda dataset, **given: vars(dataset).update(given)
    )
    library = SimpleNamespace(
        Dataset=Dataset,
        Sample=SimpleNamespace,
        Classification=SimpleNamespace,
        brain=brain,
        dataset_exists=lambda name: name == "taken",
    )
    monkeypatch.setitem(sys.modules, "fiftyone", library)
    monkeypatch.setitem(sys.modules, "fiftyone.brain", brain)
    return library


@pytest.mark.usefixtures("fiftyone")
def test_each_image_is_a_sample_with_its_label_and_columns(made):
    dataset = made.to_fiftyone("photos")
    assert (dataset.name, dataset.brain_key, dataset.method) == ("photos", "featscape", "manual")
    assert dataset.points is made.positions
    source = Path(made.run["source"])
    assert [sample.filepath for sample in dataset.samples] == [
        str(source / path) for path in made.paths
    ]
    assert [sample.label.label for sample in dataset.samples] == list(made.labels)
    assert {sample.width for sample in dataset.samples} == set(made.sizes_px[:, 0].tolist())
    assert dataset.samples[0].tags == []
    assert not hasattr(dataset.samples[0], "x")


@pytest.mark.usefixtures("fiftyone")
def test_columns_whose_names_differ_in_signs_become_two_fields(made, monkeypatch):
    items = read_items(made.folder)
    for number, name in enumerate(("lens-size", "lens size")):
        items = items.append_column(name, [[number] * len(made)])
    monkeypatch.setattr("featscape.exporters.items.read_items", lambda _folder: items)
    sample = made.to_fiftyone("photos").samples[0]
    assert (sample.lens_size, sample.lens_size_) == (0, 1)


@pytest.mark.usefixtures("fiftyone")
def test_a_dataset_is_replaced_only_on_demand(made):
    with pytest.raises(InputError, match="FiftyOne already has a dataset taken"):
        made.to_fiftyone("taken")
    assert made.to_fiftyone("taken", force=True).overwrite


@pytest.mark.usefixtures("fiftyone")
def test_images_that_are_not_files_are_refused(made, tmp_path, monkeypatch):
    monkeypatch.setattr("featscape.exporters.fiftyone.is_own", lambda *_: True)
    made.run["source"] = str(tmp_path / "moved")
    with pytest.raises(InputError, match=r"moved.* is not a file"):
        made.to_fiftyone("photos")


@pytest.mark.usefixtures("fiftyone")
def test_files_that_a_map_of_another_user_names_are_refused(made, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # another key
    with pytest.raises(InputError, match="cannot confirm that you made"):
        made.to_fiftyone("photos")


def test_without_the_library_the_command_is_shown(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    with pytest.raises(MissingExtra, match="pip install fiftyone"):
        made.to_fiftyone("photos")
