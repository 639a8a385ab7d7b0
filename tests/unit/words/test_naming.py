"""The recognized classes of a map as terms."""

import numpy as np

from featscape.records import Recognized, WordVectors
from featscape.words import as_bytes, load_nouns, load_vocabulary, name_concepts, name_nouns
from featscape.words.naming import _NO_NAMES

VOCABULARY = load_vocabulary()


def test_a_term_has_the_classes_below_its_concept():
    recognized = Recognized(np.zeros((2, 5), np.int16), np.ones((2, 5), np.float32))
    terms = name_concepts(recognized)
    assert terms.members.shape == (1000, len(terms.names))
    for word in ("dog", "tabby", "musical instrument"):
        classes = np.flatnonzero(terms.members[:, terms.names.index(word)])
        assert set(classes) == VOCABULARY.find_classes(word)


def test_no_two_terms_have_the_same_classes_and_every_class_has_a_term():
    recognized = Recognized(np.zeros((1, 5), np.int16), np.ones((1, 5), np.float32))
    terms = name_concepts(recognized)
    assert len(np.unique(terms.members, axis=1).T) == len(terms.names)
    alone = terms.members[:, terms.members.sum(axis=0) == 1]
    assert (alone.sum(axis=1) == 1).all()


def test_abstract_concepts_are_no_terms_but_are_in_the_vocabulary():
    recognized = Recognized(np.zeros((1, 5), np.int16), np.ones((1, 5), np.float32))
    assert not _NO_NAMES & set(name_concepts(recognized).names)
    names = {name for concept in VOCABULARY.concepts.values() for name in concept.names}
    assert names >= _NO_NAMES


def test_the_most_frequent_nouns_name_images(monkeypatch):
    monkeypatch.setattr("featscape.words.naming._MOST_NOUNS", 50)
    monkeypatch.setattr("featscape.words.naming._MOST_SAMPLED", 60)
    nouns = load_nouns()
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(nouns.names), 32)).astype(np.float32)
    words = WordVectors(nouns.rows, *as_bytes(vectors))
    shown = np.repeat([4000, 17, 8000], [60, 30, 10])
    images = 3 * (vectors[shown] + rng.normal(scale=0.1, size=(100, 32))).astype(np.float32)
    terms = name_nouns(images, words, random_state=0)
    assert terms.names == tuple(sorted(terms.names, key=nouns.names.index))
    assert len(terms.names) == 50
    assert [terms.names[code] for code in terms.codes[:, 0]] == [nouns.names[row] for row in shown]
    assert (terms.weights[:, 0] > 0.99).all()
