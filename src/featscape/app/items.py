"""The table of the items: the details of one item, and the text search over all items."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.bundle.contract import ItemDetails
from featscape.mapfolder import ITEMS, damaged
from featscape.mapfolder.read import read_items

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa
    from numpy.typing import NDArray

    from featscape.files.folder_handle import FolderHandle

# Columns that have a field of their own in ItemDetails, or that are coordinates of the map.
_NAMED = {"id", "path", "path_bytes", "label", "width", "height", "sha256", "x", "y", "z"}


class Items:
    """The rows of items.parquet. Threads may share one object.

    Parameters
    ----------
    folder : Path or FolderHandle
        The map folder.
    texts : collection of str
        The columns to search in addition to path and label.

    Raises
    ------
    InputError
        If the table is missing or damaged, or lacks one of the columns in `texts`.
    """

    def __init__(self, folder: Path | FolderHandle, *, texts: Collection[str] = ()) -> None:
        self._table = read_items(folder).combine_chunks()
        missing = set(texts).difference(self._table.column_names)
        if missing:
            raise damaged(
                Path(folder) / ITEMS, f"it lacks the columns {', '.join(sorted(missing))}"
            )
        self._searched = ("path", "label", *texts)
        self._has_bytes = "path_bytes" in self._table.column_names
        self._search_texts: pa.LargeStringArray | None = None
        self._preparing = threading.Lock()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def have_paths(self) -> bool:
        """Whether the items have paths; the items of a map of features have none."""
        return len(self) > 0 and self._table["path"][0].is_valid

    def path(self, item: int) -> str | None:
        """Return the path of an item below the source, with the bytes of the file system."""
        if self._has_bytes:
            return os.fsdecode(self._table["path_bytes"][item].as_py())
        path: str | None = self._table["path"][item].as_py()
        return path

    def sha256(self, item: int) -> str | None:
        """Return the SHA-256 of the file of an item; None if the map does not contain it."""
        if "sha256" not in self._table.column_names:
            return None
        digest: str | None = self._table["sha256"][item].as_py()
        return digest

    def details(self, item: int) -> ItemDetails:
        """Return all values of an item."""
        row: dict[str, Any] = self._table.slice(item, 1).to_pylist()[0]
        return ItemDetails(
            id=item,
            label=row["label"],
            path=row["path"],
            width=row["width"],
            height=row["height"],
            columns={name: _plain(value) for name, value in row.items() if name not in _NAMED},
        )

    def search(self, text: str) -> NDArray[np.uint32]:
        """Find the items whose path, label or text columns contain every word of `text`.

        The page without a server searches the same columns.

        Parameters
        ----------
        text : str
            Words separated by white space, in any order. The search ignores case and accents.

        Returns
        -------
        ndarray of uint32, shape (m,)
            Ids, ascending.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        words = sorted(set(text.split()))
        texts = self._prepared_texts()
        found = np.arange(len(texts), dtype=np.uint32)
        for word in _fold(pa.array(words, pa.large_string())).to_pylist():
            matches = pc.match_substring(texts, word)
            found, texts = found[matches.to_numpy(zero_copy_only=False)], texts.filter(matches)
        return found

    def _prepared_texts(self) -> pa.LargeStringArray:
        """Return one folded text per item; the first search computes the texts."""
        import pyarrow as pa
        import pyarrow.compute as pc

        with self._preparing:
            if self._search_texts is None:
                columns = [
                    self._table[name].combine_chunks().cast(pa.large_string())
                    for name in self._searched
                ]
                # a word contains no newline, so a match never spans two columns
                separator = pa.scalar("\n", pa.large_string())
                joined = pc.binary_join_element_wise(
                    *columns,
                    separator,
                    null_handling="replace",  # by ""
                )
                self._search_texts = _fold(joined)
            return self._search_texts


def _fold(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Remove case and accents: É, é, and e with a combining accent all become e."""
    import pyarrow.compute as pc

    decomposed = pc.utf8_normalize(texts, form="NFD")
    without_accents = pc.replace_substring_regex(decomposed, pattern=r"\p{M}", replacement="")
    return pc.utf8_lower(pc.utf8_normalize(without_accents, form="NFC"))


def _plain(value: object) -> str | float | int | bool | None:
    """Return a value of the table as JSON represents it: None for NaN, text for a date."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | float | int | bool):
        return value
    return str(value)
