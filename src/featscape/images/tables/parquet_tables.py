"""Read tables from Parquet files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError, first_line
from featscape.files.parquet import (
    arrow_errors,
    check_claims,
    limit_bytes,
    open_with_dictionaries,
    read_batches,
)
from featscape.images.tables.boxes import nested_reason
from featscape.images.tables.table import ImageTable, name_columns
from featscape.records.skipped import VECTORS, skipped_column

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    import pyarrow as pa

    from featscape.records import SkippedImage


def read_parquet(content: bytes | mmap.mmap, name: str) -> ImageTable:
    """Read a Parquet file in memory as a table; raises InputError if the file is damaged."""
    import pyarrow as pa

    with reading_parquet(name):
        file = open_with_dictionaries(pa.BufferReader(content))
        max_bytes = limit_bytes(len(content))
        check_claims(file.metadata, max_bytes=max_bytes)
        plain, nested = split_nested_columns(file.schema_arrow, name)
        batches = read_batches(file, max_bytes=max_bytes, columns=plain)
        schema = pa.schema([file.schema_arrow.field(column) for column in plain])
        read = pa.Table.from_batches(batches, schema)
    names = name_columns(read.column_names)
    columns = {}
    for column, values in zip(names, read.columns, strict=True):
        columns[column] = list_values(values, name, column, nested)
    return ImageTable(
        name, columns, positions=[f"row {row}" for row in range(read.num_rows)], skipped=nested
    )


def list_values(
    values: pa.ChunkedArray, table: str, column: str, skipped: list[SkippedImage]
) -> list[Any]:
    """Return the values of a column; None for values that Python cannot represent.

    Such values are text that is not UTF-8, and dates out of Python's range.

    Parameters
    ----------
    values : pyarrow.ChunkedArray
    table, column : str
        The names of the file and of the column, for the entry.
    skipped : list of SkippedImage
        Receives one entry for all values that cannot be represented.
    """
    try:
        listed = _to_list(values)
    except Exception:  # noqa: BLE001 - the invalid values are found below, one by one
        listed = []
    else:
        return listed
    n_invalid, reason = 0, ""
    for value in values:
        try:
            listed.append(value.as_py())
        except Exception as error:  # noqa: BLE001 - each type of Arrow raises its own exceptions
            listed.append(None)
            n_invalid, reason = n_invalid + 1, reason or first_line(error)
    invalid = f"values that cannot be read: {n_invalid:,} ({reason})"
    skipped.append(skipped_column(table, column, invalid))
    return listed


def _to_list(values: pa.ChunkedArray) -> list[Any]:
    """Return the values of a column; equal texts of a dictionary are one object.

    Arrow's own conversion of a dictionary takes 16 times as long.
    """
    import pyarrow as pa

    if values.type == pa.duration("ns"):
        values = values.cast(pa.duration("us"), safe=False)  # Python has no nanoseconds
    if not pa.types.is_dictionary(values.type):
        listed: list[Any] = values.to_pylist()
        return listed
    listed = []
    for chunk in values.chunks:
        texts = chunk.dictionary.to_pylist()
        listed += [None if index is None else texts[index] for index in chunk.indices.to_pylist()]
    return listed


def split_nested_columns(schema: pa.Schema, name: str) -> tuple[list[str], list[SkippedImage]]:
    """Return the columns of numbers, text and lists of text, and an entry for each other column.

    Parameters
    ----------
    schema : pyarrow.Schema
    name : str
        The name of the file, for the reasons.
    """
    import pyarrow as pa

    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    plain, nested = [], []
    for column in schema:
        data_type = column.type
        if pa.types.is_dictionary(data_type):
            data_type = data_type.value_type
        of_list = data_type.value_type if any(is_kind(data_type) for is_kind in lists) else None
        if of_list is not None and "string" in str(of_list):
            data_type = of_list
        if of_list is not None and pa.types.is_floating(of_list):
            nested.append(skipped_column(name, column.name, VECTORS))
        elif pa.types.is_nested(data_type) or "binary" in str(data_type):
            nested.append(skipped_column(name, column.name, nested_reason(data_type)))
        else:
            plain.append(column.name)
    return plain, nested


@contextmanager
def reading_parquet(file: object) -> Iterator[None]:
    """Raise InputError for the exceptions of Arrow, of which the file is the cause.

    Parameters
    ----------
    file : object
        The path or address of the file, for the message.
    """
    try:
        yield
    except arrow_errors() as error:
        raise InputError(
            f"a Parquet file must be undamaged; {str(file)!r} cannot be read "
            f"({first_line(error)}). Copy or download the file again."
        ) from error
