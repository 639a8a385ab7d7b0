"""The items of a map as the exporters need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.mapfolder.read import read_items

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from featscape.mapfolder.read import Map

_NOT_EXPORTED = {"path_bytes", "sha256"}


def list_columns(made: Map, *, reserved: Iterable[str] = ()) -> dict[str, pa.ChunkedArray]:
    """Return the columns of items.parquet, without hashes and empty columns.

    Parameters
    ----------
    made : Map
    reserved : iterable of str
        Names that the exporter uses: a column of this name gets the prefix "source ".

    Returns
    -------
    dict of str to ChunkedArray
        n values of each column.
    """
    table = read_items(made.folder)
    reserved = set(reserved)
    return {
        f"source {name}" if name in reserved else name: table[name]
        for name in table.column_names
        if name not in _NOT_EXPORTED and table[name].null_count < len(table)
    }
