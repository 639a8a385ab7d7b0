"""Read columns of untrusted Parquet files, with limits on the memory.

A compressed or dictionary-encoded column of a few kilobytes can contain gigabytes of equal texts.
Therefore the claims of the footer are checked first, texts are read as dictionaries, which store
each text once, and the size of the decoded texts is added up batch by batch.

The footer's details of a column chunk are never read: for damaged details, a C++ exception leaves
pyarrow's `RowGroupMetaData.column` and ends the process. Arrow itself compares the sizes of the
chunks with the size of the file. One size is not checked before Arrow allocates the memory: the
size of a page before compression, up to 2 GB, is in the header of the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

# Columns may take more bytes in memory than in the file. A file is refused if its columns take more
# than the larger of these two limits.
_MAX_GROWTH = 1_000
_SMALL_BYTES = 64 << 20
_BATCH_ROWS = 65_536
_BUFFER_BYTES = 1 << 20
_ROW_BYTES = 8  # of a row, apart from its values


def open_with_dictionaries(source: Any, **options: Any) -> pq.ParquetFile:
    """Open a Parquet file for `read_batches`: texts are read as dictionaries.

    Parameters
    ----------
    source : path or binary file
    **options
        Options of `pyarrow.parquet.ParquetFile`, whose exceptions are raised.
    """
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(source, **options)
    leaves = (parquet.schema.column(index) for index in range(len(parquet.schema)))
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    return pq.ParquetFile(source, metadata=parquet.metadata, read_dictionary=texts, **options)


def arrow_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that Arrow raises for a file that is damaged or cannot be read.

    UnicodeDecodeError, for text in the footer or in a column, is a ValueError.
    """
    import pyarrow as pa

    return OSError, ValueError, pa.ArrowException


def reading_options(n_bytes: int) -> dict[str, Any]:
    """Return the options of `ParquetFile` for reading a file in parts.

    The column chunks of a small file are read at once, because Arrow's buffered reader allocates
    and fills as many bytes as the header of a page claims, up to 2 GB, before the reader looks at
    the size of the file.

    Parameters
    ----------
    n_bytes : int
        The size of the file.
    """
    is_large = n_bytes > _SMALL_BYTES
    return {"pre_buffer": False, **({"buffer_size": _BUFFER_BYTES} if is_large else {})}


def limit_bytes(n_bytes: int, *, growth: int = _MAX_GROWTH) -> int:
    """Return the largest accepted size of the values of a file of `n_bytes` bytes."""
    return max(_SMALL_BYTES, growth * n_bytes)


def check_claims(metadata: pq.FileMetaData, *, max_bytes: int) -> None:
    """Raise ValueError if all columns together claim more than `max_bytes` when decompressed."""
    groups = (metadata.row_group(group) for group in range(metadata.num_row_groups))
    _check_bytes(sum(max(group.total_byte_size, 0) for group in groups), max_bytes)


def read_batches(
    parquet: pq.ParquetFile,
    *,
    max_bytes: int,
    columns: Sequence[str] | None = None,
    row_group: int | None = None,
    batch_rows: int = _BATCH_ROWS,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file from `open_with_dictionaries`, in batches.

    Parameters
    ----------
    parquet : pyarrow.parquet.ParquetFile
    max_bytes : int
        The largest accepted size of the values: see `limit_bytes`.
    columns : sequence of str, optional
        The columns to read, or fields of columns such as "image.path"; by default all.
    row_group : int, optional
        The row group to read; by default all.
    batch_rows : int
        The largest number of rows of a batch.

    Raises
    ------
    ValueError
        If the values need more than `max_bytes`. Also the exceptions of Arrow.
    """
    groups = range(parquet.metadata.num_row_groups) if row_group is None else [row_group]
    n_rows = sum(parquet.metadata.row_group(group).num_rows for group in groups)
    types = [field.type for field in parquet.schema_arrow if _is_read(field.name, columns)]
    n_bytes = n_rows * (_ROW_BYTES + sum(map(_count_fixed_bytes, types)))
    _check_bytes(n_bytes, max_bytes)
    batches = parquet.iter_batches(
        batch_rows, columns=columns, row_groups=list(groups), use_threads=False
    )
    for batch in batches:
        n_bytes += sum(map(_count_varying_bytes, batch.columns))
        _check_bytes(n_bytes, max_bytes)
        yield batch


def _is_read(name: str, columns: Sequence[str] | None) -> bool:
    """Return whether a column, or a field of the column, is read."""
    if columns is None:
        return True
    return any(column == name or column.startswith(f"{name}.") for column in columns)


def _count_fixed_bytes(data_type: pa.DataType) -> int:
    """Return the largest number of bytes of a value, apart from the bytes of texts."""
    try:
        return max(8, int(data_type.bit_width) // 8)
    except ValueError:  # a type without a fixed size
        return 8


def _check_bytes(n_bytes: int, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise ValueError(
            f"its values take {n_bytes:,} bytes, and a file of its size may have {max_bytes:,}"
        )


def _count_varying_bytes(column: pa.Array) -> int:
    """Return the number of bytes of lists, or of the texts that dictionary indices refer to."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type):
        return sum(map(_count_varying_bytes, column.flatten()))
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return int(column.nbytes)
    if not (pa.types.is_dictionary(column.type) and _is_text(column.type.value_type)):
        return 0
    lengths = pc.binary_length(column.dictionary).cast(pa.int64()).take(column.indices)
    return pc.sum(lengths).as_py() or 0


def _is_text(data_type: pa.DataType) -> bool:
    import pyarrow as pa

    text_types = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    return any(is_type(data_type) for is_type in (*text_types, pa.types.is_large_binary))
