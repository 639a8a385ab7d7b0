"""The words of the network in a bundle."""

import json

import numpy as np
import pytest

from featscape.bundle import onefile, open_bundle, write_page
from featscape.errors import InputError
from featscape.mapfolder.layout import BUNDLE_FILES
from featscape.records import NamedClasses, Recognized

N_ITEMS = 30
TERMS = {"dog": [151, 152], "sports car": [817]}


@pytest.fixture
def named():
    classes = np.arange(2 * N_ITEMS, dtype=np.int16).reshape(N_ITEMS, 2)
    probabilities = np.linspace(0, 1, 2 * N_ITEMS, dtype=np.float32).reshape(N_ITEMS, 2)
    return NamedClasses(Recognized(classes, probabilities), TERMS)


def test_the_classes_are_in_the_order_of_the_bundle(bundle_of, named):
    bundle = bundle_of(N_ITEMS, words=named)
    words, ids = bundle.manifest.words, bundle.array(bundle.manifest.ids)
    np.testing.assert_array_equal(bundle.array(words.classes), named.recognized.classes[ids])
    np.testing.assert_allclose(
        bundle.array(words.probabilities) / 65_535, named.recognized.probabilities[ids], atol=1e-5
    )
    assert json.loads((bundle.folder / words.file).read_bytes()) == TERMS
    assert {"words.bin", "word-classes.bin", "word-probabilities.bin"} <= set(BUNDLE_FILES)
    assert words.file in bundle.files()


def test_a_bundle_without_words_has_none(bundle_of):
    assert bundle_of(N_ITEMS).manifest.words is None


@pytest.mark.parametrize("file", ["words.bin", "word-classes.bin", "word-probabilities.bin"])
def test_a_file_of_another_length_is_damaged(bundle_of, named, file):
    bundle = bundle_of(N_ITEMS, words=named)
    with (bundle.folder / file).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match=rf"{file}.* bytes instead of"):
        open_bundle(bundle.folder)


def test_classes_of_fewer_items_are_damaged(bundle_of, named):
    bundle = bundle_of(N_ITEMS, words=named)
    manifest = json.loads((bundle.folder / "manifest.json").read_text())
    manifest["words"]["classes"]["shape"][0] -= 1
    (bundle.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"word-classes\.bin: shape \[29, 2\] for 30 items"):
        open_bundle(bundle.folder)


def test_the_page_omits_words_that_are_too_large_and_reports_this(
    bundle_of, named, tmp_path, monkeypatch
):
    from PIL import Image

    picture = tmp_path / "scatter.png"
    Image.new("RGB", (8, 8)).save(picture)
    bundle = bundle_of(N_ITEMS, words=named)
    write_page(bundle, tmp_path / "all.html", picture=picture, n_images=100)
    assert "word-classes.bin" in (tmp_path / "all.html").read_text()
    monkeypatch.setattr(onefile, "WORDS_BYTES", 10)
    write_page(bundle, tmp_path / "few.html", picture=picture, n_images=100)
    page = (tmp_path / "few.html").read_text()
    assert "word-classes.bin" not in page
    assert "omits the words for the content of the images" in page
