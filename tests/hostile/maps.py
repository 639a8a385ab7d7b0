"""Changes that turn a valid map folder into a hostile map folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HUGE = 1 << 40  # bytes of a sparse file, which uses no space on the disk


def copy_map(seed, folder):
    """Copy a map to `folder`; delete the folder first if it exists."""
    if os.path.lexists(folder):
        shutil.rmtree(folder)
    shutil.copytree(seed, folder)
    return folder


def list_files(folder):
    """Return the names of all files of a map that featscape reads."""
    pictures = {"images.png", "images-grid.png", "classes.png", "map.html"}
    names = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [str(name) for name in names if str(name) not in pictures]


def list_kinds(folder):
    """Return one of the files whose names differ only in numbers: featscape reads them alike."""
    kinds = {re.sub(r"\d+", "0", name): name for name in reversed(list_files(folder))}
    return sorted(kinds.values())


# --- files ----------------------------------------------------------------------------------------


def _link_to(target):
    def attack(file):
        file.unlink()
        file.symlink_to(target(file))

    return attack


def _move_and_link(folder):
    """Return an attack that moves the file to `folder` and replaces the file with a link."""

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
    """Return the changes to one file of a map: name -> function of the file's path."""
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
    """Yield the place of each value in a JSON document: a tuple of keys and indices."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*at, key)
        if isinstance(one, dict | list):
            yield from places_in(one, (*at, key))


def kinds_of_places(value):
    """Return one of the places that differ only in indices: featscape reads them alike."""
    kinds = {}
    for place in places_in(value):
        kinds.setdefault(tuple(0 if isinstance(key, int) else key for key in place), place)
    return list(kinds.values())


def replaced(value, place, new):
    """Return a copy of a JSON document with the value `new` at a place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return copy


def all_replaced(value, new, *, kept=("format", "kind", "file", "dtype")):
    """Return a copy of a JSON document with all strings replaced, except under the keys `kept`."""
    if isinstance(value, dict):
        return {
            key: one if key in kept else all_replaced(one, new, kept=kept)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [all_replaced(one, new, kept=kept) for one in value]
    return new if isinstance(value, str) else value


def change_json(file, change):
    """Replace the content of a JSON file with `change(content)`."""
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


def item_tables(table, text):
    """Yield (description, table) of hostile variants of items.parquet."""
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
