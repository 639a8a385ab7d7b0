"""Write and read words.npz: the classes that the network recognizes in each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.files.npy import read_npz
from featscape.mapfolder.layout import WORDS, damaged
from featscape.mapfolder.read import open_folder
from featscape.mapfolder.staging import writing
from featscape.records import Recognized

if TYPE_CHECKING:
    from pathlib import Path

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
    opened = open_folder(folder)
    if not opened.exists(WORDS):
        return None
    try:
        with opened.open(WORDS) as file:
            arrays = read_npz(file, ("classes", "probabilities"))
    except (OSError, InputError) as error:
        raise damaged(folder / WORDS, error) from error
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
