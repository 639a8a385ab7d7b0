"""Properties of every bundle."""

import itertools
import json
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from featscape.bundle import open_bundle
from featscape.bundle.blocks import pack, unpack
from featscape.bundle.order import hilbert_codes
from featscape.records import Neighbors
from helpers.maps.plain_bundle import write_plain_bundle

numbers = st.floats(-(2.0**100), 2.0**100, width=32)
texts = st.text(st.characters(), max_size=20)  # includes surrogates and control characters


@st.composite
def maps(draw):
    n_items = draw(st.integers(1, 40))
    n_dimensions = draw(st.integers(1, 3))
    n_neighbors = draw(st.integers(0, n_items - 1))
    return {
        "title": draw(texts),
        "positions": draw(arrays(np.float32, (n_items, n_dimensions), elements=numbers)),
        "neighbors": Neighbors(
            draw(arrays(np.int32, (n_items, n_neighbors), elements=st.integers(-1, n_items - 1))),
            draw(arrays(np.float32, (n_items, n_neighbors), elements=numbers)),
        ),
        "seed": draw(st.integers(0, 2**32)),
        "labels": draw(st.none() | st.lists(texts, min_size=n_items, max_size=n_items)),
        "paths": draw(st.none() | st.lists(texts, min_size=n_items, max_size=n_items)),
        "thumbnails": lambda row: (b"s%d" % row, b"m%d" % row, b"l%d" % row),
    }


@given(maps())
@settings(deadline=None, max_examples=30)
def test_a_bundle_contains_the_map(given_map):
    with tempfile.TemporaryDirectory() as folder:
        write_plain_bundle(Path(folder) / "bundle", **given_map)
        bundle = open_bundle(Path(folder) / "bundle")
        manifest = bundle.manifest
        n_items = len(given_map["positions"])
        ids = np.array(bundle.array(manifest.ids))
        assert sorted(ids.tolist()) == list(range(n_items))
        n_axes = given_map["positions"].shape[1]
        positions = bundle.array(manifest.positions)
        np.testing.assert_array_equal(positions[:, :n_axes], given_map["positions"][ids])
        assert manifest.level_ends[-1] == n_items
        if manifest.grid is not None:
            assert len(np.unique(bundle.array(manifest.grid.cells), axis=0)) == n_items
        for entry, letter in zip(manifest.thumbnails, (b"s", b"m", b"l"), strict=True):
            assert [bundle.thumbnail(entry, i) for i in range(n_items)] == [
                letter + b"%d" % row for row in ids
            ]
        (bundle.folder / "manifest.json").read_bytes().decode()
        nearest = bundle.array(manifest.neighbors.indices)
        given_rows = given_map["neighbors"].indices[ids, :12]
        known = given_rows >= 0
        np.testing.assert_array_equal(nearest != 2**32 - 1, known)
        np.testing.assert_array_equal(ids[nearest[known]], given_rows[known])


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=70))
def test_unpack_inverts_pack(images):
    assert unpack(pack(images)) == images


@given(st.integers(1, 3), st.integers(2, 4))
def test_the_curve_visits_every_cell_once(bits, n_dimensions):
    if bits * n_dimensions > 12:
        bits = 12 // n_dimensions
    cells = np.array(list(itertools.product(range(2**bits), repeat=n_dimensions)))
    walk = cells[np.argsort(hilbert_codes(cells, bits=bits))]
    assert (np.abs(np.diff(walk, axis=0)).sum(axis=1) == 1).all()


@given(st.lists(texts, min_size=1, max_size=30))
@settings(deadline=None, max_examples=30)
def test_strings_are_valid_json_in_utf8(paths):
    none = Neighbors(np.empty((len(paths), 0), np.int32), np.empty((len(paths), 0), np.float32))
    with tempfile.TemporaryDirectory() as folder:
        write_plain_bundle(
            Path(folder) / "bundle",
            title="t",
            positions=np.zeros((len(paths), 2), np.float32),
            neighbors=none,
            seed=0,
            paths=paths,
        )
        found = json.loads((Path(folder) / "bundle" / "strings.bin").read_text(encoding="utf-8"))
        ids = np.fromfile(Path(folder) / "bundle" / "ids.bin", "<u4")
    for text, row in zip(found["path"], ids, strict=True):
        if not any("\ud800" <= character <= "\udfff" for character in paths[row]):
            assert text == paths[row]
