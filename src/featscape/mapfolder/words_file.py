"""Write and read words.npz and vocabulary.npz.

words.npz has the classes that the network recognizes in each image, vocabulary.npz the vectors of
words by the text tower of the network.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.files.npy import read_npz
from featscape.mapfolder.layout import VOCABULARY, WORDS, damaged
from featscape.mapfolder.read import open_folder
from featscape.mapfolder.staging import writing
from featscape.records import Recognized, WordVectors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_MAX_CLASSES = 1000  # the vocabulary: see `featscape.words`


def write_recognized(folder: Path, recognized: Recognized) -> None:
    """Write words.npz."""
    with writing():
        np.savez(folder / WORDS, classes=recognized.classes, probabilities=recognized.probabilities)


def read_recognized(folder: Path, *, n_items: int) -> Recognized | None:
    """Return the content of words.npz; None if the map has no words.

    Parameters
    ----------
    folder : Path
        A map folder.
    n_items : int
        Number of items of the map.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    arrays = _read_arrays(folder, WORDS, ("classes", "probabilities"))
    if arrays is None:
        return None
    classes, probabilities = arrays["classes"], arrays["probabilities"]
    if classes.dtype != np.int16 or probabilities.dtype != np.float32:
        raise damaged(folder / WORDS, f"it has {classes.dtype} and {probabilities.dtype}")
    if classes.ndim != 2 or classes.shape != probabilities.shape or len(classes) != n_items:
        raise damaged(folder / WORDS, f"it has {len(classes)} rows for {n_items} items")
    if classes.size and not (0 <= classes.min() <= classes.max() < _MAX_CLASSES):
        raise damaged(folder / WORDS, "it has numbers of unknown classes")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise damaged(folder / WORDS, "it has probabilities that are not between 0 and 1")
    return Recognized(classes, probabilities)


def write_vectors(folder: Path, words: WordVectors) -> None:
    """Write vocabulary.npz."""
    rows = json.dumps({word: list(rows) for word, rows in words.rows.items()})
    with writing():
        np.savez(
            folder / VOCABULARY,
            words=np.frombuffer(rows.encode(), np.uint8),
            vectors=words.vectors,
            scales=words.scales,
        )


def read_vectors(folder: Path, *, n_features: int) -> WordVectors | None:
    """Return the content of vocabulary.npz; None if the map has no vectors of words.

    Parameters
    ----------
    folder : Path
        A map folder.
    n_features : int
        Number of features of an image.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    from pydantic_core import from_json

    arrays = _read_arrays(folder, VOCABULARY, ("words", "vectors", "scales"))
    if arrays is None:
        return None
    try:
        rows = from_json(arrays["words"].tobytes())
    except ValueError as error:
        raise damaged(folder / VOCABULARY, error) from error
    vectors, scales = arrays["vectors"], arrays["scales"]
    if vectors.dtype != np.int8 or scales.dtype != np.float32:
        raise damaged(folder / VOCABULARY, f"it has {vectors.dtype} and {scales.dtype}")
    if vectors.ndim != 2 or (vectors.shape[1],) != scales.shape or len(scales) != n_features:
        raise damaged(folder / VOCABULARY, f"it has vectors {vectors.shape}, not of {n_features}")
    if not np.isfinite(scales).all():
        raise damaged(folder / VOCABULARY, "it has scales that are not finite")
    if not _are_rows(rows, len(vectors)):
        raise damaged(folder / VOCABULARY, "it has words without vectors")
    return WordVectors(rows, vectors, scales)


def _read_arrays(folder: Path, file: str, names: tuple[str, ...]) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of a file of a map; None if the map does not have the file."""
    opened = open_folder(folder)
    if not opened.exists(file):
        return None
    try:
        with opened.open(file) as stream:
            return read_npz(stream, names)
    except (OSError, ValueError) as error:
        raise damaged(folder / file, error) from error


def _are_rows(rows: object, n_vectors: int) -> bool:
    """Return whether `rows` has a list of rows for each word.

    pydantic would fill the memory with an error of a kilobyte for each wrong row.
    """
    return isinstance(rows, dict) and all(
        isinstance(each, list) and all(type(row) is int and 0 <= row < n_vectors for row in each)
        for each in rows.values()
    )
