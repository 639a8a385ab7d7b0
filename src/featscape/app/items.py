"""The table of the items: what it says of one, and which ones a text finds."""

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

    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray

    from featscape.files.folder_handle import FolderHandle

# What has a place of its own in ItemDetails, or is the map itself.
_NAMED = {"id", "path", "path_bytes", "label", "width", "height", "sha256", "x", "y", "z"}

# Both sides of a comparison: É, é and e followed by an accent are all e.
_PLAIN = "strip_accents(lower({}))"


class Items:
    """The rows of items.parquet; usable from several threads.

    Parameters
    ----------
    folder : Path or FolderHandle
        The map's.
    texts : collection of str
        The columns that are searched beside path and label.

    Raises
    ------
    InputError
        If the table is missing or damaged, or lacks one of these.
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
        self._search: duckdb.DuckDBPyConnection | None = None
        self._preparing = threading.Lock()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def have_paths(self) -> bool:
        """Whether the items are files."""
        return len(self) > 0 and self._table["path"][0].is_valid

    def path(self, item: int) -> str | None:
        """Return the item's path below the source, exactly as the file system has it."""
        if self._has_bytes:
            return os.fsdecode(self._table["path_bytes"][item].as_py())
        path: str | None = self._table["path"][item].as_py()
        return path

    def sha256(self, item: int) -> str | None:
        """Return the SHA-256 of the item's file; None where the map does not know it."""
        if "sha256" not in self._table.column_names:
            return None
        digest: str | None = self._table["sha256"][item].as_py()
        return digest

    def details(self, item: int) -> ItemDetails:
        """Return everything that the table says of an item."""
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
        """Find the items that hold every word of `text` in their path, label or a text column.

        These are what a page without a server searches too.

        Parameters
        ----------
        text : str
            Words between blanks, in any order; capitals and accents do not matter.

        Returns
        -------
        ndarray of uint32, shape (m,)
            Ids, ascending.
        """
        words = sorted(set(text.split()))
        conditions = [f"contains(text, {_PLAIN.format('?')})" for _ in words]
        found = (
            self._searchable()
            .cursor()  # one of its own for each thread
            .execute(f"SELECT id FROM items WHERE {' AND '.join(['true', *conditions])}", words)  # noqa: S608 - the words are bound
            .fetchnumpy()["id"]
        )
        return np.sort(found).astype(np.uint32)

    def _searchable(self) -> duckdb.DuckDBPyConnection:
        """Return a database in memory with one text an item, made at the first search."""
        with self._preparing:
            if self._search is None:
                self._search = _prepare(self._table.select(self._searched))
            return self._search


def _prepare(texts: pa.Table) -> duckdb.DuckDBPyConnection:
    import duckdb
    import pyarrow as pa

    columns = {
        f"text_{number}": column.cast(pa.string()) for number, column in enumerate(texts.columns)
    }
    source = pa.table({"id": pa.array(np.arange(texts.num_rows, dtype=np.uint32)), **columns})
    connection = duckdb.connect(":memory:")
    connection.register("source", source)
    joined = _PLAIN.format(f"concat_ws(chr(10), {', '.join(columns)})")  # no word holds a newline
    connection.execute(f"CREATE TABLE items AS SELECT id, {joined} AS text FROM source")  # noqa: S608 - names of ours
    connection.unregister("source")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _plain(value: object) -> str | float | int | bool | None:
    """Return a value of the table as JSON knows it: NaN is none, a date its text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | float | int | bool):
        return value
    return str(value)
