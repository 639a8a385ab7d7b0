"""The network of a map: code and files that only the map names are not imported or opened."""

import sys
from functools import cache

import pytest

from featscape import extract, find_images, make_map
from featscape.errors import InputError, ModelError
from featscape.features import explain_refusal, list_models, load_for_map
from featscape.features.zoo import catalog
from featscape.features.zoo.own.code import SET_BY_FACTORY
from featscape.records import ModelCard


def card_of(name, weights="w", **facts):
    return ModelCard(name, "l", weights, "0" * 64, "p", 8, **facts)


@pytest.mark.parametrize(
    "name",
    [
        "payload:tiny",
        "os:abort",
        "http.server:test",
        "timm:hf-hub:someone/theirs",
        "timm:hf_hub:someone/theirs",
        "timm:local-dir:.",
        "open_clip:hf-hub:someone/theirs",
        "hf-hub:someone/theirs",
        "resnet101:payload",
        "payload",
        "",
        "http://127.0.0.1:1/net.onnx",
        "net.onnx",
        "/dev/zero.onnx",
    ],
)
def test_code_and_files_that_a_map_names_are_not_loaded(payload, name):
    refusal = explain_refusal(card_of(name))
    assert refusal.startswith("this map was made with ")
    assert "--model" in refusal
    with pytest.raises(ModelError, match="--model"):
        load_for_map(card_of(name))
    assert not payload.exists()
    assert "payload" not in sys.modules


@pytest.mark.parametrize("weights", ["/dev/zero", "w.pth", "http://127.0.0.1:1/w.pth", "payload"])
@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet101", "timm:resnet50.a1_in1k"])
def test_files_of_weights_that_a_map_names_are_not_opened(name, weights):
    assert "--weights FILE" in explain_refusal(card_of(name, weights))
    with pytest.raises(ModelError, match="--weights FILE"):
        load_for_map(card_of(name, weights))


def test_a_map_of_a_factory_and_a_file_of_weights_needs_the_file():
    card = card_of("networks:tiny", "tuned.ckpt")
    assert "with a file of weights" in explain_refusal(card, model="networks:tiny")
    assert explain_refusal(card, model="networks:tiny", weights="tuned.ckpt") is None
    assert explain_refusal(card_of("networks:tiny", SET_BY_FACTORY), model="networks:tiny") is None


def test_listed_networks_with_the_librarys_weights_are_not_refused(monkeypatch):
    for name in ("list_rows", "list_network_names"):  # each call goes through the whole catalog
        monkeypatch.setattr(catalog, name, cache(getattr(catalog, name)))
    for entry in list_models():
        for weights in entry.weights:
            assert explain_refusal(card_of(entry.name, weights)) is None, entry.name


def mine():
    """Stand for the function that returns a network of the user."""


class Module:
    """Stand for a network of the user."""


class TorchLike:
    """Stand for the class of a network of PyTorch, which has this method."""

    def named_modules(self):
        return ()


def test_the_class_of_a_network_is_refused_with_the_instance_to_give(photos):
    message = r"not its class; got the class TorchLike\. Give TorchLike\(\)\.$"
    with pytest.raises(InputError, match=message):
        extract(find_images(photos), model=TorchLike)


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (mine, f"got a function. Give '{__name__}:mine'."),
        (Module, f"got the class Module. Give '{__name__}:Module'."),
        (3, "got an int. Write"),
        (Module(), "got a Module. Write a function that returns the network"),
    ],
)
def test_a_network_is_given_as_a_name(given, remedy, made, photos, here):
    calls = [
        lambda: extract(find_images(photos), model=given),
        lambda: make_map(photos, "n", model=given),
        lambda: made.place(photos / "blue" / "00.png", model=given),
        lambda: made.place_images(photos, model=given),
        lambda: made.search(image=photos / "blue" / "00.png", model=given),
    ]
    for call in calls:
        with pytest.raises(InputError, match="model must be a name") as failure:
            call()
        assert remedy in str(failure.value)
    assert not (here / "n").exists()
