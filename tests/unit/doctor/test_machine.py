"""Folders, free space, devices and fonts."""

import os
from types import SimpleNamespace

import pytest

from featscape.doctor import machine


@pytest.fixture
def caches(tmp_path, monkeypatch, here):  # noqa: ARG001 - `here` has no unfinished run
    """Write 300 bytes of weights and 70 bytes of a converted network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    hub = tmp_path / "torch" / "hub"
    for name, n_bytes in (("checkpoints/w.pth", 300), ("featscape/network-1/network.bin", 70)):
        (hub / name).parent.mkdir(parents=True)
        (hub / name).write_bytes(bytes(n_bytes))
    return hub


def test_the_sizes_of_the_caches(caches):
    (caches / "featscape" / "link").symlink_to(caches / "checkpoints" / "w.pth")
    sizes = {folder.content: folder.n_bytes for folder in machine.list_folders()}
    assert sizes == {
        "weights of torchvision": 300,
        "downloads from Hugging Face, of all programs": 0,
        "converted networks": 70,
        "current folder": None,
    }


def test_a_file_that_another_program_deletes_is_not_counted(caches, monkeypatch):
    walk = os.walk
    names_of = {str(caches / "checkpoints"): ["w.pth", "deleted.pth"]}
    monkeypatch.setattr(
        "os.walk",
        lambda top: [(root, below, names_of.get(root, names)) for root, below, names in walk(top)],
    )
    sizes = {folder.content: folder.n_bytes for folder in machine.list_folders()}
    assert sizes["weights of torchvision"] == 300


@pytest.mark.usefixtures("caches")
def test_the_features_of_an_unfinished_run(here):
    (here / ".m-map.partial").mkdir()
    (here / ".m-map.partial" / "features.npy").write_bytes(bytes(50))
    folder = machine.list_folders()[3]
    assert (folder.content, folder.n_bytes) == ("features of an unfinished run", 50)


def test_a_full_disk_and_a_folder_that_cannot_be_written(caches, monkeypatch):
    assert list(machine.find_full_disks(machine.list_folders())) == []
    usage = SimpleNamespace(free=5_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    monkeypatch.setattr("os.access", lambda path, _mode: path != caches / "checkpoints")
    problems = list(machine.find_full_disks(machine.list_folders()))
    assert not any(problem.is_broken for problem in problems)
    (readonly,) = [problem for problem in problems if "cannot be written" in problem.text]
    assert readonly.subject == str(caches / "checkpoints")
    assert len(problems) == 5
    assert "has 5 MB of free space" in problems[-1].text


def test_the_fonts_and_the_cores(monkeypatch):
    monkeypatch.setattr(machine, "may_have_gpu", lambda: False)
    found = machine.describe_machine(unloadable=())
    assert found.fonts["Greek"]
    assert found.n_cores >= 1
    monkeypatch.setitem(machine._WRITING_SYSTEMS, "none", "\U0010fffd")
    assert machine.describe_machine(unloadable=()).fonts["none"] is False
    assert machine.describe_machine(unloadable=("pillow",)).fonts == {}


def test_a_driver_without_a_gpu_that_pytorch_finds(monkeypatch):
    monkeypatch.setattr(machine, "may_have_gpu", lambda: True)
    monkeypatch.setattr(machine, "_gpus", list)
    found = machine.describe_machine(unloadable=())
    monkeypatch.setattr("sys.platform", "linux")
    (problem,) = machine.find_unused_gpu(found, torch_version="2.13.0+cpu")
    assert (problem.subject, problem.is_broken) == ("GPU", False)
    assert "PyTorch 2.13.0+cpu finds no GPU" in problem.text
