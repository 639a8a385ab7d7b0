"""A small map of images, made in a second: the seed input of the targets `maps` and `requests`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
from PIL import Image

from featscape.pipeline import make_map
from featscape.records import ModelCard

if TYPE_CHECKING:
    from pathlib import Path

N_ITEMS = 24
_FOLDER, _SOURCE = "seed-map", "photos"


class TileNetwork:
    """A network that averages the pixels of an image's sixteen tiles."""

    card = ModelCard("tiles", "pixels", "none", "0" * 64, "resize 4", 48)
    batch_size = 8
    n_workers = 1
    n_lanes = 1
    least_px = 0
    takes_pixels = False

    def prepare(self, image: Image.Image) -> Any:
        """Return an image as 4 x 4 pixels."""
        return np.asarray(image.resize((4, 4)))

    def run(self, pixels: list[Any]) -> Any:
        """Return features, (n, 48)."""
        return np.array([each.ravel() / 255 for each in pixels], dtype=np.float32)


def make_seed_map(workspace: Path) -> Path:
    """Return the folder of a map of 24 photographs in 3 classes, with a table of columns."""
    rng = np.random.default_rng(8)
    rows = ["file_name,score,note"]
    for number in range(N_ITEMS):
        kind = "abc"[number % 3]
        pixels = rng.integers(0, 256, (20, 24, 3)) // (1 + number % 3)
        file = workspace / _SOURCE / kind / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(file)
        rows.append(f"{kind}/{file.name},{number},a text of {number}")
    (workspace / _SOURCE / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    extraction = importlib.import_module("featscape.features.extract")
    with mock.patch.object(extraction, "load_network", return_value=TileNetwork()):
        make_map(workspace / _SOURCE, workspace / _FOLDER, perplexity=3, size_px=200, device="cpu")
    return workspace / _FOLDER
