"""The images that match a query."""

import numpy as np
import pytest

from featscape.errors import InputError
from featscape.records import Recognized
from featscape.words import load_vocabulary, match

CLASSES = {load_vocabulary().name(index): index for index in reversed(range(1000))}


@pytest.fixture
def recognized():
    """Return the classes of four images: a tabby, a dog, a dog beside a cat, and a sports car."""
    rows = [
        {"tabby": 0.9, "tiger cat": 0.05},
        {"pug": 0.6, "boxer": 0.3},
        {"pug": 0.5, "tabby": 0.3},
        {"sports car": 0.95, "pug": 0.001},
    ]
    classes = [[CLASSES[name] for name in row] for row in rows]
    probabilities = [list(row.values()) for row in rows]
    return Recognized(np.array(classes, np.int16), np.array(probabilities, np.float32))


def test_the_probabilities_of_all_kinds_are_added(recognized):
    found = match("dog", recognized)
    assert found.items.tolist() == [1, 2]
    assert found.scores == pytest.approx([0.9, 0.5])


def test_improbable_images_are_left_out(recognized):
    assert 3 not in match("pug", recognized).items


def test_a_name_of_several_words_is_one_name(recognized):
    assert match("sports car", recognized).items.tolist() == [3]


def test_several_words_must_all_match(recognized):
    found = match("dog cat", recognized)
    assert found.items.tolist() == [2]
    assert found.scores == pytest.approx([0.3])


def test_k_limits_the_number_of_images(recognized):
    assert match("animal", recognized, k=1).items.tolist() == [0]
    assert len(match("animal", recognized)) == 3


def test_no_image_matches_a_known_word(recognized):
    assert len(match("pizza", recognized)) == 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "the query must contain a word"),
        ("  \n", "the query must contain a word"),
        ("dog" * 100, "at most 200 characters; it has 300"),
        ("taby", "'taby' is not among them. Try tabby."),
        ("dalmation", "'dalmation' is not among them. Try"),  # no image is of the class dalmatian
        ("xqzwv", "'xqzwv' is not among them. Try a more general word, in English."),
        ("dogg cat", "'dogg' is not among them. Try dog cat or cat."),
        ("dgo catt", "'dgo' and 'catt' are not among them. Try dog cat."),
        ("dgo xqzwv", "are not among them. Try a more general word, in English."),
        ("dgo carr", "are not among them. Try a more general word"),  # no image shows both
        ("a red car", "'a' and 'red' are not among them. Try car."),
        ("an old red car", "'an', 'old' and 'red' are not among them. Try car."),
        # no image shows a car and a cat
        ("red car cat", "'red' is not among them. Try car or cat."),
        # the vocabulary contains "sports car", but not "sports"
        ("car sporscar", "'sporscar' is not among them. Try car."),
        ("\x1b[31mred", r"'\x1b[31mred' is not among them"),
    ],
)
def test_a_query_without_known_words_is_refused(recognized, query, message):
    with pytest.raises(InputError) as error:
        match(query, recognized)
    assert message in str(error.value)
    assert str(error.value).isprintable()
