"""Write the vectors of words and items, with which the page searches without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.bundle.blocks import write_array, write_numbers_of_words
from featscape.bundle.contract import VectorsFile

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from featscape.records import ComparableWords

_FILE = "vectors.bin"


def write_vectors(folder: Path, compared: ComparableWords, order: NDArray[np.intp]) -> VectorsFile:
    """Write the vectors of the items in the order of the bundle, and the words as JSON.

    Parameters
    ----------
    folder : Path
    compared : ComparableWords
    order : ndarray of intp, shape (n,)
        The row of each item, in the order of the bundle.

    Returns
    -------
    VectorsFile
        The manifest's entry.
    """
    words = compared.words
    return VectorsFile(
        words=write_array(folder, "vector-words.bin", words.vectors),
        items=write_array(folder, "vector-items.bin", compared.images[order]),
        scales=write_array(folder, "vector-scales.bin", words.scales * compared.scales),
        file=_FILE,
        n_bytes=write_numbers_of_words(folder, _FILE, words.rows),
    )
