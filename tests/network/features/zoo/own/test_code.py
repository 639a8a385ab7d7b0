"""The user's own network, found in the current folder."""

import importlib
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from featscape.errors import ModelError
from featscape.features import extract, list_layers, load_network, reload_network
from featscape.features.extraction.shards import read_shards
from featscape.features.zoo.fingerprint import card_key
from featscape.progress import SilentProgress
from featscape.records import Decoded

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

# Networks with defects that appear only when they run, and their helper module.
DEFECTIVE = """
import sys
import torch
from torch import nn
import own_helper

class Pooled(nn.Module):
    preprocessing = {"input_size_px": 32}

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, 8, 3, 2)

    def forward(self, x):
        return self.layer(x).mean((2, 3))

class Centered(Pooled):
    def forward(self, x):
        rows = super().forward(x)
        return rows - rows.mean(0)

class Normalized(Pooled):
    def forward(self, x):
        maps = nn.functional.batch_norm(self.layer(x), None, None, training=True)
        return maps.amax((2, 3))

class Random(Pooled):
    def forward(self, x):
        return nn.functional.dropout(super().forward(x), training=True)

class Widening(Pooled):
    def forward(self, x):
        return super().forward(x).repeat(1, len(x))

class WideningLater(Pooled):
    def forward(self, x):
        return super().forward(x).repeat(1, 1 if x.mean() < 1 else 2)

class Leaving(Pooled):
    def forward(self, x):
        sys.exit(7)

class LeavingLater(Pooled):
    def forward(self, x):
        if x.mean() > 1:
            sys.exit(7)
        return super().forward(x)

def leaving_factory():
    sys.exit()

class Complex(Pooled):
    def forward(self, x):
        return torch.fft.fft(super().forward(x))

class Stopping(Pooled):
    def forward(self, x):
        if x.mean() > 1:
            raise StopIteration
        return super().forward(x)

class Failing(Pooled):
    def forward(self, x):
        if x.mean() > 1:
            raise KeyError("bright")
        return super().forward(x)

class Helped(Pooled):
    def forward(self, x):
        return own_helper.fail(super().forward(x))

def of_helper():
    return own_helper.Failing()

class Avoiding(Pooled):
    def forward(self, x):
        return super().forward(x) if x.mean() < 1 else x.mean((2, 3)).repeat(1, 3)[:, :8]

class HalfPrecision(Pooled):
    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(x).float()
"""
HELPER = """
from torch import nn

def fail(x):
    raise ValueError("no luck")

class Failing(nn.Module):
    def forward(self, x):
        return fail(x)
"""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(MODULE)
    (tmp_path / "own_defective.py").write_text(DEFECTIVE)
    (tmp_path / "own_helper.py").write_text(HELPER)
    (tmp_path / "garbled.py").write_text("def any(:\n")
    (tmp_path / "needy.py").write_text("import a_module_that_is_missing\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    names = ("own_networks", "own_defective", "own_helper", "own_reading", "needy", "garbled")
    for name in names:
        sys.modules.pop(name, None)


def test_features_are_the_input_of_the_classifier_by_default(noise_image):
    before = list(sys.path)
    network = load_network("own_networks:tiny", device="cpu")
    assert sys.path == before
    card = network.card
    assert (card.layer, card.n_features) == ("input of head", 8)
    assert card.weights == "set by the factory"
    assert "shorter side resized to 256 px (bilinear), 224 x 224 px" in card.preprocessing
    assert "mean (0.485, 0.456, 0.406)" in card.preprocessing
    assert reload_network(card, device="cpu").card == card
    assert network.run([network.prepare(noise_image(0, (60, 50)))]).shape == (1, 8)


def test_the_hash_of_the_code_is_on_the_card(own):
    card = load_network("own_networks:tiny", device="cpu").card
    sys.modules.pop("own_networks")
    (own / "own_networks.py").write_text(MODULE.replace("mean((2, 3))", "amax((2, 3))"))
    changed = load_network("own_networks:tiny", device="cpu").card
    assert changed.weights_sha256 == card.weights_sha256
    assert changed != card
    with pytest.raises(ModelError, match="the code_sha256 was"):
        reload_network(card, device="cpu")


def test_the_factorys_preprocessing_is_used(noise_image):
    network = load_network("own_networks:preprocessed", layers=("body.0",), device="cpu")
    assert network.prepare(noise_image(0, (60, 50))).shape == (32, 32, 3)
    assert "shorter side resized to 40 px" in network.card.preprocessing
    assert "mean (0.5, 0.5, 0.5)" in network.card.preprocessing


def test_a_network_that_ends_in_a_map_is_pooled():
    card = load_network("own_networks:body", device="cpu").card
    assert (card.layer, card.pool, card.n_features) == ("output", "avg", 8)
    assert reload_network(card, device="cpu").card == card


def test_weights_can_be_loaded_from_a_file(tmp_path, noise_image):
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


def test_pytorch_runs_a_network_whose_path_depends_on_the_image():
    lines = []
    notes = SilentProgress()
    notes.note = lines.append
    rare = load_network("own_networks:Rare", device="cpu", progress=notes)
    tiny = load_network("own_networks:tiny", device="cpu")
    dark, light = (np.full((224, 224, 3), value, np.uint8) for value in (0, 255))
    np.testing.assert_allclose(rare.run([dark]), tiny.run([dark]), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(rare.run([light]), -tiny.run([light]), rtol=1e-3, atol=1e-4)
    (line,) = lines
    assert re.fullmatch(
        r"own_networks:Rare runs on PyTorch \S+: its control flow may depend on the image, which "
        "OpenVINO does not support",
        line,
    )


@IGNORING_DEPRECATION
def test_a_part_in_torchscript_runs_but_its_layers_are_not_found(noise_image):
    name = "own_networks:partly_in_torchscript"
    network, plain = load_network(name), load_network("own_networks:tiny")
    assert network.card.layer == "input of head"
    pixels = [network.prepare(noise_image(0, (250, 250)))]
    np.testing.assert_allclose(network.run(pixels), plain.run(pixels), rtol=1e-3, atol=1e-4)
    with pytest.raises(ModelError, match=r"must be a layer of .*got 'body\.0'"):
        load_network(name, layers=["body.0"])


@IGNORING_DEPRECATION
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_networks:tinny", r"own_networks does not define this name\. Did you mean tiny"),
        ("own_networks:MODULE", r"own_networks does not define this name"),
        ("own_networks:sys", r"does not define this name"),
        ("own_networks:torch", r"own_networks defines a module"),
        ("own_network:tiny", r"'own_network' for .* is neither in .* Change to the folder"),
        ("own_networks.sub:tiny", r"'own_networks\.sub' for"),
        ("resnet1001:IMAGENET1K_V1", r"Did you mean resnet101:IMAGENET1K_V1"),
        (
            "own_networks:with_arguments",
            r"must work without arguments; own_networks:with_arguments requires n\. Give",
        ),
        ("own_networks:in_torchscript", r"returned a network in TorchScript\. .*export it to ONNX"),
        ("own_networks:none", r"must return a torch\.nn\.Module; .* returned a NoneType"),
        ("own_networks:typo", r"keys input_size_px, resize_px.*got \{'size': 32\}"),
        ("own_networks:text", r"got 'imagenet'"),
        ("own_networks:gray", r"a positive std of three channels"),
        ("own_networks:small", r"a resize_px of at least input_size_px"),
    ],
)
def test_invalid_factories_are_an_error_of_one_line(name, message):
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
def test_an_exception_of_the_users_code_is_one_line_with_its_location(name, message, look):
    with pytest.raises(ModelError, match=message) as caught:
        look(name)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("name", ["Centered", "Normalized", "Random"])
def test_features_that_depend_on_the_batch_or_on_chance_are_refused(name):
    with pytest.raises(ModelError, match=rf"must not depend on chance .* those of \S+:{name} do"):
        load_network(f"own_defective:{name}", device="cpu")


def test_a_network_that_computes_in_bfloat16_passes_the_check_of_its_batches():
    assert load_network("own_defective:HalfPrecision", device="cpu").card.n_features == 8


def test_a_number_of_features_that_depends_on_the_batch_is_refused():
    with pytest.raises(
        ModelError, match=r"Widening gives \(1, 8\) for 1 image and \(2, 16\) for 2"
    ):
        load_network("own_defective:Widening", device="cpu")


def test_complex_features_are_refused():
    with pytest.raises(ModelError, match=r"output of \S+:Complex returns torch\.complex64"):
        load_network("own_defective:Complex", device="cpu")


_RAISES_KEY_ERROR = '            raise KeyError("bright")'


def place_of(code):
    """Return a pattern for the file and number of a line of `DEFECTIVE`."""
    return rf"in \S*own_defective\.py, line {1 + DEFECTIVE.splitlines().index(code)}\."


@pytest.mark.parametrize(
    ("name", "code"), [("Leaving", "        sys.exit(7)"), ("leaving_factory", "    sys.exit()")]
)
def test_sys_exit_in_the_users_code_is_an_error(name, code):
    with pytest.raises(ModelError, match=rf"raises SystemExit .*{place_of(code)}"):
        load_network(f"own_defective:{name}", device="cpu")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Helped", r"raises ValueError \(no luck\) in \S*own_helper\.py, line 5\."),
        ("of_helper", r"raises ValueError \(no luck\) in \S*own_helper\.py, line 5\."),
    ],
)
def test_an_error_in_a_helper_module_names_its_line(name, message):
    with pytest.raises(ModelError, match=message):
        load_network(f"own_defective:{name}", device="cpu")


@pytest.mark.parametrize(
    ("name", "layers", "message"),
    [
        ("Stopping", (), f"raises StopIteration {place_of('            raise StopIteration')}"),
        ("Failing", (), rf"KeyError \('bright'\) {place_of(_RAISES_KEY_ERROR)}"),
        ("LeavingLater", (), rf"SystemExit \(7\) {place_of('            sys.exit(7)')}"),
        ("WideningLater", (), r"features per image, here 8; .* gives \(1, 16\)"),
        ("Avoiding", ("layer",), r"layer was not computed for an image of this dataset"),
    ],
)
def test_an_exception_during_a_run_is_one_line_and_keeps_the_computed_features(
    tmp_path, noise_images, name, layers, message
):
    def decode(content, **_options):  # the first two images are dark, the others are bright
        color = "white" if int(content) >= 2 else "black"
        return Decoded(Image.new("RGB", (40, 40), color), (40, 40))

    network = load_network(f"own_defective:{name}", layers=layers, device="cpu")
    images = replace(noise_images(4), decode=decode)
    with pytest.raises(ModelError, match=message) as caught:
        extract(images, model=network, batch_size=1, work=tmp_path / "work")
    assert "\n" not in str(caught.value)
    (folder,) = (tmp_path / "work").iterdir()
    parts = read_shards(folder, card=network.card).parts
    assert sum(len(part.digests) for part in parts) == 2


READING = """
import json
import torch
from torch import nn
import own_helper

class Reading(nn.Module):
    preprocessing = {"input_size_px": 32}

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, 8, 3, 2)
        with open("own_settings.json") as file:
            self.factor = json.load(file)["factor"]

    def forward(self, x):
        return own_helper.pool(self.layer(x)) * self.factor
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own_helper.py", "def pool(x):\n    return x.mean((2, 3)) * 1.01\n"),
        ("own_settings.json", '{"factor": 1.01}'),
    ],
)
def test_changes_of_imported_modules_and_read_files_are_detected(own, noise_images, name, text):
    (own / "own_reading.py").write_text(READING)
    (own / "own_helper.py").write_text("def pool(x):\n    return x.mean((2, 3))\n")
    (own / "own_settings.json").write_text('{"factor": 1}')
    images, lines = noise_images(4), []
    notes = SilentProgress()
    notes.note = lines.append

    def run():
        for module in ("own_reading", "own_helper"):
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
        model = "own_reading:Reading"
        return extract(images, model=model, device="cpu", work=own / "work", progress=notes)

    before = run()
    assert card_key(run().model) == card_key(before.model)
    assert "continuing: 4 of 4 images were done" in lines
    (own / name).write_text(text)
    after = run()
    assert card_key(after.model) == card_key(before.model)  # the hashes are equal
    assert (after.values > 1.005 * before.values).any()
    assert any(line.startswith("the results of the interrupted run are not used") for line in lines)
    with pytest.raises(ModelError, match="features of a fixed image differ by"):
        reload_network(before.model, device="cpu")


def test_exceptions_of_featscapes_own_code_are_not_translated(monkeypatch):
    def find_classifier(_module):
        raise KeyError("a mistake of ours")

    monkeypatch.setattr("featscape.features.zoo.own.code.find_classifier", find_classifier)
    with pytest.raises(KeyError, match="ours"):
        load_network("own_networks:tiny", device="cpu")
