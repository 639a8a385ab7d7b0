"""Write the words of a map for the search of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.bundle.blocks import write_array, write_numbers_of_words
from featscape.bundle.contract import WordsFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.records import NamedClasses

_FILE = "words.bin"
_ONE = 65_535  # the code of a probability of 1


def write_words(folder: Path, named: NamedClasses, order: NDArray[np.intp]) -> WordsFile:
    """Write the recognized classes in the order of the bundle, and the terms as JSON.

    Parameters
    ----------
    folder : Path
    named : NamedClasses
    order : ndarray of intp, shape (n,)
        The row of each item, in the order of the bundle.

    Returns
    -------
    WordsFile
        The manifest's entry.
    """
    recognized = named.recognized
    probabilities = np.round(recognized.probabilities[order] * _ONE).astype(np.uint16)
    return WordsFile(
        classes=write_array(
            folder, "word-classes.bin", recognized.classes[order].astype(np.uint16)
        ),
        probabilities=write_array(folder, "word-probabilities.bin", probabilities),
        file=_FILE,
        n_bytes=write_numbers_of_words(folder, _FILE, named.terms),
    )
