"""Fixtures: weights of small networks, small images, and one PyTorch thread."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featscape.errors import ImageError
from featscape.records import Decoded, ImageSet


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread():
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def small_file(tmp_path_factory):
    """Save random weights of torchvision's shufflenet_v2_x0_5, a fast network of 5 MB."""
    return save_random("shufflenet_v2_x0_5", tmp_path_factory.mktemp("weights") / "small.pth")


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


@pytest.fixture
def noise_images():
    """Make an ImageSet of n noisy images; those named in `broken` cannot be decoded."""

    def make(n_images, *, broken=(), size_px=(40, 30)):
        def decode(content, **_options):
            index = int(content)
            if index in broken:
                raise ImageError(broken[index])
            return Decoded(noise(index, size_px), size_px)

        return ImageSet(
            source=Path("pictures"),
            paths=tuple(f"{i}.png" for i in range(n_images)),
            labels=tuple("ab"[i % 2] for i in range(n_images)),
            contents=Stems(),
            decode=decode,
        )

    return make


class Stems:
    """Files whose content is the stem of their name."""

    def read(self, path):
        return Path(path).stem.encode()


def noise(seed, size_px):
    width, height = size_px
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.fixture
def noise_image():
    return noise


@pytest.fixture
def on_a_gpu():
    """Return a network as `load_network` opens it for a GPU, but run by PyTorch on the CPU."""
    import torch

    from featscape.features.engines.torch import TorchEngine

    def move(network):
        preprocessing = network.preprocessing
        engine = TorchEngine(
            network.module,
            device=torch.device("cpu"),
            mean=preprocessing.mean,
            std=preprocessing.std,
            geometry=preprocessing.resizing,
        )
        inference = network.inference
        return replace(
            network,
            inference=None if inference is None else replace(inference, engine=engine.name),
            device=torch.device("cuda"),
            engine=engine,
            resizing=preprocessing.resizing,
        )

    return move
