"""The vectors of words and items in a bundle."""

import json

import numpy as np
import pytest

from featscape.bundle import onefile, open_bundle, write_page
from featscape.errors import InputError
from featscape.mapfolder.layout import BUNDLE_FILES
from featscape.records import ComparableWords, WordVectors

N_ITEMS = 30
ROWS = {"dog": [0], "sports car": [1, 2]}
FILES = ("vectors.bin", "vector-words.bin", "vector-items.bin", "vector-scales.bin")


@pytest.fixture
def compared():
    images = np.arange(2 * N_ITEMS, dtype=np.int8).reshape(N_ITEMS, 2)
    words = WordVectors(ROWS, np.array([[1, 2], [3, 4], [-5, 6]], np.int8), np.float32([0.5, 2]))
    return ComparableWords(words, images, np.float32([0.25, 3]))


def test_the_items_are_in_the_order_of_the_bundle(bundle_of, compared):
    bundle = bundle_of(N_ITEMS, vectors=compared)
    vectors, ids = bundle.manifest.vectors, bundle.array(bundle.manifest.ids)
    np.testing.assert_array_equal(bundle.array(vectors.items), compared.images[ids])
    np.testing.assert_array_equal(bundle.array(vectors.words), compared.words.vectors)
    assert bundle.array(vectors.scales).tolist() == [0.125, 6]
    assert json.loads((bundle.folder / vectors.file).read_bytes()) == ROWS
    assert set(FILES) <= set(BUNDLE_FILES)
    assert set(FILES) <= set(bundle.files())


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_length_is_damaged(bundle_of, compared, file):
    bundle = bundle_of(N_ITEMS, vectors=compared)
    with (bundle.folder / file).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match=rf"{file}.* bytes instead of"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize(
    ("entry", "axis"), [("items", 0), ("items", 1), ("words", 1), ("scales", 0)]
)
def test_arrays_of_other_shapes_are_damaged(bundle_of, compared, entry, axis):
    bundle = bundle_of(N_ITEMS, vectors=compared)
    manifest = json.loads((bundle.folder / "manifest.json").read_text())
    manifest["vectors"][entry]["shape"][axis] += 1
    (bundle.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"vector-\w+\.bin: shape"):
        open_bundle(bundle.folder)


def test_the_page_omits_vectors_that_are_too_large_and_reports_this(
    bundle_of, compared, tmp_path, monkeypatch
):
    from PIL import Image

    picture = tmp_path / "scatter.png"
    Image.new("RGB", (8, 8)).save(picture)
    bundle = bundle_of(N_ITEMS, vectors=compared)
    write_page(bundle, tmp_path / "all.html", picture=picture, n_images=100)
    assert "vector-items.bin" in (tmp_path / "all.html").read_text()
    monkeypatch.setattr(onefile, "VECTOR_BYTES", 65)
    write_page(bundle, tmp_path / "few.html", picture=picture, n_images=100)
    page = (tmp_path / "few.html").read_text()
    assert "vector-items.bin" not in page
    assert "omits the vectors of words and images" in page
