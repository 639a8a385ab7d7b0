"""Read items.parquet and check its columns, because the file may come from a stranger."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from featscape.mapfolder import ITEMS, LANDMARK, damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    import pyarrow as pa
    import pyarrow.parquet as pq

    from featscape.files.folder_handle import FolderHandle

# The values of a column may have many times the bytes that they take in the file. More than the
# larger of these two limits is refused.
_MOST_GROWTH = 1_000
_SMALL_BYTES = 64 << 20
_BATCH_ROWS = 65_536

_NEEDED = {"id", "path", "label", "split", "width", "height", "x"}


def read_table(folder: FolderHandle) -> pa.Table:
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
                table = _read_bounded(stream, parquet)
                table.validate(full=True)  # checks that text is UTF-8
                problem = next(_find_wrong_values(table), None)
    except (OSError, ValueError, pa.ArrowException) as error:
        # ValueError: the name of a column is not UTF-8
        raise damaged(file, error) from error
    if problem is not None:
        raise damaged(file, problem)
    return table


def _read_bounded(stream: BinaryIO, parquet: pq.ParquetFile) -> pa.Table:
    """Read the rows; raises ValueError if they need too much memory.

    Compression shrinks repeated texts, so the sizes that the file claims are checked first. A
    dictionary stores a text once, so a file of 20 KB can contain gigabytes of equal texts. Texts
    are therefore read as dictionaries, and decoded only after their size is known. The rows are
    read in batches, because the claimed sizes may be wrong.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = parquet.schema_arrow
    most_bytes = max(_SMALL_BYTES, _MOST_GROWTH * os.fstat(stream.fileno()).st_size)
    # each value takes 8 bytes at most, apart from the bytes of texts
    fixed_bytes = 8 * parquet.metadata.num_rows * len(schema)
    texts = [
        field.name
        for field in schema
        if any(
            is_kind(field.type)
            for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
        )
    ]
    _check_bytes(max(fixed_bytes, _claimed_bytes(parquet.metadata)), most_bytes)
    stream.seek(0)
    batches = []
    n_bytes = fixed_bytes
    with pq.ParquetFile(stream, read_dictionary=texts) as packed:
        packed_schema = packed.schema_arrow
        for batch in packed.iter_batches(_BATCH_ROWS):
            n_bytes += sum(map(_decoded_bytes, batch.columns))
            _check_bytes(n_bytes, most_bytes)
            batches.append(batch)
    return pa.Table.from_batches(batches, packed_schema).cast(schema)


def _claimed_bytes(metadata: pq.FileMetaData) -> int:
    """Return the size of all columns before compression that the footer of a file claims."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return sum(
        max(group.column(number).total_uncompressed_size, 0)
        for group in groups
        for number in range(group.num_columns)
    )


def _check_bytes(n_bytes: int, most_bytes: int) -> None:
    """Raise ValueError if the rows need more memory than the file's size allows."""
    if n_bytes > most_bytes:
        raise ValueError(
            f"its values take {n_bytes:,} bytes, and a file of its size may have {most_bytes:,}"
        )


def _decoded_bytes(column: pa.Array) -> int:
    """Return the number of bytes of the texts that a column of dictionary indices refers to."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return 0
    lengths = pc.binary_length(column.dictionary).cast(pa.int64()).take(column.indices)
    return pc.sum(lengths).as_py() or 0


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

    def is_category(kind: pa.DataType) -> bool:
        return bool(types.is_dictionary(kind) and types.is_string(kind.value_type))

    others = (types.is_boolean, types.is_date, types.is_timestamp, is_category)
    own: dict[str, tuple[Callable[[pa.DataType], bool], ...]] = {
        **dict.fromkeys(("path", "label", "split", "sha256"), texts),
        **dict.fromkeys(("id", "width", "height"), (types.is_integer,)),
        **dict.fromkeys("xyz", (types.is_floating,)),
        "path_bytes": (types.is_binary,),
        LANDMARK: (types.is_boolean,),
    }
    for name, kind in zip(names, schema.types, strict=True):
        if not any(is_kind(kind) for is_kind in own.get(name, (*texts, *numbers, *others))):
            yield f"its column {name} has the type {kind}"


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
    import pyarrow.compute as pc

    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_date(column.type):
            try:
                pc.min_max(column).as_py()
            except OverflowError:
                yield f"its column {name} has dates outside the years 1 to 9999"
