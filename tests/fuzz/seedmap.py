"""A small map of images: the seed input of the targets `maps` and `requests`.

The parent process makes the map once for all of a run: `python -m fuzz.seedmap FOLDER`.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from featscape import make_map
from featscape.records import ModelCard
from fuzz.settings import SHARED

N_ITEMS = 24
_FOLDER, _SOURCE = "seed-map", "photos"


class TileNetwork:
    """A network that averages the pixels of an image's sixteen tiles."""

    card = ModelCard("tiles", "pixels", "none", "0" * 64, "resize 4", 48)
    batch_size = 8
    n_workers = 1
    n_concurrent = 1
    least_px = 0
    takes_pixels = False

    def prepare(self, image: Image.Image) -> Any:
        """Return an image as 4 x 4 pixels."""
        return np.asarray(image.resize((4, 4)))

    def run(self, pixels: list[Any]) -> Any:
        """Return features, (n, 48)."""
        return np.array([each.ravel() / 255 for each in pixels], dtype=np.float32)


def copy_seed_map(workspace: Path) -> Path:
    """Copy the run's seed map and its images into a target's workspace; return the map's folder."""
    shared = workspace.parent / SHARED
    for name in (_FOLDER, _SOURCE):
        shutil.copytree(shared / name, workspace / name)
    file = workspace / _FOLDER / "run.json"
    run = json.loads(file.read_bytes())
    file.write_text(json.dumps({**run, "source": str(workspace / _SOURCE)}), encoding="utf-8")
    return workspace / _FOLDER


def make_seed_map(folder: Path) -> None:
    """Make a map of 24 images in 3 classes, with a table of columns, below a new folder."""
    rng = np.random.default_rng(8)
    rows = ["file_name,score,note"]
    for number in range(N_ITEMS):
        kind = "abc"[number % 3]
        pixels = rng.integers(0, 256, (20, 24, 3)) // (1 + number % 3)
        file = folder / _SOURCE / kind / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(file)
        rows.append(f"{kind}/{file.name},{number},a text of {number}")
    (folder / _SOURCE / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    extraction = importlib.import_module("featscape.features.extraction.loop")
    with mock.patch.object(extraction, "load_network", return_value=TileNetwork()):
        make_map(folder / _SOURCE, folder / _FOLDER, perplexity=3, size_px=200, device="cpu")


if __name__ == "__main__":
    make_seed_map(Path(sys.argv[1]))
