"""Recognize the classes of a map's images, and search a map for a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape import mapfolder
from featscape.errors import InputError, ModelError
from featscape.features import read_classifier
from featscape.mapfolder.words_file import read_recognized, write_recognized
from featscape.printable_names import printable
from featscape.words import match, recognize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from featscape.mapfolder.read import Map
    from featscape.records import Features
    from featscape.words import Match


def recognize_in_folder(folder: Path, features: Features, *, note: Callable[[str], None]) -> None:
    """Write words.npz of a map that is being written, if its network is a classifier of ImageNet.

    Parameters
    ----------
    folder : Path
        Contains features.npy.
    features : Features
    note : callable
        Receives the reason if the weights of the classifier cannot be read.
    """
    try:
        classifier = read_classifier(features.model)
    except ModelError as error:
        note(f"the map has no words to search for: {error}")
        return
    if classifier is not None:
        values = np.load(folder / mapfolder.FEATURES, mmap_mode="r")
        write_recognized(folder, recognize(values, classifier))


def search(made: Map, query: str, *, k: int | None = None) -> Match:
    """Return the items of a map that match a query; see `featscape.words.match`.

    Parameters
    ----------
    made : Map
        The result of `open_map`.
    query : str
    k : int, optional
        The largest number of items.

    Raises
    ------
    InputError
        If the map has no words, or a word of the query is unknown.
    """
    recognized = read_recognized(made.folder, n_items=len(made))
    if recognized is None:
        raise InputError(
            f"a search needs a map with the words of an ImageNet classifier; "
            f"{printable(str(made.folder))} has none. Make the map again with --force, with a "
            "network of torchvision or timm, or efficientnet_lite0, and without --layer."
        )
    return match(query, recognized, k=k)
