"""The items of a map as the exporters need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.mapfolder.read import read_items

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

    from featscape.mapfolder.read import Map

_NOT_EXPORTED = {"path_bytes", "sha256"}


def list_columns(made: Map, *, reserved: Collection[str] = ()) -> dict[str, pa.ChunkedArray]:
    """Return the columns of items.parquet, without hashes and empty columns.

    Parameters
    ----------
    made : Map
    reserved : collection of str
        Names that the exporter uses: a column of this name gets the prefix "source ", or several
        prefixes until no other column has the name.

    Returns
    -------
    dict of str to ChunkedArray
        n values of each column.
    """
    table = read_items(made.folder)
    taken = {*reserved, *table.column_names}
    columns = {}
    for name in table.column_names:
        if name in _NOT_EXPORTED or table[name].null_count == len(table):
            continue
        exported = name
        if name in reserved:
            while exported in taken:
                exported = f"source {exported}"
            taken.add(exported)
        columns[exported] = table[name]
    return columns
