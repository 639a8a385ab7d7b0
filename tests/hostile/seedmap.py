"""A small valid map. Tests and the fuzzing program change its files.

The fuzzing program makes the map in a separate process: `python -m hostile.seedmap FOLDER`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featscape import make_map
from featscape.mapfolder.words_file import write_recognized
from featscape.records import Recognized
from helpers.networks.quick_network import QuickNetwork, put_in_place

N_ITEMS = 24
PHOTOS = "photos"
_MAP = "seed-map"


def make_seed_map(folder: Path) -> Path:
    """Make a map of 24 images in 3 classes, with a table of columns; return the map's folder.

    The images are in `folder`/photos, the map is `folder`/seed-map.
    """
    rng = np.random.default_rng(8)
    rows = ["file_name,score,note"]
    for number in range(N_ITEMS):
        kind = "abc"[number % 3]
        pixels = rng.integers(0, 256, (20, 24, 3)) // (1 + number % 3)
        file = folder / PHOTOS / kind / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(file)
        rows.append(f"{kind}/{file.name},{number},a text of {number}")
    (folder / PHOTOS / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        put_in_place(QuickNetwork(), patch)
        patch.setattr("featscape.pipeline.recognize_in_folder", _write_random_words)
        make_map(folder / PHOTOS, folder / _MAP, perplexity=3, size_px=200, device="cpu")
    return folder / _MAP


def _write_random_words(folder: Path, *_arguments: object, **_options: object) -> None:
    """Write words, because the quick network is no classifier: one word for half of the images.

    The regions of the map have this word.
    """
    rng = np.random.default_rng(9)
    classes = rng.integers(0, 1000, (N_ITEMS, 5)).astype(np.int16)
    probabilities = (rng.random((N_ITEMS, 5)) / 9).astype(np.float32)
    classes[: N_ITEMS // 3, 0] = 151
    probabilities[: N_ITEMS // 3, 0] = 0.9
    write_recognized(folder, Recognized(classes, probabilities))


def copy_seed_map(made_in: Path, folder: Path) -> Path:
    """Copy the map and its images to another folder; return the new map's folder."""
    for name in (_MAP, PHOTOS):
        shutil.copytree(made_in / name, folder / name)
    file = folder / _MAP / "run.json"
    run = json.loads(file.read_bytes())
    file.write_text(json.dumps({**run, "source": str(folder / PHOTOS)}), encoding="utf-8")
    return folder / _MAP


if __name__ == "__main__":
    make_seed_map(Path(sys.argv[1]))
    os._exit(0)  # a thread of Arrow may abort the exit: github.com/apache/arrow/issues/34314
