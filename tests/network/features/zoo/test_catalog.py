"""The catalog agrees with the libraries; for another version the libraries list their networks."""

from dataclasses import astuple

import pytest
import torch

from featscape.features.zoo import catalog
from featscape.features.zoo.classifier import find_classifier
from featscape.features.zoo.libraries import open_clip, timm, torchvision

BACKENDS = [torchvision, timm, open_clip]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_rows_agree_with_the_library(backend):
    version = catalog._read()[backend.DISTRIBUTION]["version"]
    if catalog.installed_version(backend.DISTRIBUTION) != version:
        pytest.skip(f"the catalog is of {backend.DISTRIBUTION} {version}: make catalog")
    assert catalog.list_rows(backend) == backend.list_rows()
    assert catalog.list_network_names(backend) == set(backend.list_network_names())


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_version_of_a_library_lists_its_networks_itself(backend, monkeypatch):
    row = catalog.Row("new", "new", 224, ("w",), "https://example.org/w.pth")
    monkeypatch.setattr(catalog, "installed_version", lambda _distribution: "99.0")
    monkeypatch.setattr(backend, "list_rows", lambda: (row,))
    monkeypatch.setattr(backend, "list_network_names", lambda: ("new",))
    assert catalog.list_rows(backend) == (row,)
    assert catalog.list_network_names(backend) == {"new"}
    assert astuple(catalog.find_size(backend, "new")) == (None, None)


def test_the_networks_of_a_missing_library_are_listed(monkeypatch):
    monkeypatch.setattr(catalog, "installed_version", lambda _distribution: None)
    assert len(catalog.list_rows(open_clip)) > 100


def in_zoo(*names):
    return [pytest.param(name, marks=pytest.mark.zoo) for name in names]


# The networks of each family that are fast to build.
TORCHVISION = [
    *("resnet18", "squeezenet1_0"),
    *in_zoo("alexnet", "convnext_tiny", "googlenet", "inception_v3", "maxvit_t", "mobilenet_v2"),
    *in_zoo("resnet50", "shufflenet_v2_x2_0", "swin_t", "vgg11", "vit_b_16", "wide_resnet50_2"),
]


@pytest.mark.parametrize("name", TORCHVISION)
def test_sizes_agree_with_torchvisions_networks(name):
    from torchvision import models

    quiet = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"):
        network = models.get_model(name, weights=None, **quiet)
    last = network.get_submodule(find_classifier(network))
    n_features = getattr(last, "in_features", None) or last.in_channels
    assert catalog.find_size(torchvision, name).n_features == n_features


TIMM = [
    "test_vit",
    *in_zoo("convnext_atto", "efficientvit_b0", "levit_128s", "mobilenetv3_small_050"),
    *in_zoo("vit_small_patch14_dinov2", "swin_s3_tiny_224"),
]


@pytest.mark.parametrize("name", TIMM)
def test_sizes_agree_with_timms_networks(name):
    architecture = timm.build(name)
    with torch.device("meta"), torch.inference_mode():
        network = architecture.make().eval()
        n_parameters = sum(parameter.numel() for parameter in network.parameters())
        architecture.remove_classifier(network)
        output = network(
            torch.empty(
                1,
                3,
                architecture.preprocessing.input_size_px,
                architecture.preprocessing.input_size_px,
            )
        )
    assert catalog.find_size(timm, name) == catalog.NetworkSize(output.shape[1], n_parameters)


def test_only_networks_that_need_another_library_have_no_size():
    for backend, n_unknown in zip(BACKENDS, (0, 0, 10), strict=True):
        sizes = catalog._read()[backend.DISTRIBUTION]["sizes"].values()
        assert sum(not size for size in sizes) <= n_unknown
