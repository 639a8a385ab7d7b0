"""Recognize the classes of a map's images, and search a map for a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape import mapfolder
from featscape.errors import InputError, ModelError
from featscape.features import read_classifier
from featscape.mapfolder import current_versions
from featscape.mapfolder.read import read_digests, read_run
from featscape.mapfolder.words_file import read_recognized, write_recognized
from featscape.printable_names import printable
from featscape.records import ModelCard, Recognized
from featscape.words import match, recognize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from featscape.mapfolder.read import Map
    from featscape.records import Features
    from featscape.words import Match


def recognize_in_folder(
    folder: Path, features: Features, *, maps: Sequence[Path] = (), note: Callable[[str], None]
) -> None:
    """Write words.npz of a map that is being written, if its network is a classifier of ImageNet.

    Parameters
    ----------
    folder : Path
        Contains features.npy.
    features : Features
    maps : sequence of Path
        Finished maps. If one of these maps was made with the same network and contains all images,
        its words are copied, and PyTorch is not imported.
    note : callable
        Receives the reason if the weights of the classifier cannot be read.
    """
    for made in maps:
        copied = _copy_words(made, features)
        if copied is not None:
            write_recognized(folder, copied)
            return
    try:
        classifier = read_classifier(features.model)
    except ModelError as error:
        note(f"the map has no words to search for: {error}")
        return
    if classifier is not None:
        values = np.load(folder / mapfolder.FEATURES, mmap_mode="r")
        write_recognized(folder, recognize(values, classifier))


def _copy_words(folder: Path, features: Features) -> Recognized | None:
    """Return the words of a map for other features; None if the map lacks words or images."""
    try:
        run, digests = read_run(folder), read_digests(folder)
        if digests is None or run["model"] is None or run["versions"] != current_versions():
            return None
        found = read_recognized(folder, n_items=len(digests))
        if found is None or ModelCard(**run["model"]) != features.model:
            return None
    except InputError:
        return None  # the map is damaged, or was replaced in the meantime
    rows = {digest.tobytes(): row for row, digest in enumerate(digests)}
    wanted = () if features.digests is None else map(bytes, features.digests)
    order = [rows.get(digest, -1) for digest in wanted]
    if not order or min(order) < 0:
        return None
    return Recognized(found.classes[order], found.probabilities[order])


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
    if k is not None and k < 1:
        raise InputError(f"-k (k=) must be at least 1 image; got {k}. Use for example -k 10.")
    recognized = read_recognized(made.folder, n_items=len(made))
    if recognized is None and made.paths is None:
        raise InputError(
            f"a search needs a map of images; {printable(str(made.folder))} was made of features, "
            "without a network. Make a map of the images with featscape map."
        )
    if recognized is None:
        raise InputError(
            f"a search needs a map with the words of an ImageNet classifier; "
            f"{printable(str(made.folder))} has none. Make the map again with --force, with a "
            "network of torchvision or timm, or efficientnet_lite0, and without --layer."
        )
    return match(query, recognized, k=k)
