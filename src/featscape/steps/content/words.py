"""Recognize the classes of a map's images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape import mapfolder
from featscape.defaults import NAME_TEMPLATE
from featscape.errors import InputError, MissingExtra, ModelError
from featscape.features import encode_names, has_text_encoder, read_classifier
from featscape.mapfolder import current_versions
from featscape.mapfolder.read import read_digests, read_run
from featscape.mapfolder.words_file import (
    read_recognized,
    read_vectors,
    write_recognized,
    write_vectors,
)
from featscape.records import ClassifierWeights, ModelCard, Recognized, WordVectors
from featscape.words import as_bytes, load_nouns, recognize

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from featscape.progress import Progress
    from featscape.records import Features


def recognize_in_folder(
    folder: Path,
    features: Features,
    *,
    maps: Sequence[Path],
    weights: str | os.PathLike[str] | None,
    progress: Progress,
) -> None:
    """Write words.npz of a map that is being written, if its network recognizes ImageNet's classes.

    Classifiers of ImageNet and networks with a text tower recognize the classes; a text tower
    encodes the names of the classes, and further nouns, whose vectors vocabulary.npz stores.

    Parameters
    ----------
    folder : Path
        Contains features.npy.
    features : Features
    maps : sequence of Path
        Finished maps. If one of these maps was made with the same network and contains all images,
        its words are copied, and PyTorch is not imported.
    weights : path or None
        The file of weights that the user gave.
    progress : Progress
        Reports the reason if the weights of the classifier cannot be read.
    """
    for made in maps:
        copied = _copy_words(made, features)
        if copied is not None:
            _write(folder, *copied)
            return
    try:
        classifier, words = _read_classifier(features.model, weights, progress)
    except (ModelError, MissingExtra) as error:
        progress.note(f"the map has no words to search for: {error}")
        return
    if classifier is not None:
        values = np.load(folder / mapfolder.FEATURES, mmap_mode="r")
        _write(folder, recognize(values, classifier), words)


def _write(folder: Path, recognized: Recognized, words: WordVectors | None) -> None:
    write_recognized(folder, recognized)
    if words is not None:
        write_vectors(folder, words)


def _read_classifier(
    card: ModelCard, weights: str | os.PathLike[str] | None, progress: Progress
) -> tuple[ClassifierWeights | None, WordVectors | None]:
    """Return the classifier of a network, and the vectors of nouns by its text tower.

    The classifier is None if the network does not recognize ImageNet's classes, and the vectors are
    None without a text tower. The names of ImageNet's classes are among the nouns.
    """
    if not has_text_encoder(card):
        return read_classifier(card), None
    nouns = load_nouns()
    texts = [NAME_TEMPLATE.format(name) for name in nouns.names]
    file = None if weights is None else Path(weights)
    vectors = encode_names(card, texts, weights=file, progress=progress)
    of_classes = vectors[list(nouns.class_rows)]
    classifier = ClassifierWeights(
        of_classes, np.zeros(len(of_classes), np.float32), is_cosine=True
    )
    return classifier, WordVectors(nouns.rows, *as_bytes(vectors))


def _copy_words(folder: Path, features: Features) -> tuple[Recognized, WordVectors | None] | None:
    """Return the words of a map for other features; None if the map lacks words or images."""
    try:
        run, digests = read_run(folder), read_digests(folder)
        if digests is None or run["model"] is None or run["versions"] != current_versions():
            return None
        found = read_recognized(folder, n_items=len(digests))
        card = ModelCard(**run["model"])
        words = read_vectors(folder, n_features=card.n_features)
        if found is None or card != features.model or has_text_encoder(card) != (words is not None):
            return None
    except InputError:
        return None  # the map is damaged, or was replaced in the meantime
    rows = {digest.tobytes(): row for row, digest in enumerate(digests)}
    wanted = () if features.digests is None else map(bytes, features.digests)
    order = [rows.get(digest, -1) for digest in wanted]
    if not order or min(order) < 0:
        return None
    return Recognized(found.classes[order], found.probabilities[order]), words
