"""Read columns of untrusted Parquet files, with limits on the memory.

A compressed or dictionary-encoded column of a few kilobytes can contain gigabytes of equal texts.
Therefore the sizes in the footer are compared with the size of the file, texts are read as
dictionaries, which store each text once, and the size of the decoded texts is added up batch by
batch.

One size cannot be checked before Arrow allocates the memory: the size of a page before
compression, up to 2 GB, is in the header of the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

# Columns may take more bytes in memory than in the file. A file is refused if its columns take more
# than the larger of these two limits.
_MAX_GROWTH = 1_000
_SMALL_BYTES = 64 << 20
_BATCH_ROWS = 65_536


def open_with_dictionaries(source: Any, *, n_bytes: int, **options: Any) -> pq.ParquetFile:
    """Open a Parquet file for `read_batches`: texts are read as dictionaries.

    Parameters
    ----------
    source : path or binary file
    n_bytes : int
        The size of the file.
    **options
        Options of `pyarrow.parquet.ParquetFile`.

    Raises
    ------
    ValueError
        If the sizes in the footer are impossible. Also the exceptions of Arrow.
    """
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(source, **options)
    check_footer(parquet.metadata, n_bytes=n_bytes)
    leaves = (parquet.schema.column(index) for index in range(len(parquet.schema)))
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    return pq.ParquetFile(source, metadata=parquet.metadata, read_dictionary=texts, **options)


def check_footer(metadata: pq.FileMetaData, *, n_bytes: int) -> None:
    """Raise ValueError if the footer claims column chunks that do not fit into the file."""
    sizes = [
        (chunk.total_compressed_size, chunk.total_uncompressed_size) for chunk in _chunks(metadata)
    ]
    if any(min(pair) < 0 for pair in sizes) or compressed_bytes(metadata) > n_bytes:
        raise ValueError(
            f"its columns claim {compressed_bytes(metadata):,} bytes in a file of {n_bytes:,}"
        )


def compressed_bytes(metadata: pq.FileMetaData) -> int:
    """Return the size of all columns in the file, according to the footer."""
    return sum(chunk.total_compressed_size for chunk in _chunks(metadata))


def limit_bytes(n_bytes: int, *, growth: int = _MAX_GROWTH) -> int:
    """Return the largest accepted size of the values of a file of `n_bytes` bytes."""
    return max(_SMALL_BYTES, growth * n_bytes)


def read_batches(
    parquet: pq.ParquetFile,
    *,
    max_bytes: int,
    columns: Sequence[str] | None = None,
    row_group: int | None = None,
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

    Raises
    ------
    ValueError
        If the values need more than `max_bytes`. Also the exceptions of Arrow.
    """
    groups = range(parquet.metadata.num_row_groups) if row_group is None else [row_group]
    n_rows = sum(parquet.metadata.row_group(group).num_rows for group in groups)
    chunks = [
        chunk
        for chunk in _chunks(parquet.metadata, groups)
        if columns is None or _is_part(chunk.path_in_schema, columns)
    ]
    types = [field.type for field in parquet.schema_arrow if _is_read(field.name, columns)]
    n_bytes = n_rows * sum(map(_count_fixed_bytes, types))
    _check_bytes(max(n_bytes, sum(chunk.total_uncompressed_size for chunk in chunks)), max_bytes)
    batches = parquet.iter_batches(
        _BATCH_ROWS, columns=columns, row_groups=list(groups), use_threads=False
    )
    for batch in batches:
        n_bytes += sum(map(_count_text_bytes, batch.columns))
        _check_bytes(n_bytes, max_bytes)
        yield batch


def _chunks(
    metadata: pq.FileMetaData, groups: Iterable[int] | None = None
) -> Iterator[pq.ColumnChunkMetaData]:
    for group in range(metadata.num_row_groups) if groups is None else groups:
        row_group = metadata.row_group(group)
        yield from (row_group.column(index) for index in range(row_group.num_columns))


def _is_part(path: str, columns: Sequence[str]) -> bool:
    """Return whether a leaf of the schema is one of `columns` or part of one."""
    return any(path == column or path.startswith(f"{column}.") for column in columns)


def _is_read(name: str, columns: Sequence[str] | None) -> bool:
    """Return whether at least a part of a column is read."""
    return columns is None or any(_is_part(column, [name]) for column in columns)


def _count_fixed_bytes(kind: pa.DataType) -> int:
    """Return the largest number of bytes of a value, apart from the bytes of texts."""
    try:
        return max(8, int(kind.bit_width) // 8)
    except ValueError:  # a type without a fixed size
        return 8


def _check_bytes(n_bytes: int, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise ValueError(
            f"its values take {n_bytes:,} bytes, and a file of its size may have {max_bytes:,}"
        )


def _count_text_bytes(column: pa.Array) -> int:
    """Return the number of bytes of the texts that a column of dictionary indices refers to."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type):
        return sum(map(_count_text_bytes, column.flatten()))
    if not (pa.types.is_dictionary(column.type) and _is_text(column.type.value_type)):
        return 0
    lengths = pc.binary_length(column.dictionary).cast(pa.int64()).take(column.indices)
    return pc.sum(lengths).as_py() or 0


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    return any(is_kind(kind) for is_kind in (*kinds, pa.types.is_large_binary))
