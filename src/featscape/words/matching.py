"""Rank the images of a map by a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.printable_names import printable
from featscape.words.vocabulary import load_vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.records import Recognized

MAX_CHARACTERS = 200
MIN_PROBABILITY = 0.01


@dataclass(frozen=True)
class Match:
    """Images that match a query, the best first.

    Attributes
    ----------
    items : ndarray of intp, shape (m,)
        Indices of the images.
    probabilities : ndarray of float32, shape (m,)
        The probability that the classifier gives to the classes that the query names.
    """

    items: NDArray[np.intp]
    probabilities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.items)


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
        The largest number of images; by default all with a probability of at least .01.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        If the query is empty or too long, if the vocabulary lacks one of its words, or if k is
        below 1.
    """
    if k is not None and k < 1:
        raise InputError(f"k must be at least 1; got {k}. Change -k (k=).")
    probabilities = np.min(
        [_probabilities(classes, recognized) for classes in _find_classes(query)], axis=0
    )
    order = np.argsort(-probabilities, kind="stable")[:k]
    items = order[probabilities[order] >= MIN_PROBABILITY]
    return Match(items, probabilities[items])


def _find_classes(query: str) -> list[frozenset[int]]:
    """Return the classes of a query that is one name, or the classes of each of its words."""
    words = query.split()
    if not words:
        raise InputError("the query must contain a word; it is empty. Example: dog")
    if len(query) > MAX_CHARACTERS:
        raise InputError(
            f"the query must have at most {MAX_CHARACTERS} characters; it has {len(query):,}. "
            "Shorten the query."
        )
    vocabulary = load_vocabulary()
    whole = vocabulary.find_classes(query)
    if whole:
        return [whole]
    found = {word: vocabulary.find_classes(word) for word in words}
    for word, classes in found.items():
        if not classes:
            known = vocabulary.suggest(word)
            remedy = f"Similar words: {', '.join(known)}." if known else "Try a more general word."
            raise InputError(
                f"the words of the network must contain every word of the query; "
                f"{printable(repr(word))} is not among them. {remedy}"
            )
    return list(found.values())


def _probabilities(classes: frozenset[int], recognized: Recognized) -> NDArray[np.float32]:
    """Return the probability of a set of classes for each image, shape (n,)."""
    is_named = np.isin(recognized.classes, np.fromiter(classes, np.int16, len(classes)))
    total: NDArray[np.float32] = np.where(is_named, recognized.probabilities, 0).sum(axis=1)
    return total
