"""The user's own network, found in the current folder."""

import re
import sys

import numpy as np
import pytest
import torch

from featscape.errors import ModelError
from featscape.features import list_layers, load_network, reload_network
from featscape.progress import SilentProgress

IGNORING_DEPRECATION = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)
MODULE = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, n_classes)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))

def tiny():
    return Tiny()

def preprocessed():
    network = Tiny()
    half = [0.5] * 3
    network.preprocessing = {"input_size_px": 32, "resize_px": 40, "mean": half, "std": half}
    return network

def body():
    return Tiny().body

def with_arguments(n):
    return Tiny(n)

def none():
    return None

def broken():
    raise KeyError("a mistake")

class Headless(Tiny):
    def forward(self, x):
        return self.head(self.body(x))

class Wordless(Tiny):
    def forward(self, x):
        raise ValueError

def with_preprocessing(value):
    def make():
        return Tiny()
    make.preprocessing = value
    return make

typo = with_preprocessing({"size": 32})
text = with_preprocessing("imagenet")
gray = with_preprocessing({"mean": [0.5], "std": [0.5]})
small = with_preprocessing({"input_size_px": 64, "resize_px": 32})

def in_torchscript():
    return torch.jit.script(Tiny())

def partly_in_torchscript():
    network = Tiny()
    network.body = torch.jit.script(network.body)
    return network

class Rare(Tiny):
    def forward(self, x):
        seen = self.body(x)
        return self.head((-seen if x.mean() > 1 else seen).mean((2, 3)))

def of_gray():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten())
"""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(MODULE)
    (tmp_path / "garbled.py").write_text("def any(:\n")
    (tmp_path / "needy.py").write_text("import a_module_that_is_missing\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("own_networks", "needy", "garbled"):
        sys.modules.pop(name, None)


def test_its_classifiers_input_by_default(noise_image):
    before = list(sys.path)
    network = load_network("own_networks:tiny", device="cpu")
    assert sys.path == before
    card = network.card
    assert (card.layer, card.n_features) == ("input of head", 8)
    assert card.weights == "those of the factory"
    assert "shorter side resized to 256 px (bilinear), 224 x 224 px" in card.preprocessing
    assert "mean (0.485, 0.456, 0.406)" in card.preprocessing
    assert reload_network(card, device="cpu").card == card
    assert network.run([network.prepare(noise_image(0, (60, 50)))]).shape == (1, 8)


def test_its_code_is_on_the_card(own):
    card = load_network("own_networks:tiny", device="cpu").card
    sys.modules.pop("own_networks")
    (own / "own_networks.py").write_text(MODULE.replace("mean((2, 3))", "amax((2, 3))"))
    changed = load_network("own_networks:tiny", device="cpu").card
    assert changed.weights_sha256 == card.weights_sha256
    assert changed != card
    with pytest.raises(ModelError, match="the code_sha256 was"):
        reload_network(card, device="cpu")


def test_it_tells_its_preprocessing(noise_image):
    network = load_network("own_networks:preprocessed", layers=("body.0",), device="cpu")
    assert network.prepare(noise_image(0, (60, 50))).shape == (32, 32, 3)
    assert "shorter side resized to 40 px" in network.card.preprocessing
    assert "mean (0.5, 0.5, 0.5)" in network.card.preprocessing


def test_a_network_that_ends_in_a_map_is_pooled():
    card = load_network("own_networks:body", device="cpu").card
    assert (card.layer, card.pool, card.n_features) == ("output", "avg", 8)
    assert reload_network(card, device="cpu").card == card


def test_its_weights_may_come_from_a_file(tmp_path, noise_image):
    state = {"body.0.weight": torch.ones(8, 3, 3, 3), "body.0.bias": torch.zeros(8)} | {
        f"body.1.{k}": torch.ones(8) for k in ("weight", "bias", "running_mean", "running_var")
    }
    state |= {"head.weight": torch.ones(4, 8), "head.bias": torch.ones(4)}
    torch.save(state, tmp_path / "own.pth")
    network = load_network("own_networks:tiny", weights=tmp_path / "own.pth", device="cpu")
    pixels = [network.prepare(noise_image(0, (60, 50)))]
    assert np.unique(network.run(pixels).round(3)).size == 1
    torch.save({"body.0.weight": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"misshaped: body\.0\.weight of shape \(1,\)"):
        load_network("own_networks:tiny", weights=tmp_path / "other.pth")


def test_pytorch_runs_what_takes_another_way_for_some_images():
    said = []
    notes = SilentProgress()
    notes.note = said.append
    rare = load_network("own_networks:Rare", device="cpu", progress=notes)
    tiny = load_network("own_networks:tiny", device="cpu")
    dark, light = (np.full((224, 224, 3), value, np.uint8) for value in (0, 255))
    np.testing.assert_allclose(rare.run([dark]), tiny.run([dark]), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(rare.run([light]), -tiny.run([light]), rtol=1e-3, atol=1e-4)
    (line,) = said
    assert re.fullmatch(
        r"own_networks:Rare runs on PyTorch \S+: it may choose its path by the image, and OpenVINO "
        "would keep to one",
        line,
    )


@IGNORING_DEPRECATION
def test_what_is_partly_in_torchscript_runs_and_has_no_layers_in_there(noise_image):
    name = "own_networks:partly_in_torchscript"
    network, plain = load_network(name), load_network("own_networks:tiny")
    assert network.card.layer == "input of head"
    pixels = [network.prepare(noise_image(0, (250, 250)))]
    np.testing.assert_allclose(network.run(pixels), plain.run(pixels), rtol=1e-3, atol=1e-4)
    with pytest.raises(ModelError, match=r"must be one of .*got 'body\.0'"):
        load_network(name, layers=["body.0"])


@IGNORING_DEPRECATION
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_networks:tinny", r"own_networks has no such name\. Did you mean tiny"),
        ("own_networks:MODULE", r"own_networks has no such name"),
        ("own_networks:sys", r"has no such name"),
        ("own_networks:torch", r"own_networks has a module there"),
        ("own_network:tiny", r"there is no 'own_network' for .* Change to the folder"),
        ("own_networks.sub:tiny", r"there is no 'own_networks\.sub' for"),
        ("resnet1001:IMAGENET1K_V1", r"Did you mean resnet101:IMAGENET1K_V1"),
        (
            "own_networks:with_arguments",
            r"must do without arguments; own_networks:with_arguments is missing a required",
        ),
        ("own_networks:in_torchscript", r"returned one in TorchScript\. .*export it to ONNX"),
        ("own_networks:none", r"must return a torch\.nn\.Module; .* returned a NoneType"),
        ("own_networks:typo", r"keys input_size_px, resize_px.*got \{'size': 32\}"),
        ("own_networks:text", r"got 'imagenet'"),
        ("own_networks:gray", r"a std above 0 of three channels"),
        ("own_networks:small", r"a resize_px no smaller"),
    ],
)
def test_mistakes_are_one_line(name, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_network(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "own_networks:broken",
            r"raises KeyError \('a mistake'\) in .*own_networks\.py, line 34\.",
        ),
        ("own_networks:Headless", r"raises RuntimeError \(.*\) in .*own_networks\.py, line 38\."),
        ("own_networks:Wordless", r"raises ValueError in .*own_networks\.py, line 42\."),
        ("needy:any", r"raises ModuleNotFoundError \(.*a_module.*\) in .*needy\.py, line 1\."),
        ("garbled:any", r"raises SyntaxError \(.*\) in .*garbled\.py, line 1\."),
    ],
)
@pytest.mark.parametrize("look", [load_network, list_layers])
def test_what_the_users_code_raises_is_one_line_with_its_place(name, message, look):
    with pytest.raises(ModelError, match=message) as caught:
        look(name)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_what_our_code_raises_is_raised(monkeypatch):
    def find_classifier(_module):
        raise KeyError("a mistake of ours")

    monkeypatch.setattr("featscape.features.own_network.find_classifier", find_classifier)
    with pytest.raises(KeyError, match="ours"):
        load_network("own_networks:tiny", device="cpu")
