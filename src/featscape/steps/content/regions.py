"""Find and name the regions of a map, and open stored regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape import mapfolder
from featscape.labels.classes import NO_LABEL
from featscape.mapfolder.read import seed_of
from featscape.mapfolder.regions_file import read_regions, write_regions
from featscape.mapfolder.words_file import read_recognized, read_vectors
from featscape.regions import code_terms, find_regions
from featscape.words import load_nouns, name_concepts, name_nouns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.mapfolder.read import Map
    from featscape.records import Embedding, ItemSet
    from featscape.records.regions import Region, Terms


def name_in_folder(folder: Path, embedding: Embedding, *, items: ItemSet) -> tuple[Region, ...]:
    """Write regions.json of a map that is being written, and return the regions.

    Parameters
    ----------
    folder : Path
        Contains features.npy; words.npz is optional.
    embedding : Embedding
    items : ItemSet
    """
    seed = embedding.parameters["seed"]
    features = np.load(folder / mapfolder.FEATURES, mmap_mode="r")
    regions = find_regions(
        embedding.positions,
        features=features,
        terms=_terms(folder, features, embedding.labels, items.columns, random_state=seed),
        random_state=seed,
    )
    write_regions(folder, regions)
    return regions


def open_regions(made: Map) -> tuple[Region, ...]:
    """Return the stored regions of a map, or compute the regions of a map without any.

    Parameters
    ----------
    made : Map
        The result of `open_map`.

    Raises
    ------
    InputError
        If a file of the map is missing or damaged.
    """
    stored = read_regions(made.folder, n_items=len(made))
    if stored is not None:
        return stored
    # the regions of a map are equal whether they are stored or computed again
    seed = seed_of(made)
    return find_regions(
        made.positions,
        features=made.features,
        terms=_terms(made.folder, made.features, made.labels, made.columns, random_state=seed),
        random_state=seed,
    )


def _terms(
    folder: Path,
    features: NDArray[np.float32],
    labels: Sequence[str] | None,
    columns: Mapping[str, Sequence[Any] | NDArray[Any]],
    *,
    random_state: int,
) -> list[Terms]:
    """Return the terms that name regions, the most important kind first."""
    n_items, n_features = features.shape
    recognized = read_recognized(folder, n_items=n_items)
    words = read_vectors(folder, n_features=n_features)
    nouns = None
    if words is not None and words.rows == load_nouns().rows:  # the nouns of this version
        nouns = name_nouns(features, words, random_state=random_state)
    known = [None if label == NO_LABEL else label for label in labels or ()]
    labeled = code_terms(known, kind="label") if known else None
    recognized_words = None if recognized is None else name_concepts(recognized)
    others = [
        code_terms(list(values), kind="column", prefix=f"{name}: ")
        for name, values in columns.items()
        if getattr(values, "dtype", np.dtype(object)).kind in "ObU"  # strings and truth values
    ]
    return [one for one in (labeled, nouns, recognized_words, *others) if one is not None]
