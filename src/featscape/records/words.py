"""Records of the classes that a classifier recognizes in images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ClassifierWeights:
    """The last layer of a classifier: scores = features @ weight.T + bias.

    Attributes
    ----------
    weight : ndarray of float32, shape (c, d)
        For c classes and d features.
    bias : ndarray of float32, shape (c,)
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


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
