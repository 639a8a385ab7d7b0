"""Find and name the regions of a map, and open stored regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape import mapfolder
from featscape.labels.classes import NO_LABEL
from featscape.mapfolder.regions_file import read_regions, write_regions
from featscape.mapfolder.words_file import read_recognized
from featscape.regions import code_terms, find_regions
from featscape.words import name_concepts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.mapfolder.read import Map
    from featscape.records import Embedding, ItemSet, Recognized
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
    regions = find_regions(
        embedding.positions,
        features=np.load(folder / mapfolder.FEATURES, mmap_mode="r"),
        terms=_terms(
            embedding.labels,
            read_recognized(folder, n_items=len(embedding.positions)),
            items.columns,
        ),
        random_state=embedding.parameters["seed"],
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
    recognized = read_recognized(made.folder, n_items=len(made))
    return find_regions(
        made.positions,
        features=made.features,
        terms=_terms(made.labels, recognized, made.columns),
        # the regions of a map are equal whether they are stored or computed again
        random_state=made.run["parameters"].get("seed") or 0,
    )


def _terms(
    labels: Sequence[str] | None,
    recognized: Recognized | None,
    columns: Mapping[str, Sequence[Any] | NDArray[Any]],
) -> list[Terms]:
    """Return the terms that name regions, the most important kind first."""
    known = [None if label == NO_LABEL else label for label in labels or ()]
    labeled = code_terms(known, kind="label") if known else None
    recognized_words = None if recognized is None else name_concepts(recognized)
    others = [
        code_terms(list(values), kind="column", prefix=f"{name}: ")
        for name, values in columns.items()
        if getattr(values, "dtype", np.dtype(object)).kind in "ObU"  # strings and truth values
    ]
    return [one for one in (labeled, recognized_words, *others) if one is not None]
