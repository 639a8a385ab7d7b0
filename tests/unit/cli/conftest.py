"""A map of features with planted label errors."""

import shutil

import numpy as np
import pytest

from featscape import embed_features
from helpers.maps.planted import clouds, named, with_errors


@pytest.fixture(scope="session")
def map_with_errors(tmp_path_factory):
    """Make a map of 120 items with 6 wrong labels, and return its folder."""
    folder = tmp_path_factory.mktemp("words")
    features, codes = clouds(120)
    np.save(folder / "features.npy", features)
    (folder / "labels.txt").write_text("\n".join(named(with_errors(codes, 0.05)[0])) + "\n")
    files = {"labels": folder / "labels.txt"}
    return embed_features(folder / "features.npy", folder / "words-map", **files).folder


@pytest.fixture
def made(map_with_errors, tmp_path, monkeypatch):
    """Return a copy of the map with label errors, beside its features in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(map_with_errors.parent / "features.npy", tmp_path)
    return shutil.copytree(map_with_errors, tmp_path / "words-map")
