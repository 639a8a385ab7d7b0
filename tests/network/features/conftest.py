"""Weights of small networks, and the fixtures of the unit tests of features."""

import pytest
from tests.unit.features.conftest import (  # noqa: F401 - fixtures
    hub_cache,
    noise_image,
    noise_images,
    on_a_gpu,
    one_torch_thread,
    payload,
    small_hub,
)

from featscape.features import load_network


@pytest.fixture(scope="session")
def small_file(tmp_path_factory):
    """Save random weights of torchvision's shufflenet_v2_x0_5, a fast network of 5 MB."""
    return save_random("shufflenet_v2_x0_5", tmp_path_factory.mktemp("weights") / "small.pth")


@pytest.fixture(scope="session")
def small_network(small_file):
    """Return shufflenet_v2_x0_5 with the weights of `small_file`, on the CPU."""
    return load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu")


@pytest.fixture(scope="session")
def lite0_network():
    """Return efficientnet_lite0 in fp32 on the CPU."""
    return load_network("efficientnet_lite0", device="cpu", precision="fp32")


def save_random(name, path, **arguments):
    """Save random weights of a network, with batch norm statistics other than 0 and 1."""
    import torch
    from torchvision import models

    torch.manual_seed(0)
    network = models.get_model(name, weights=None, **arguments)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_(0, 0.1)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def save_weights():
    return save_random
