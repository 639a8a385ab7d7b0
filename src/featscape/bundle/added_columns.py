"""Add columns to the bundle of a finished map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.bundle.contract import MANIFEST
from featscape.bundle.items.column_files import write_columns
from featscape.bundle.read import open_bundle
from featscape.mapfolder.staging import writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.bundle.read import Bundle

_COLUMN_FILE = re.compile(r"column-(\d+)\.bin")


def add_columns(
    bundle: Bundle, folder: Path, columns: Mapping[str, Sequence[str] | NDArray[Any]]
) -> Bundle:
    """Write a bundle with added or replaced columns of numbers and categories.

    A column of strings with too many distinct values for a category is left out.

    Parameters
    ----------
    bundle : Bundle
    folder : Path
        A copy of the bundle without manifest.json.
    columns : mapping
        By name, as for `write_columns`.

    Returns
    -------
    Bundle
        The bundle in `folder`.
    """
    manifest = bundle.manifest
    numbers = (_COLUMN_FILE.fullmatch(name) for name in bundle.files())
    first = max((int(number[1]) + 1 for number in numbers if number), default=0)
    order = np.asarray(bundle.array(manifest.ids)).astype(np.intp)
    written = [
        column
        for column in write_columns(folder, columns, order, first=first)
        if column.kind != "text"
    ]
    kept = [column for column in manifest.columns if column.name not in columns]
    changed = manifest.model_copy(update={"columns": [*kept, *written]})
    with writing():
        (folder / MANIFEST).write_text(changed.model_dump_json(), encoding="utf-8")
    added = open_bundle(folder)
    for name in set(bundle.files()) - set(added.files()):
        (folder / name).unlink()  # of a replaced column
    return added
