"""The classifier of a cached network is used for the features of its own layer only."""

import numpy as np
import pytest

from featscape.defaults import INSTALLED_MODEL
from featscape.features import compiled_networks
from featscape.records import ModelCard

WEIGHTS = "efficientnet-lite0-57934424"


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Cache a classifier of 1,280 features."""
    np.savez(tmp_path / "classifier.npz", weight=np.ones((1000, 1280)), bias=np.zeros(1000))
    monkeypatch.setattr(compiled_networks, "entry_name", lambda *_, **__: "entry")
    monkeypatch.setattr(compiled_networks, "read_entry", lambda _, **__: tmp_path)


@pytest.mark.usefixtures("cached")
def test_the_input_of_the_classifier_has_the_cached_classifier():
    card = ModelCard(INSTALLED_MODEL, "input of classifier", WEIGHTS, "0" * 64, "none", 1280)
    assert compiled_networks.read_classifier(card).weight.shape == (1000, 1280)


@pytest.mark.usefixtures("cached")
def test_another_layer_has_no_classifier():
    card = ModelCard(INSTALLED_MODEL, "blocks.3", WEIGHTS, "0" * 64, "none", 80)
    assert compiled_networks.read_classifier(card) is None
