"""Rank the images of a map by a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.printable_names import printable
from featscape.records import MAX_QUERY_CHARACTERS, Match
from featscape.words.similarity import best_items
from featscape.words.vocabulary import LETTERS_PER_EDIT, N_SUGGESTED, load_vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.records import Recognized

MIN_PROBABILITY = 0.01


def match(query: str, recognized: Recognized, *, k: int | None = None) -> Match:
    """Return the images whose probable classes a query names.

    A word also matches all kinds of what it names: "dog" matches every breed. A query with several
    words is one name ("sports car") if the vocabulary contains the name; otherwise every word must
    match.

    Parameters
    ----------
    query : str
    recognized : Recognized
        Of n images.
    k : int, optional
        The largest number of images, at least 1; by default all.

    Returns
    -------
    Match
        Images with a probability of at least .01.

    Raises
    ------
    InputError
        If the query is empty or too long, or if the vocabulary lacks one of its words.
    """
    probabilities = np.min(
        [_probabilities(classes, recognized) for classes in _find_classes(query, recognized)],
        axis=0,
    )
    order = best_items(probabilities, k=k)
    items = order[probabilities[order] >= MIN_PROBABILITY]
    return Match(items, probabilities[items], "probability")


def check_query(query: str) -> None:
    """Check that a query is a text of 1 to 200 characters.

    Parameters
    ----------
    query : str

    Raises
    ------
    InputError
        If the query is empty or too long.
    """
    if not query.strip():
        raise InputError("the query must contain a word; it is empty. Example: dog")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise InputError(
            f"the query must have at most {MAX_QUERY_CHARACTERS} characters; it has "
            f"{len(query):,}. Shorten the query."
        )


def _find_classes(query: str, recognized: Recognized) -> list[frozenset[int]]:
    """Return the classes of a query that is one name, or the classes of each of its words."""
    check_query(query)
    vocabulary = load_vocabulary()
    whole = vocabulary.find_classes(query)
    if whole:
        return [whole]
    words = query.split()
    found = [vocabulary.find_classes(word) for word in words]
    unknown = [word for word, classes in zip(words, found, strict=True) if not classes]
    if unknown:
        others = _suggest(words, unknown, recognized)
        remedy = " or ".join(others) if others else "a more general word, in English"
        *most, last = (printable(repr(word)) for word in unknown)
        named = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        raise InputError(
            f"the words of the network must contain every word of the query; {named} not among "
            f"them. Try {remedy}. The page of `featscape serve` also searches labels and paths."
        )
    return found


def _suggest(words: Sequence[str], unknown: Sequence[str], recognized: Recognized) -> list[str]:
    """Return queries that match images: with the unknown words replaced, then the known words.

    A single unknown word is replaced by each of its closest words. Each of several is replaced by
    its closest word, unless a word is so short that one edit changes more than a third of its
    letters. The page of a map tries the same queries, also by text (contents.ts).
    """
    others: list[str] = []
    if len(unknown) == 1 or min(map(len, unknown)) >= LETTERS_PER_EDIT:
        classes = np.unique(recognized.classes).tolist()
        close = [load_vocabulary().suggest(word, classes=classes) for word in unknown]
        replacements = list(zip(*close, strict=False))
        for closest in replacements if len(unknown) == 1 else replacements[:1]:
            by_word = dict(zip(unknown, closest, strict=True))
            others.append(" ".join(by_word.get(word, word) for word in words))
    known = [word for word in words if word not in unknown]
    others += [" ".join(known), *known] if known else []
    queries = [other for other in dict.fromkeys(others) if _matches(other, recognized)]
    return queries[:N_SUGGESTED]


def _matches(query: str, recognized: Recognized) -> bool:
    """Return whether the vocabulary contains all words of a query, and an image matches."""
    vocabulary = load_vocabulary()
    is_known = vocabulary.find_classes(query) or all(map(vocabulary.find_classes, query.split()))
    return bool(is_known) and len(match(query, recognized)) > 0


def _probabilities(classes: frozenset[int], recognized: Recognized) -> NDArray[np.float32]:
    """Return the probability of a set of classes for each image, shape (n,)."""
    named = np.zeros(len(load_vocabulary().classes), np.bool_)
    named[list(classes)] = True
    is_named = named[recognized.classes]  # (n, 5)
    total: NDArray[np.float32] = np.where(is_named, recognized.probabilities, 0).sum(axis=1)
    return total
