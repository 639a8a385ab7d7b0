"""Read items.parquet, which may come from an untrusted source, and check its columns."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from featscape.files.parquet import check_claims, limit_bytes, open_with_dictionaries, read_batches
from featscape.mapfolder.layout import ITEMS, LANDMARK, damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    import pyarrow as pa

    from featscape.files.folder_handle import FolderHandle

_NEEDED = {"id", "path", "label", "split", "width", "height", "x"}


def read_items_file(folder: FolderHandle) -> pa.Table:
    """Read items.parquet of a map; raises InputError if a column is missing or invalid.

    Also raises InputError if its values need far more memory than the size of the file explains.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder.path / ITEMS
    try:
        with folder.open(ITEMS) as stream, pq.ParquetFile(stream) as parquet:
            problem = next(_find_wrong_types(parquet.schema_arrow), None)
            if problem is None:
                table = _read_bounded(stream, parquet.schema_arrow)
                table.validate(full=True)  # checks that text is UTF-8
                problem = next(_find_wrong_values(table), None)
    except (OSError, ValueError, pa.ArrowException) as error:
        # ValueError: the name of a column is not UTF-8
        raise damaged(file, error) from error
    if problem is not None:
        raise damaged(file, problem)
    return table


def _read_bounded(stream: BinaryIO, schema: pa.Schema) -> pa.Table:
    """Read the rows; raises ValueError if the rows need too much memory."""
    import pyarrow as pa

    max_bytes = limit_bytes(os.fstat(stream.fileno()).st_size)
    stream.seek(0)
    with open_with_dictionaries(stream) as packed:
        check_claims(packed.metadata, max_bytes=max_bytes)
        batches = read_batches(packed, max_bytes=max_bytes)
        return pa.Table.from_batches(batches, packed.schema_arrow).cast(schema)


def _find_wrong_types(schema: pa.Schema) -> Iterator[str]:
    """Yield the columns that are missing, duplicated, or of an unexpected type."""
    from pyarrow import types

    names = schema.names
    missing = _NEEDED.difference(names)
    if missing:
        yield f"it lacks the columns {', '.join(sorted(missing))}"
    if len(names) != len(set(names)):
        yield "two columns have the same name"

    texts = (types.is_string, types.is_large_string, types.is_null)
    numbers = (types.is_integer, types.is_floating)

    def is_category(data_type: pa.DataType) -> bool:
        return bool(types.is_dictionary(data_type) and types.is_string(data_type.value_type))

    others = (types.is_boolean, types.is_date, types.is_timestamp, is_category)
    own: dict[str, tuple[Callable[[pa.DataType], bool], ...]] = {
        **dict.fromkeys(("path", "label", "split", "sha256"), texts),
        **dict.fromkeys(("id", "width", "height"), (types.is_integer,)),
        **dict.fromkeys("xyz", (types.is_floating,)),
        "path_bytes": (types.is_binary,),
        LANDMARK: (types.is_boolean,),
    }
    for name, data_type in zip(names, schema.types, strict=True):
        if not any(is_type(data_type) for is_type in own.get(name, (*texts, *numbers, *others))):
            yield f"its column {name} has the type {data_type}"


def _find_wrong_values(table: pa.Table) -> Iterator[str]:
    """Yield the problems of the columns that every map contains, and of dates."""
    import numpy as np

    n_items = table.num_rows
    if not n_items:
        yield "it has no rows"
    if not np.array_equal(table["id"].to_numpy(), np.arange(n_items)):
        yield "its id is not 0, 1, 2, ..."
    whole = {"id", "path_bytes", LANDMARK, *"xyz"}
    nulls = {name: table[name].null_count for name in table.column_names}
    if nulls["path"] == 0:
        whole |= {"width", "height"}
    for name in ("path", "label", "split", *sorted(whole & nulls.keys())):
        allowed = (0,) if name in whole else (0, n_items)
        if nulls[name] not in allowed:
            yield f"its column {name} lacks some values"
    for name in sorted(set("xyz") & nulls.keys()):
        with np.errstate(over="ignore"):
            values = table[name].to_numpy().astype(np.float32)
        if not np.isfinite(values).all():
            yield f"its column {name} has numbers that are not finite"
    yield from _find_wrong_dates(table)


def _find_wrong_dates(table: pa.Table) -> Iterator[str]:
    """Yield the columns of dates that Python cannot represent."""
    import pyarrow as pa

    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_date(column.type):
            import pyarrow.compute as pc  # takes a quarter of a second

            try:
                pc.min_max(column).as_py()
            except OverflowError:
                yield f"its column {name} has dates outside the years 1 to 9999"
