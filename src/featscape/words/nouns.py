"""The nouns that a text tower encodes for each map, and their vectors as bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from featscape.records import ComparableWords, WordVectors
from featscape.words.vocabulary import load_vocabulary, normalize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

_FILE = "nouns.json"  # written by tools/write_nouns.py
_LARGEST = 127
_ROWS_AT_ONCE = 4096
_MOST_BYTES = (
    64 << 20
)  # of the vectors of images that a page reads: 131,000 images with 512 features


@dataclass(frozen=True)
class Nouns:
    """Nouns, and the words that have the meaning of a noun.

    Attributes
    ----------
    names : tuple of str
        The v nouns: the classes of ImageNet-1k, their hypernyms, and frequent nouns of WordNet.
    rows : mapping of str to sequence of int
        The nouns of each word, in lower case and in the singular; a synonym has the nouns of its
        concepts in WordNet.
    class_rows : tuple of int
        The noun of each class of ImageNet-1k.
    """

    names: tuple[str, ...]
    rows: Mapping[str, Sequence[int]]
    class_rows: tuple[int, ...]


@cache
def load_nouns() -> Nouns:
    """Return the nouns that a map of a network with a text tower stores."""
    vocabulary = load_vocabulary()
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    classes = [vocabulary.name(index) for index in range(len(vocabulary.classes))]
    concepts = list(vocabulary.concepts.values())
    firsts = [concept.names[0] for concept in concepts]
    numbers: dict[str, int] = {}
    for name in (*classes, *firsts, *json.loads(text)["nouns"]):
        numbers.setdefault(name, len(numbers))
    rows = {normalize(name): [number] for name, number in reversed(numbers.items())}
    synonyms: dict[str, list[int]] = {}
    for concept, first in zip(concepts, firsts, strict=True):
        for name in concept.names[1:]:
            synonyms.setdefault(normalize(name), []).append(numbers[first])
    return Nouns(
        tuple(numbers),
        synonyms | rows,  # a word that is a noun has its own vector
        tuple(numbers[name] for name in classes),
    )


def as_bytes(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return vectors of norm 1 as bytes, and the factor of each dimension.

    Each dimension has its own factor, because some dimensions of CLIP are many times as large as
    the others.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        May be memory-mapped.

    Returns
    -------
    encoded : ndarray of int8, shape (n, d)
    scales : ndarray of float32, shape (d,)
        ``encoded * scales`` are the vectors, divided by their norms.
    """
    scales = np.full(vectors.shape[1], 1e-30, np.float32)
    for _, block in _unit_blocks(vectors):
        np.maximum(scales, np.abs(block).max(axis=0), out=scales)
    scales /= _LARGEST
    encoded = np.empty(vectors.shape, np.int8)
    for rows, block in _unit_blocks(vectors):
        encoded[rows] = np.rint(block / scales)
    return encoded, scales


def make_comparable(features: NDArray[np.float32], words: WordVectors) -> ComparableWords | None:
    """Return the vectors of words and images; None if those of the images exceed 64 MB.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
        May be memory-mapped.
    words : WordVectors
    """
    return None if features.size > _MOST_BYTES else ComparableWords(words, *as_bytes(features))


def _unit_blocks(
    vectors: NDArray[np.float32],
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        block = np.asarray(vectors[rows])
        yield rows, block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-30)
