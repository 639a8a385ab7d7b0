"""Networks that are loaded from the cache."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from featscape.features import (
    compiled_networks,
    load_network,
    loading,
    read_classifier,
    reload_network,
)
from featscape.features.cache_folder import cache_folder
from featscape.features.compiled_networks import entry_name
from featscape.features.zoo.fingerprint import make_probe
from featscape.features.zoo.libraries import lite0
from featscape.progress import SilentProgress

MODEL = "efficientnet_lite0"


class Notes(SilentProgress):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Use an empty cache, which the other tests of networks do not use."""
    for module in (compiled_networks, loading):
        monkeypatch.setattr(module, "entry_name", entry_name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub._hub_dir", None)


@pytest.fixture
def n_built(monkeypatch):
    """Count the networks that are built, in a list."""
    built = []

    def build(model, **options):
        built.append(model)
        return original(model, **options)

    original = loading.build_network
    monkeypatch.setattr(loading, "build_network", build)
    return built


def features(network):
    size_px = network.preprocessing.input_size_px
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return network.run([make_probe(size_px), network.prepare(image)])


@pytest.mark.parametrize(
    "options", [{}, {"layers": ("blocks.3", "blocks.5"), "pool": "max"}, {"precision": "fp32"}]
)
def test_a_cached_network_has_the_card_and_the_bits_of_the_built_network(options, n_built):
    built, cached = (load_network(MODEL, device="cpu", **options) for _ in range(2))
    assert n_built == [MODEL]
    assert cached.module is None
    assert asdict(cached.card) == asdict(built.card)
    assert cached.preprocessing.crop == built.preprocessing.crop
    np.testing.assert_array_equal(features(cached), features(built))


def test_other_layers_and_weights_of_another_name_are_built(n_built, tmp_path):
    load_network(MODEL, device="cpu")
    load_network(MODEL, device="cpu", layers=("blocks.3",))
    weights = tmp_path / "mine.pth"
    weights.write_bytes(lite0.find_file().read_bytes())
    assert load_network(MODEL, device="cpu", weights=weights).card.weights == str(weights)
    moved = weights.rename(tmp_path / "moved.pth")
    assert load_network(MODEL, device="cpu", weights=moved).card.weights == str(moved)
    assert len(n_built) == 3


def test_another_version_of_a_library_has_another_name(monkeypatch):
    given = {"weights": None, "layers": (), "pool": None}
    name = entry_name(MODEL, **given)
    assert name == entry_name(MODEL, **given)
    monkeypatch.setattr("featscape.features.compiled_networks.version", lambda _library: "0")
    assert entry_name(MODEL, **given) != name


def test_only_networks_of_libraries_with_weights_on_this_disk_have_a_name():
    given = {"weights": None, "layers": (), "pool": None}
    assert entry_name("module:factory", **given) is None
    assert entry_name("network.onnx", **given) is None
    assert entry_name("resnet18", **given) is None


@pytest.mark.parametrize("file", ["network.bin", "network.xml", "network.json", "contents.json"])
def test_a_damaged_entry_is_reported_and_replaced(file, n_built):
    load_network(MODEL, device="cpu")
    (folder,) = cache_folder().iterdir()
    damaged = bytearray((folder / file).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / file).write_bytes(damaged)
    progress = Notes()
    load_network(MODEL, device="cpu", progress=progress)
    assert len(progress.lines) == 1
    assert progress.lines[0].startswith("the cached network is damaged and is converted again")
    assert str(folder / file) in progress.lines[0]
    load_network(MODEL, device="cpu", progress=progress)
    assert (len(progress.lines), len(n_built)) == (1, 2)


def test_a_cache_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "hub").write_text("a file")
    progress = Notes()
    load_network(MODEL, device="cpu", progress=progress)
    (line,) = progress.lines
    assert line == f"the network cannot be cached in {tmp_path}/hub/featscape: Not a directory"


def test_the_classifier_is_cached_with_the_network(monkeypatch):
    card = load_network(MODEL, device="cpu").card
    expected = read_classifier(card)
    module = "featscape.features.zoo.classifier_weights.read_state"
    monkeypatch.setattr(module, lambda _path: pytest.fail("the weights were read"))
    assert expected.weight.shape == (1000, 1280)
    np.testing.assert_array_equal(read_classifier(card).weight, expected.weight)


@pytest.mark.parametrize("change", [{"layer": "blocks.3"}, {"weights": "mine.pth"}])
def test_the_cached_classifier_belongs_to_its_layer_and_weights(change):
    card = load_network(MODEL, device="cpu").card
    assert read_classifier(replace(card, **change)) is None


def test_a_map_in_bf16_is_continued_without_bf16_in_the_processor(monkeypatch, n_built):
    from featscape.features.engines.openvino import OpenVinoEngine

    card = load_network(MODEL, device="cpu").card
    original = OpenVinoEngine.__init__

    def without_bf16(self, *arguments, **options):
        original(self, *arguments, **options)
        self.precisions = ("fp32",)

    monkeypatch.setattr(OpenVinoEngine, "__init__", without_bf16)
    network = reload_network(replace(card, precision="bf16"), device="cpu")
    assert network.engine.name.startswith("PyTorch")
    assert len(n_built) == 2


def test_the_entries_that_were_used_least_recently_are_deleted(monkeypatch):
    from featscape.features import cache_folder as module

    def write(folder):
        (folder / "file").write_bytes(bytes(1000))

    monkeypatch.setattr(module, "_MAX_BYTES", 3500)
    for name in "abc":
        module.write_entry(name, write)
    for number, name in enumerate("abc"):
        module.os.utime(cache_folder() / name / "contents.json", (number, number))
    module.read_entry("a")
    module.write_entry("d", write)
    assert {folder.name for folder in cache_folder().iterdir()} == {"a", "c", "d"}
    assert json.loads((cache_folder() / "d" / "contents.json").read_text()).keys() == {"file"}
