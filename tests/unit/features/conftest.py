"""Fixtures: small networks and their weights, a hub, small images, and one PyTorch thread."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featscape.errors import ImageError
from featscape.records import Decoded, ImageSet
from helpers.web_server import Handler, serve


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread():
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


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
        resizing = preprocessing.resizing
        engine = TorchEngine(
            network.module,
            device=torch.device("cpu"),
            mean=preprocessing.mean,
            std=preprocessing.std,
            geometry=resizing,
        )
        inference = network.inference
        return replace(
            network,
            inference=None if inference is None else replace(inference, engine=engine.name),
            device="cuda",
            engine=engine,
            resizing=resizing,
        )

    return move


# A module that creates the file "it ran" when the module is imported.
PAYLOAD = """
import pathlib
pathlib.Path("it ran").touch()

import torch
from torch import nn

def tiny():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network.preprocessing = {"input_size_px": 32}
    return network

def other():
    return tiny()
"""


@pytest.fixture
def payload(here):
    """Write a module "payload" into the current folder, and return the file that it creates."""
    (here / "payload.py").write_text(PAYLOAD)
    yield here / "it ran"
    sys.modules.pop("payload", None)


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """Return an empty folder that huggingface_hub uses as its cache."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("no_proxy", "*")
    return folder


class SmallHub(Handler):
    """Answers requests as the hub does.

    Attributes
    ----------
    files : dict
        Path -> the content, or a tuple of a status and the name of an error.
    asked : list
        The method and the path of each request.
    """

    files = None
    asked = None

    def respond(self):
        self.asked.append((self.command, self.path))
        content = self.files.get(self.path, (404, "EntryNotFound"))
        if isinstance(content, tuple):
            self.send(content[0], headers=[("X-Error-Code", content[1])])
        else:
            etag = f'"{len(content)}"'
            self.send(200, content, [("X-Repo-Commit", "a" * 40), ("ETag", etag)])


@pytest.fixture
def small_hub(monkeypatch, hub_cache):  # noqa: ARG001 - the cache must be empty
    """Start a hub on this machine that huggingface_hub uses, and return its class."""
    SmallHub.files, SmallHub.asked = {}, []
    with serve(SmallHub) as endpoint:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        )
        yield SmallHub
        from huggingface_hub import close_session

        close_session()
