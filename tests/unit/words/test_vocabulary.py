"""The classes of ImageNet, their names, and the words that contain them."""

import pytest

from featscape.words import load_vocabulary
from featscape.words.vocabulary import Concept, Vocabulary, count_edits


@pytest.fixture(scope="module")
def vocabulary():
    return load_vocabulary()


def names(vocabulary, word):
    return {vocabulary.name(index) for index in vocabulary.find_classes(word)}


def test_the_classes_are_those_of_imagenet(vocabulary):
    assert len(vocabulary.classes) == 1000
    assert vocabulary.name(0) == "tench"
    assert vocabulary.name(281) == "tabby"
    assert vocabulary.name(999) == "toilet tissue"


def test_every_hypernym_is_a_concept_and_no_concept_contains_itself(vocabulary):
    for identifier in vocabulary.concepts:
        above, pending = set(), [identifier]
        while pending:
            for hypernym in vocabulary.concepts[pending.pop()].hypernyms:
                assert hypernym != identifier
                if hypernym not in above:
                    above.add(hypernym)
                    pending.append(hypernym)


def test_a_general_word_finds_all_kinds(vocabulary):
    assert names(vocabulary, "domestic cat") == {
        "tabby",
        "tiger cat",
        "Persian cat",
        "Siamese cat",
        "Egyptian cat",
    }
    assert names(vocabulary, "domestic cat") < names(vocabulary, "feline")
    assert names(vocabulary, "feline") < names(vocabulary, "animal")
    assert len(names(vocabulary, "dog")) > 110


@pytest.mark.parametrize(
    "word", ["Tabby", "tabbies", " tabby  cat ", "TABBY-CAT", "tábby", "ｔａｂｂｙ"]
)
def test_case_hyphens_accents_and_the_plural_make_no_difference(vocabulary, word):
    assert names(vocabulary, word) == {"tabby"}


@pytest.mark.parametrize(
    ("plural", "singular"), [("buses", "bus"), ("boxes", "box"), ("dishes", "dish")]
)
def test_plurals_after_a_hiss(vocabulary, plural, singular):
    assert names(vocabulary, plural) >= names(vocabulary, singular) > set()


def test_a_word_with_two_meanings_finds_both(vocabulary):
    found = vocabulary.find_classes("crane")
    assert {vocabulary.classes[index] for index in found} == {"n02012849", "n03126707"}


def test_an_unknown_word_finds_nothing_and_similar_words_are_suggested(vocabulary):
    assert vocabulary.find_classes("dalmation") == frozenset()
    assert "dalmatian" in vocabulary.suggest("dalmation", classes=range(1000))
    assert vocabulary.find_classes("") == frozenset()


# viewer/src/state/search/close-words.test.ts has the same words
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dgo", ["dog"]),
        ("kat", ["cat"]),
        ("chruch", ["church"]),
        ("sport car", ["sports car"]),
        ("caar", ["car"]),
        ("cars", ["car", "cart", "card"]),
        ("zzz", []),
        ("", []),
    ],
)
def test_the_words_with_the_fewest_edits_are_suggested(word, expected):
    n_classes = {"dog": 3, "dingo": 1, "dugong": 1, "dodo": 1, "cat": 2, "church": 1}
    n_classes |= {"sports car": 1, "car": 2, "card": 1, "cart": 2}
    concepts = {name: Concept((name,), ()) for name in n_classes}
    kinds = [(f"{name} {i}", name) for name, n in n_classes.items() for i in range(n)]
    concepts |= {kind: Concept((f"{i}",), (name,)) for i, (kind, name) in enumerate(kinds)}
    vocabulary = Vocabulary(tuple(kind for kind, _ in kinds), concepts)
    assert vocabulary.suggest(word, classes=range(len(kinds))) == expected


def test_only_words_for_the_given_classes_are_suggested(vocabulary):
    assert "worm" in vocabulary.suggest("corm", classes=range(1000))
    classes = [i for i in range(1000) if vocabulary.name(i) in {"corn", "junco"}]
    assert vocabulary.suggest("corm", classes=classes) == ["corn"]


@pytest.mark.parametrize(
    ("word", "other", "n_edits"),
    [("dgo", "dog", 1), ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("ca", "abc", 3)],
)
def test_an_edit_changes_a_letter_or_exchanges_two(word, other, n_edits):
    assert count_edits(word, other) == n_edits


def test_terms_are_the_words_that_find_a_given_class(vocabulary):
    wanted = [151, 281, 817]  # a Chihuahua, a tabby and a sports car
    terms = vocabulary.terms(wanted)
    for word, classes in terms.items():
        assert set(classes) == vocabulary.find_classes(word) & set(wanted)
    assert set(terms["dog"]) < set(terms["animal"])
    assert "bird" not in terms
