"""Records of what a search finds, and of the classes that a classifier recognizes in images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


MAX_QUERY_CHARACTERS = 200


@dataclass(frozen=True, eq=False)
class Match:
    """Images that a search has found, the best first.

    Attributes
    ----------
    items : ndarray of intp, shape (m,)
        Indices of the images.
    scores : ndarray of float32, shape (m,)
        How well each image matches.
    measure : str
        The meaning of the scores. "probability": the classifier's probability of what the query
        names. "similarity": the cosine similarity of the features of the image and of the query.
    """

    items: NDArray[np.intp]
    scores: NDArray[np.float32]
    measure: Literal["probability", "similarity"]

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, eq=False)
class ClassifierWeights:
    """The last layer of a classifier: scores = features @ weight.T + bias.

    With `is_cosine`, the features are first divided by their norm.

    Attributes
    ----------
    weight : ndarray of float32, shape (c, d)
        For c classes and d features.
    bias : ndarray of float32, shape (c,)
    is_cosine : bool
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    is_cosine: bool = False


@dataclass(frozen=True, eq=False)
class Recognized:
    """The most probable classes of each image, the most probable first.

    Attributes
    ----------
    classes : ndarray of int16, shape (n, k)
        Indices of classes.
    probabilities : ndarray of float32, shape (n, k)
        Probabilities among all classes of the classifier.
    """

    classes: NDArray[np.int16]
    probabilities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, eq=False)
class WordVectors:
    """The vectors of words by the text tower of a network, as bytes.

    Attributes
    ----------
    rows : mapping of str to sequence of int
        The vectors of each word, in lower case and in the singular. Synonyms have the same vector.
    vectors : ndarray of int8, shape (v, d)
    scales : ndarray of float32, shape (d,)
        ``vectors * scales`` has rows of norm 1.
    """

    rows: Mapping[str, Sequence[int]]
    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ComparableWords:
    """The vectors of words and of n images, for a search without the network.

    Attributes
    ----------
    words : WordVectors
    images : ndarray of int8, shape (n, d)
    scales : ndarray of float32, shape (d,)
        ``images * scales`` has rows of norm 1.
    """

    words: WordVectors
    images: NDArray[np.int8]
    scales: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NamedClasses:
    """The recognized classes of each image, and the words that name these classes.

    Attributes
    ----------
    recognized : Recognized
    terms : mapping of str to sequence of int
        The classes that a word names, or that are kinds of what the word names.
    """

    recognized: Recognized
    terms: Mapping[str, Sequence[int]]
