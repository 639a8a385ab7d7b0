"""Hostile map folders, made from a whole map; the fuzzing program may use them too."""

from __future__ import annotations

import importlib
import json
import os
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from featscape import make_map
from featscape.records import ModelCard

CANARY = b"the canary: a key that no map may read"
PAYLOAD = "from pathlib import Path\nPath({trace!r}).touch()\ndef net():\n    raise SystemExit(7)\n"
HUGE = 1 << 40  # bytes of a sparse file, which takes no room on the disk


class StandIn:
    """A network that averages the pixels of an image's sixteen tiles."""

    card = ModelCard("stand-in", "pixels", "none", "0" * 64, "resize 4", 48)
    batch_size = 4
    n_workers = 1
    n_concurrent = 1
    least_px = 0
    takes_pixels = False

    def prepare(self, image):
        return np.asarray(image.resize((4, 4)))

    def run(self, pixels):
        return np.array([one.ravel() / 255 for one in pixels], dtype=np.float32)


def make_seed_map(folder, *, images):
    """Make the whole map of 12 images, in the folders `images`/a and `images`/b."""
    rng = np.random.default_rng(0)
    for number in range(12):
        file = images / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(file)
    (images / "broken.png").write_bytes(b"no image")
    extraction = importlib.import_module("featscape.features.extraction.loop")
    with mock.patch.object(extraction, "load_network", return_value=StandIn()):
        make_map(images, folder, perplexity=3, size_px=200)


def copy_map(seed, folder):
    """Copy a map to `folder`, where another may stand, without following links."""
    if os.path.lexists(folder):
        shutil.rmtree(folder)
    shutil.copytree(seed, folder)
    return folder


def list_files(folder):
    """Return the names of the files of a map that a program reads."""
    pictures = {"images.png", "images-grid.png", "map.html"}
    names = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [str(name) for name in names if str(name) not in pictures]


# --- files ----------------------------------------------------------------------------------------


def _link_to(target):
    def attack(file):
        file.unlink()
        file.symlink_to(target(file))

    return attack


def _move_and_link(folder):
    """Move the file out of the map, to `folder`, and link to it: the content stays the same."""

    def attack(file):
        file.rename(folder / file.name)
        file.symlink_to(folder / file.name)

    return attack


def _pipe(file):
    file.unlink()
    os.mkfifo(file)


def _folder(file):
    file.unlink()
    file.mkdir()


def _damage(file):
    content = bytearray(file.read_bytes())
    for place in range(0, len(content), 7):
        content[place] ^= 0x5A
    file.write_bytes(content)


def file_attacks(canary):
    """Return what can be done to a file of a map: name -> function of its path."""
    return {
        "link to a secret": _link_to(lambda _file: canary),
        "link to the same content outside": _move_and_link(canary.parent),
        "link to a folder": _link_to(lambda _file: canary.parent),
        "link to itself": _link_to(lambda file: file.name),
        "link to nothing": _link_to(lambda _file: "nothing"),
        "link to an endless device": _link_to(lambda _file: "/dev/zero"),
        "pipe": _pipe,
        "folder": _folder,
        "missing": Path.unlink,
        "empty": lambda file: os.truncate(file, 0),
        "cut": lambda file: os.truncate(file, file.stat().st_size // 2),
        "huge": lambda file: os.truncate(file, HUGE),
        "damaged": _damage,
    }


# --- texts ----------------------------------------------------------------------------------------


def texts(canary, port):
    """Return hostile strings by name."""
    return {
        "html": '"><script>alert(1)</script><img src=x onerror=alert(1)>',
        "escapes": "\x1b]52;c;aGFybQ==\x07\x1b[2J\r\n\u202e",
        "module": "payload:net",
        "module in the map": "hostile_map.payload:net",
        "standard module": "os:abort",
        "address": f"http://127.0.0.1:{port}/net.onnx",
        "file address": f"file://{canary}",
        "path": str(canary),
        "climbing path": f"../../../../../../../..{canary}",
        "device": "/dev/zero",
        "long": "x" * 300,
        "null byte": "a\0b",
        "surrogate": "\ud800",
        "empty": "",
    }


VALUES = (None, True, -1, 1e308, float("nan"), 10**30, [], {}, [[[]]], {"": {"": []}})


def places_in(value, at=()):
    """Yield the place of each string, number and None in a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        if isinstance(one, dict | list):
            yield (*at, key)
            yield from places_in(one, (*at, key))
        else:
            yield (*at, key)


def replaced(value, place, new):
    """Return a JSON document with another value at a place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return copy


def all_replaced(value, new, *, kept=("format", "kind", "file", "dtype")):
    """Return a JSON document with `new` in place of all strings, but for those of some keys."""
    if isinstance(value, dict):
        return {
            key: one if key in kept else all_replaced(one, new, kept=kept)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [all_replaced(one, new, kept=kept) for one in value]
    return new if isinstance(value, str) else value


def change_json(file, change):
    """Write back a JSON file as `change` returns it."""
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


def item_tables(table, text):
    """Yield hostile variants of items.parquet."""
    n_items = table.num_rows
    for name in table.column_names:
        column = table.column_names.index(name)
        others = {
            "texts": pa.array([text.encode("utf-8", "replace").decode()] * n_items),
            "numbers": pa.array([1e308] * n_items),
            "NaN": pa.array([float("nan")] * n_items),
            "nothing": pa.nulls(n_items),
            "lists": pa.array([[1, 2]] * n_items),
            "bytes": pa.array([b"\xff\x00"] * n_items),
            "large": pa.array([2**62] * n_items),
        }
        for kind, values in others.items():
            yield f"{name}: {kind}", table.set_column(column, name, values)
        yield f"without {name}", table.remove_column(column)
        yield f"{name} twice", table.append_column(name, table[name])
    yield "no rows", table.slice(0, 0)
    yield "fewer rows", table.slice(0, n_items - 1)
    yield "a nested column", table.append_column("more", pa.array([{"a": [1]}] * n_items))
    for name in (text.encode("utf-8", "replace").decode(), "agreement", "x" * 300):
        yield f"column {name[:9]!r}", table.append_column(name, pa.array([1] * n_items))


def write_items(folder, table):
    """Write items.parquet."""
    pq.write_table(table, folder / "items.parquet")


def read_items(folder):
    """Read items.parquet."""
    return pq.read_table(folder / "items.parquet")
