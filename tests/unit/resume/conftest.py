"""A source, its complete map, and a network that counts its images."""

import shutil

import pytest

from featscape.features.extraction import shards
from helpers.maps.interrupted_runs import N_DIFFERENT, CountingNetwork, make, write_source
from helpers.maps.without_pictures import omit_pictures
from helpers.networks.quick_network import put_in_place


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """Return a folder of images that no test may change."""
    return write_source(tmp_path_factory.mktemp("source") / "photos")


@pytest.fixture
def changed(source, tmp_path):
    """Return a copy of the images that the test may change."""
    return shutil.copytree(source, tmp_path / "photos")


@pytest.fixture(scope="session")
def whole(source, tmp_path_factory):
    """Return the map of `source`, without pictures, that one run makes without an interruption."""
    network = CountingNetwork()
    with pytest.MonkeyPatch.context() as patch:
        put_in_place(network, patch)
        omit_pictures(patch)
        patch.setattr("featscape.pipeline.find_in_folder", lambda *_, **__: None)
        made = make(source, tmp_path_factory.mktemp("whole") / "m")
    assert network.n_seen == N_DIFFERENT
    return made


@pytest.fixture
def finished(whole, here):
    """Put a copy of the map `whole` into the current folder as "m"."""
    return shutil.copytree(whole.folder, here / "m")


@pytest.fixture
def network(monkeypatch):
    """Make `extract` use a network that counts its images, and write each batch immediately."""
    counting = CountingNetwork()
    put_in_place(counting, monkeypatch)
    monkeypatch.setattr(shards, "MAX_SECONDS", 0.0)
    return counting
