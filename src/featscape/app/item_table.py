"""The table of the items: the details of one item, and the text search over all items."""

from __future__ import annotations

import math
import os
import re
import threading
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.bundle.contract import ItemDetails
from featscape.bundle.items.column_files import MAX_EXACT_INTEGER
from featscape.mapfolder import ITEMS, damaged
from featscape.mapfolder.read import read_items

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from featscape.files.folder_handle import FolderHandle

# Columns that have a field of their own in ItemDetails, or that are coordinates of the map.
_NAMED = {"id", "path", "path_bytes", "label", "width", "height", "sha256", "x", "y", "z"}

# An optional column, bare or in quotes, with a colon; then a phrase in quotes, whose end may be
# missing, or a word. The page uses the same expression in search/find.ts.
_TERM = re.compile(r'(?:([^\s":]+|"[^"]*"):)?("[^"]*"?|\S+)')

# The combining accents of Latin, Greek and Cyrillic letters, the points of Hebrew letters, and the
# vowel marks, hamzas and tatweel of Arabic letters. The page has the same list in search/find.ts.
_ACCENTS = (
    r"[\x{300}-\x{36f}\x{591}-\x{5bd}\x{5bf}\x{5c1}\x{5c2}\x{5c4}\x{5c5}\x{5c7}"
    r"\x{610}-\x{61a}\x{640}\x{64b}-\x{65f}\x{670}]"
)


class ItemTable:
    """The rows of items.parquet. Threads may share one object.

    Parameters
    ----------
    folder : Path or FolderHandle
        The map folder.
    texts : collection of str
        The columns to search in addition to path and label.
    categories : collection of str
        Further columns to search, if the table has them.

    Raises
    ------
    InputError
        If the table is missing or damaged, or lacks one of the columns in `texts`.
    """

    def __init__(
        self,
        folder: Path | FolderHandle,
        *,
        texts: Collection[str] = (),
        categories: Collection[str] = (),
    ) -> None:
        self._table = read_items(folder).combine_chunks()
        missing = set(texts).difference(self._table.column_names)
        if missing:
            raise damaged(
                Path(folder) / ITEMS, f"it lacks the columns {', '.join(sorted(missing))}"
            )
        known = [name for name in categories if name in self._table.column_names]
        self._searched = ("path", "label", *texts, *known)
        self._has_bytes = "path_bytes" in self._table.column_names
        self._folders = _common_folders(self._table["path"])
        self._search_texts: dict[tuple[str | None, bool], pa.LargeStringArray] = {}
        self._preparing = threading.Lock()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def has_paths(self) -> bool:
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
        """Find the items that match every term of a query.

        The page without a server searches the same columns in the same way.

        Parameters
        ----------
        text : str
            Words and "phrases in quotes", in any order. A term matches if one of the searched
            columns contains the term; ``column:term`` looks in one column. The search ignores
            case, accents and the width of Japanese letters; ß equals ss, and ’ equals '. A term
            that is in the folders that every path begins with is searched in the rest of the path.

        Returns
        -------
        ndarray of uint32, shape (m,)
            Ids, ascending.
        """
        import pyarrow.compute as pc

        found = np.arange(len(self), dtype=np.uint32)
        for column, term in self._terms(text):
            in_all = term in self._folders
            texts = self._prepared_texts(column, without_folders=in_all).take(found)
            matches = pc.fill_null(pc.match_substring(texts, term), fill_value=False)
            found = found[matches.to_numpy(zero_copy_only=False)]
        return found

    def _terms(self, query: str) -> list[tuple[str | None, str]]:
        """Return the terms of a query, each with its column, or None for every column."""
        names = dict(zip(_fold_all(self._searched), self._searched, strict=True))
        found: set[tuple[str | None, str]] = set()
        for match in _TERM.finditer(query):
            name, text = match[1], match[2]
            column = None
            if name is not None:
                column = names.get(_fold_all([name.replace('"', "")])[0])
            if name is not None and column is None:
                text = match[0]  # the name is no column, so it is part of the text
            elif text.startswith('"'):
                text = text.replace('"', "").strip()
            if text:
                found.add((column, text))
        ordered = sorted(found, key=str)
        folded = _fold_all([text for _, text in ordered])
        return [(column, text) for (column, _), text in zip(ordered, folded, strict=True)]

    def _prepared_texts(self, column: str | None, *, without_folders: bool) -> pa.LargeStringArray:
        """Return a column's folded texts, or those of all columns; computed once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        with self._preparing:
            key = (column, without_folders)
            texts = self._search_texts.get(key)
            if texts is None:
                names = self._searched if column is None else [column]
                columns = [
                    _fold(self._table[name].combine_chunks().cast(pa.large_string()))
                    for name in names
                ]
                if without_folders and names[0] == "path":
                    columns[0] = pc.utf8_slice_codeunits(columns[0], start=len(self._folders))
                # a term contains no newline, so a match never spans two columns
                separator = pa.scalar("\n", pa.large_string())
                joined = pc.binary_join_element_wise(
                    *columns,
                    separator,
                    null_handling="replace",  # by ""
                )
                texts = self._search_texts[key] = joined
            return texts


def _common_folders(paths: pa.ChunkedArray) -> str:
    """Return the folded folders that every path begins with, or an empty text.

    The page has the same function in search/find.ts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(paths) == 0 or paths.null_count:
        return ""
    ends = pc.min_max(_fold(paths.combine_chunks().cast(pa.large_string()))).as_py()
    both = zip(ends["min"], ends["max"], strict=False)
    common = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], both))
    return common[: common.rfind("/") + 1]


def _fold_all(texts: Iterable[str]) -> list[str]:
    import pyarrow as pa

    folded: list[str] = _fold(pa.array(list(texts), pa.large_string())).to_pylist()
    return folded


def _fold(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Remove case, accents and other forms of a letter, as the page does in search/find.ts.

    É, é, and e with a combining accent all become e, ß becomes ss, and ’ becomes '. The marks of
    other scripts remain, because these marks distinguish letters: ガ is not カ.
    """
    import pyarrow.compute as pc

    decomposed = pc.utf8_normalize(texts, form="NFKD")
    without_accents = pc.replace_substring_regex(decomposed, pattern=_ACCENTS, replacement="")
    lower = pc.utf8_lower(pc.utf8_normalize(without_accents, form="NFC"))
    for letter, same in (("ß", "ss"), ("ς", "σ"), ("‘", "'"), ("’", "'")):
        lower = pc.replace_substring(lower, pattern=letter, replacement=same)
    return lower


def _plain(value: object) -> str | float | int | bool | None:
    """Return a value of the table as JSON represents it: None for NaN, text for a date.

    An integer that JavaScript cannot represent is text, as in the bundle.
    """
    if isinstance(value, int) and abs(value) > MAX_EXACT_INTEGER:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | float | int | bool):
        return value
    return str(value)
