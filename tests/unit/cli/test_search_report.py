"""featscape search, and the search of an opened map."""

import csv
import io

import numpy as np
import pytest

from featscape import open_map
from featscape.errors import InputError
from featscape.mapfolder.words_file import write_recognized
from featscape.records import Recognized

PUG, TABBY = 254, 281


@pytest.fixture
def made(featscape, tmp_path, monkeypatch):
    """Make a map of six items; the network recognizes a pug in two and a tabby in the others."""
    monkeypatch.chdir(tmp_path)
    np.save("features.npy", np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32))
    done = featscape("embed", "features.npy", "--perplexity", "2", "-o", "a-map")
    assert done.status == 0, done.err
    classes = np.array([[PUG], [TABBY], [TABBY], [PUG], [TABBY], [TABBY]], np.int16)
    probabilities = np.array([[0.5], [0.9], [0.8], [0.7], [0.6], [0.4]], np.float32)
    write_recognized(tmp_path / "a-map", Recognized(classes, probabilities))
    return tmp_path / "a-map"


def test_the_images_are_listed_with_their_probabilities(featscape, made):
    done = featscape("search", made, "dog")
    assert (done.status, done.out) == (0, "0.70  #3\n0.50  #0\n")


def test_k_limits_the_list(featscape, made):
    assert featscape("search", made, "animal", "-k", "1").out == "0.90  #1\n"


def test_a_word_that_no_image_shows(featscape, made):
    done = featscape("search", made, "pizza")
    assert (done.status, done.out) == (0, "The network recognizes pizza in no image.\n")


def test_csv_has_headings_and_rows(featscape, made):
    rows = list(csv.DictReader(io.StringIO(featscape("search", made, "dog", "--csv").out)))
    assert rows[0] == {"id": "3", "path": "", "probability": "0.7000"}


def test_an_unknown_word_is_refused_with_similar_words(featscape, made):
    done = featscape("search", made, "dogg")
    assert done.status == 2
    assert "'dogg' is not among them. Try dog" in done.err
    assert done.err.endswith("The page of `featscape serve` also searches labels and paths.\n")


@pytest.mark.parametrize("query", ["label:cat", "path:0.png", "Label: cat", '"label":cat'])
def test_a_query_for_a_column_is_refused_with_the_page_that_searches_columns(
    featscape, made, query
):
    done = featscape("search", made, query)
    assert (done.status, done.out) == (2, "")
    assert f"not with paths, labels and columns; got {query!r}." in done.err
    assert f"Give the query to the page: featscape serve {made}." in done.err


def test_a_map_of_features_without_words_is_refused_with_the_remedy(featscape, made):
    (made / "words.npz").unlink()
    done = featscape("search", made, "dog")
    assert done.status == 2
    assert "was made of features, without a network. Make a map of the images" in done.err


def test_an_opened_map_is_searched(made):
    found = open_map(made).search("cat", k=2)
    assert found.items.tolist() == [1, 2]
    with pytest.raises(InputError, match="it is empty"):
        open_map(made).search("")


def test_the_number_of_images_must_be_positive(featscape, made):
    done = featscape("search", made, "dog", "-k", 0)
    assert done.status == 2
    assert "-k (k=) must be at least 1 image; got 0" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "a search needs either a query or an image; got neither"),
        (("dog", "--image", "a.png"), "a search needs either a query or an image; got both"),
        (("",), "the query must contain a word; it is empty"),
        (("x" * 10_000,), "at most 200 characters; it has 10,000"),
        (("--image", "a.png"), "new images need a map of images"),
    ],
)
def test_a_search_that_is_impossible_is_refused(featscape, made, arguments, message):
    done = featscape("search", made, *arguments)
    assert done.status == 2
    assert message in done.err
