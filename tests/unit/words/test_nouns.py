"""The nouns that a text tower encodes, and their vectors as bytes."""

import numpy as np
import pytest

from featscape.words import as_bytes, load_nouns, load_vocabulary, make_comparable


def nouns_of(word):
    return [load_nouns().names[row] for row in load_nouns().rows[word]]


def test_the_nouns_contain_the_classes_their_hypernyms_and_frequent_nouns():
    nouns, vocabulary = load_nouns(), load_vocabulary()
    assert 5_000 <= len(nouns.names) <= 20_000
    assert len(set(nouns.names)) == len(nouns.names)
    names = [nouns.names[row] for row in nouns.class_rows]
    assert names == [vocabulary.name(index) for index in range(1000)]
    for word in ("dog", "animal", "sunset", "portrait", "bedroom", "smile"):
        assert nouns_of(word) == [word]


def test_a_synonym_has_the_noun_of_its_concept():
    assert nouns_of("canis familiaris") == ["dog"]
    assert nouns_of("great gray owl") == ["great grey owl"]


def test_every_word_has_a_noun_and_every_noun_a_word():
    nouns = load_nouns()
    rows = {row for each in nouns.rows.values() for row in each}
    spelled_alike = len(nouns.names) - len(rows)  # "Turkey" and "turkey" have the same word
    assert max(rows) < len(nouns.names)
    assert spelled_alike < 30


def test_bytes_keep_the_cosine_similarities():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 64)).astype(np.float32)
    rows[:, 5] *= 20  # as in CLIP
    rows[3] = 0
    encoded, scales = as_bytes(rows)
    assert encoded.dtype == np.int8
    norms = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    unit, decoded = rows / norms, encoded * scales
    np.testing.assert_allclose(decoded @ decoded.T, unit @ unit.T, atol=0.02)
    assert (decoded[3] == 0).all()


def test_a_page_reads_no_vectors_of_too_many_images(monkeypatch):
    words = object()
    features = np.ones((4, 3), np.float32)
    compared = make_comparable(features, words)
    assert compared.words is words
    assert compared.images.tolist() == [[127] * 3] * 4
    monkeypatch.setattr("featscape.words.nouns._MOST_BYTES", 11)
    assert make_comparable(features, words) is None


@pytest.mark.parametrize("word", ["he", "Paris", "damn"])
def test_no_noun_is_a_pronoun_a_proper_name_or_an_oath(word):
    assert word not in load_nouns().names
