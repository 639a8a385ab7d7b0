"""Label each image of a map with the most similar of several names: zero-shot classification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape import mapfolder
from featscape.defaults import NAME_TEMPLATE, PAGE_IMAGES
from featscape.errors import InputError
from featscape.files.folder_handle import FolderHandle
from featscape.mapfolder.change import changed_map, write_changed_items
from featscape.mapfolder.read import open_map
from featscape.printable_names import printable
from featscape.progress import SilentProgress
from featscape.records import MAX_QUERY_CHARACTERS
from featscape.steps.content.search import Searcher, explain_no_texts
from featscape.words import classify

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.progress import Progress

NAME_COLUMN, PROBABILITY_COLUMN = "zero-shot label", "zero-shot probability"
_MAX_NAMES = 1000
_REWRITTEN = (
    mapfolder.ITEMS,
    mapfolder.RUN,
    mapfolder.PAGE,
    f"{mapfolder.BUNDLE}/manifest.json",
)


@dataclass(frozen=True, eq=False)
class SuggestedNames:
    """The most probable name of each image.

    Attributes
    ----------
    names : tuple of str
        All names.
    codes : ndarray of intp, shape (n,)
        Indices of names.
    probabilities : ndarray of float32, shape (n,)
    """

    names: tuple[str, ...]
    codes: NDArray[np.intp]
    probabilities: NDArray[np.float32]


def classify_map(
    folder: str | os.PathLike[str],
    names: Sequence[str],
    *,
    template: str = NAME_TEMPLATE,
    model: str | None = None,
    weights: str | Path | None = None,
    progress: Progress | None = None,
) -> SuggestedNames:
    """Write the most probable name of each image into items.parquet and the page of a map.

    The changed map replaces the map in one step. Columns of an earlier call are replaced.

    Parameters
    ----------
    folder : path
        A map that was made with a network of open_clip.
    names : sequence of str
        At least two.
    template : str
        The text for a name; contains {} in the place of the name.
    model, weights
        As for `Searcher`.
    progress : Progress, optional

    Raises
    ------
    InputError
        If the names or the template are invalid, if the map has no text tower, or if the map
        cannot be replaced.
    ModelError, MissingExtra
        If the text tower cannot be loaded.
    """
    from featscape.bundle import add_columns, open_bundle, write_page

    checked = check_names(names)
    texts = [_fill(template, name) for name in checked]
    made = open_map(folder)
    reason = explain_no_texts(made.run, model=model, weights=weights)
    if reason is not None:
        raise InputError(f"{printable(made.folder)} cannot be classified by names: {reason}")
    encoder = Searcher(made, model=model, weights=weights, progress=progress).text_encoder
    codes, probabilities = classify(made.features, encoder.encode(texts), scale=encoder.scale)
    columns = {
        NAME_COLUMN: np.array(checked, dtype=object)[codes],
        PROBABILITY_COLUMN: probabilities,
    }
    recorded = made.run.get("pictures")  # maps of earlier releases do not have the entry
    old = FolderHandle(made.folder)
    bundle = open_bundle(mapfolder.open_part(old, mapfolder.BUNDLE))
    note = (progress or SilentProgress()).note
    with changed_map(made.folder, rewritten=_REWRITTEN, note=note) as new:
        write_changed_items(old, new, columns)
        changed = add_columns(bundle, new / mapfolder.BUNDLE, columns)
        write_page(
            changed,
            new / mapfolder.PAGE,
            picture=new / mapfolder.SCATTER,
            n_images=PAGE_IMAGES if recorded is None else recorded["page_images"],
        )
    return SuggestedNames(checked, codes, probabilities)


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names without surrounding spaces; raises InputError for unusable names."""
    stripped = tuple(dict.fromkeys(name.strip() for name in names))
    if not 2 <= len(stripped) <= _MAX_NAMES:
        raise InputError(
            f"the names must be 2 to {_MAX_NAMES:,} different names; got {len(stripped):,}. Use "
            "for example --names cat,dog."
        )
    for name in stripped:
        if not 0 < len(name) <= MAX_QUERY_CHARACTERS:
            raise InputError(
                f"each name must have 1 to {MAX_QUERY_CHARACTERS} characters; got "
                f"{printable(repr(name[:MAX_QUERY_CHARACTERS]))}. Change --names."
            )
    return stripped


def _fill(template: str, name: str) -> str:
    if template.count("{}") != 1 or len(template) > MAX_QUERY_CHARACTERS:
        raise InputError(
            "the template must contain {} once, in the place of the name, and have at most "
            f"{MAX_QUERY_CHARACTERS} characters; got {printable(repr(template[:100]))}. Use for "
            f"example --template {NAME_TEMPLATE!r}."
        )
    return template.replace("{}", name)
