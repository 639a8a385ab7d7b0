"""The user's own network, found in the current folder."""

import importlib
import re
import sys

import numpy as np
import pytest
import torch

from featscape.errors import ModelError
from featscape.features import (
    ExtractOptions,
    NetworkRequest,
    list_layers,
    load_network,
    reload_network,
    run_extraction,
)
from featscape.features.zoo.fingerprint import card_key
from helpers.networks.user_modules import MODULE, READING
from helpers.notes import Notes

pytestmark = pytest.mark.usefixtures("own")
IGNORING_DEPRECATION = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)


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


def test_a_factory_that_draws_new_weights_at_each_call_is_explained():
    card = load_network("own_networks:unseeded", device="cpu").card
    message = (
        r"own_networks:unseeded the weights_sha256 was \w+, is \w+\. Load trained weights in the "
        r"factory, or set a seed there with torch\.manual_seed\(0\), and make the map again"
    )
    with pytest.raises(ModelError, match=message):
        reload_network(card, device="cpu")


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "original"),
    [("compiled", "tiny"), ("compiled_inside", "twice"), ("compiled_in_place", "twice")],
)
def test_a_factory_may_return_a_compiled_network(name, original):
    compiled, plain = (
        load_network(f"own_networks:{one}", device="cpu").card for one in (name, original)
    )
    assert (compiled.layer, compiled.weights_sha256) == (plain.layer, plain.weights_sha256)
    assert compiled.fingerprint == plain.fingerprint


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


def test_tensors_beside_the_network_in_a_checkpoint_are_reported(tmp_path):
    default = load_network("own_networks:tiny", device="cpu").card
    state = sys.modules["own_networks"].Tiny().state_dict()
    state = {key: tensor + 1 for key, tensor in state.items()}
    torch.save(state, tmp_path / "own.pth")
    wrapped = {f"model.{key}": tensor for key, tensor in state.items()}
    path, notes = tmp_path / "last.ckpt", Notes()

    def load(state):
        torch.save({"state_dict": state}, path)
        return load_network("own_networks:tiny", weights=path, device="cpu", progress=notes)

    card = load({**wrapped, "loss.weight": torch.ones(4)}).card
    plain = load_network("own_networks:tiny", weights=tmp_path / "own.pth", device="cpu").card
    assert card.fingerprint == plain.fingerprint != default.fingerprint
    assert notes.lines == [
        "last.ckpt: removed 'model.' from the names of the weights",
        "last.ckpt: 1 further tensor is not used: loss.weight",
    ]
    message = (
        r"last\.ckpt do not fit own_networks:tiny: misshaped: head\.bias of shape \(7,\) instead "
        r"of \(4,\)\. Name the network .* \(model=\), or load the weights in tiny\. The names were "
        r"compared without the prefix 'model\.'\.$"
    )
    with pytest.raises(ModelError, match=message):
        load({**wrapped, "model.head.bias": torch.ones(7), "loss.weight": torch.ones(4)})
    averaged = {f"ema.module.{key}": tensor for key, tensor in state.items()}
    message = r"one network; .* below 'ema\.module\.' and 'model\.'\. Save the tensors below one of"
    with pytest.raises(ModelError, match=message):
        load({**wrapped, **averaged, "loss.weight": torch.ones(4)})


def test_pytorch_runs_a_network_whose_path_depends_on_the_image():
    notes = Notes()
    rare = load_network("own_networks:Rare", device="cpu", progress=notes)
    tiny = load_network("own_networks:tiny", device="cpu")
    dark, light = (np.full((224, 224, 3), value, np.uint8) for value in (0, 255))
    np.testing.assert_allclose(rare.run([dark]), tiny.run([dark]), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(rare.run([light]), -tiny.run([light]), rtol=1e-3, atol=1e-4)
    (line,) = notes.lines
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
    with pytest.raises(ModelError, match=r"must be a layer of .*got 'body\.0'") as error:
        load_network(name, layers=["body.0"])
    assert str(error.value).endswith(f"`featscape layers {name}` lists them.")


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
        ("own_networks:in_torchscript", r"is a network in TorchScript\. .*export it to ONNX"),
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
        ("own_networks:Headless", r"raises RuntimeError \(.*\) in .*own_networks\.py, line 38[,.]"),
        ("own_networks:Wordless", r"raises ValueError in .*own_networks\.py, line 42[,.]"),
        ("own_networks:of_gray", r"channels.*\. Let a network for one channel take RGB images"),
        (
            "own_networks:OfTwo",
            r"'text'\) in PyTorch, .*\. featscape gives a network the images only",
        ),
        (
            "own_networks:Passing",
            r"'text'\) in .*own_networks\.py, line \d+.*\. Fix the code there",
        ),
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
    images, notes = noise_images(4), Notes()

    def run():
        for module in ("own_reading", "own_helper"):
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
        request = NetworkRequest("own_reading:Reading", device="cpu")
        return run_extraction(images, request, ExtractOptions(work=own / "work", progress=notes))

    before = run()
    assert card_key(run().model) == card_key(before.model)
    assert "continuing: 4 of at most 4 different images were done" in notes.lines
    (own / name).write_text(text)
    after = run()
    assert card_key(after.model) == card_key(before.model)  # the hashes are equal
    assert (after.values > 1.005 * before.values).any()
    assert any(
        line.startswith("the results of the interrupted run are not used") for line in notes.lines
    )
    with pytest.raises(ModelError, match="features of a fixed image differ by"):
        reload_network(before.model, device="cpu")


def test_exceptions_of_featscapes_own_code_are_not_translated(monkeypatch):
    def find_classifier(_module):
        raise KeyError("a mistake of ours")

    monkeypatch.setattr("featscape.features.zoo.own.code.find_classifier", find_classifier)
    with pytest.raises(KeyError, match="ours"):
        load_network("own_networks:tiny", device="cpu")
