"""Runs of a map that are interrupted and repeated, and the comparison of the maps."""

import json
import os
import random
import shutil

import numpy as np
import pytest

from featscape import make_map, make_maps
from helpers.images.photos import write_images
from helpers.networks.quick_network import QuickNetwork, put_in_place
from helpers.notes import Notes

# Modules that the fork server imports, so that its processes start quickly.
HEAVY = [
    *("matplotlib.pyplot", "pyarrow.parquet", "scipy.spatial", "sklearn.manifold"),
    *("featscape.pipeline", "featscape.bundle", "featscape.features", "featscape.images"),
    *("featscape.pictures", "meshtsne", "helpers.images.photos"),
]


class BatchNetwork(QuickNetwork):
    """A network whose features depend slightly on the other images of the batch, as usual."""

    def run(self, pixels):
        values = super().run(pixels)
        return values + values.mean() * np.float32(1e-4)


class CountingNetwork(BatchNetwork):
    """A network that counts its images."""

    def __init__(self, **card):
        self.n_seen = 0
        self.card = type(self.card)(**{**vars(QuickNetwork.card), **card})

    def run(self, pixels):
        self.n_seen += len(pixels)
        return super().run(pixels)


def write_source(folder):
    """Write 73 images of two classes: two are damaged, three are copies. Return the folder."""
    for seed, name in enumerate(("blue", "red")):
        write_images(folder / name, 35, seed=seed)
    for name in ("blue/07.png", "red/30.png"):
        (folder / name).write_bytes(b"no image")
    for number, name in enumerate(("blue/00.png", "blue/34.png", "red/20.png")):
        shutil.copyfile(folder / name, folder / "red" / f"{number}x.png")
    return folder


def content_of(folder):
    """Return the bytes of each file of a map, and its run.json without times."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    run = json.loads(files.pop("run.json"))
    del run["created"], run["timings_s"]
    return files | {"run.json": run}


def assert_same_map(folder, other, hint=""):
    one, two = content_of(folder), content_of(other)
    assert one.keys() == two.keys(), hint
    assert [name for name in one if one[name] != two[name]] == [], hint


def choose_seed():
    """Return FEATSCAPE_TEST_SEED or a random seed; print the seed for failures."""
    seed = int(os.environ.get("FEATSCAPE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"FEATSCAPE_TEST_SEED={seed}")  # noqa: T201 - pytest shows it on failure
    return seed


class Interrupted(BatchNetwork):
    """A network that raises an error after `n_batches` batches."""

    def __init__(self, n_batches, error=KeyboardInterrupt):
        self._left, self._error = n_batches, error

    def run(self, pixels):
        if not self._left:
            raise self._error
        self._left -= 1
        return super().run(pixels)


def interrupt(source, output, monkeypatch, *, n_batches=5, card=QuickNetwork.card, **options):
    """Start a map and interrupt it after `n_batches` batches of four; return the notes."""
    notes, network = Notes(), Interrupted(n_batches)
    network.card = card
    with monkeypatch.context() as patch:
        put_in_place(network, patch)
        with pytest.raises(KeyboardInterrupt):
            make(source, output, progress=notes, **options)
    return notes.lines


def make(source, output, *, layers=None, perplexity=4, size_px=400, **options):
    """Make a map without findings, or a tuple of maps for several layers."""
    options = {"findings": False, **options}
    options |= {"layers": layers, "perplexity": perplexity, "size_px": size_px}
    return (make_maps if layers else make_map)(source, output, **options)


N_DIFFERENT = 68  # of the 73 images: two are damaged, three are copies
