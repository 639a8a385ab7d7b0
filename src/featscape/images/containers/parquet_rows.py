"""Read images that are stored in the rows of Parquet files, as Hugging Face writes them."""

from __future__ import annotations

import bisect
import io
import os
import re
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from featscape.errors import ImageError, first_line
from featscape.files.parquet import (
    arrow_errors,
    limit_bytes,
    open_with_dictionaries,
    read_batches,
    reading_options,
)
from featscape.files.regular import check_regular
from featscape.images.containers.image_columns import find_image_column, has_path
from featscape.images.storage.backends import storage_of
from featscape.images.storage.deadline import is_expired
from featscape.images.storage.limits import MAX_BYTES, check_size
from featscape.images.storage.locations import file_name, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    import pyarrow.parquet as pq

    from featscape.images.storage.locations import Location

_LARGE_FILE_BYTES = 64 << 20
FILE_NAME = "file_name"  # the column of the names that are stored beside the image bytes
# the paths of `path_of_row` and `path_of_name`: the file, and the column and the row or the name
_FILE_END = re.compile(r"\.parquet(?=/)", re.IGNORECASE)
_ROW = re.compile(r"(?:([^/=]*)@)?(\d{1,19})")
_NAME = re.compile(r"([^/=]*)=(.*)", re.DOTALL)
_FEWER_ROWS = "the row group has fewer rows than it claims"
_MAX_BATCH_ROWS = 64
_MAX_BATCH_BYTES = 256 << 20  # of a batch of more than one row
_MAX_CACHED_ROWS = 2 * _MAX_BATCH_ROWS


class ParquetImages:
    """The images in the rows of a Parquet file, or of the files in a folder; thread-safe.

    `path_of_row` and `path_of_name` make the paths of the images. A file is read forward, batch by
    batch. A step back reads the row group again from its start.

    Parameters
    ----------
    source : Path or str
        A file or folder, or the address of a file or folder.
    """

    def __init__(self, source: Location) -> None:
        self._source = source
        self._is_file = is_parquet_file(source)
        self._are_files: dict[str, bool] = {}  # of the names that `_file_of` compares
        self._lock = threading.Lock()
        # by the file and its column of images
        self._open: tuple[tuple[str, str | None], _RowReader] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the source for pickle, which opens the source again."""
        return ParquetImages, (self._source,)

    def read(self, path: str) -> bytes:
        """Return the image in a row; raises ImageError if there is none."""
        name = self._file_of(path)
        rest = path[len(name) + 1 :]
        by_row = _ROW.fullmatch(rest)
        parts = by_row or _NAME.fullmatch(rest)
        if not name or parts is None:
            raise ImageError("no such row")
        quoted, place = parts.groups()
        column = None if quoted is None else unquote(quoted)
        key = (name, column if by_row else None)
        with self._lock:
            if self._open is None or self._open[0] != key:
                self._open = key, _RowReader(self._location_of(name), key[1])
            reader = self._open[1]
            value = reader.read(int(place) if by_row else reader.find(place, column or ""))
        content, original_name = value if isinstance(value, tuple) else (value, None)
        if content is None:
            detail = f"; the row names the file {original_name!r}" if original_name else ""
            raise ImageError(f"no image bytes in this row{detail}")
        check_size(len(content))
        return bytes(content)

    def _file_of(self, path: str) -> str:
        """Return the name of the file in a path; "" without a file.

        Names of folders and of images may contain ".parquet/", too.
        """
        names = [path[: end.end()] for end in _FILE_END.finditer(path)]
        if len(names) > 1 and not self._is_file:
            return next((name for name in names if self._has_file(name)), names[-1])
        return names[0] if names else ""

    def _has_file(self, name: str) -> bool:
        if name not in self._are_files:
            location = self._location_of(name)
            self._are_files[name] = storage_of(location).exists(location)
        return self._are_files[name]

    def _location_of(self, name: str) -> Location:
        file = self._source if self._is_file else join(self._source, name)
        if ".." in name.split("/") or file_name(file) != name.rpartition("/")[2]:
            raise ImageError("no such file in the source")
        return file


class _RowReader:
    """Reads the images of one file, row by row."""

    def __init__(self, file: Location, column: str | None = None) -> None:
        self._location = file
        self._rows: dict[str, dict[str, int]] = {}  # of each name, by the column of names
        try:
            self._file, n_bytes = open_parquet(file)
            column = find_image_column(self._file, wanted=column)
            starts = row_group_starts(self._file.metadata)
        except arrow_errors() as error:
            raise ImageError(f"the file cannot be read ({first_line(error)})") from error
        if column is None:
            raise ImageError("the file no longer has a column of images")
        self._column = column
        self._max_group_bytes = limit_bytes(n_bytes)
        self._starts = starts
        self._next = (-1, 0)  # the row group and the number of the next batch
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._values: dict[tuple[int, int], list[Any]] = {}  # of the last batches
        self._damage: dict[int, tuple[int, str]] = {}  # by row group: the first batch, the reason

    def find(self, name: str, column: str) -> int:
        """Return the first row with a name in a column, or -1. The caller holds the lock."""
        if column not in self._rows:
            try:
                opened, n_bytes = open_columns(self._location)
                is_named = has_names(opened, column)
                names = read_names(opened, column, n_bytes=n_bytes) if is_named else []
            except arrow_errors() as error:
                raise ImageError(f"the names cannot be read ({first_line(error)})") from error
            if not is_named:
                raise ImageError(f"the file has no column {column!r} of names")
            rows = {one: row for row, one in reversed(list(enumerate(names))) if one is not None}
            self._rows[column] = rows
        return self._rows[column].get(name, -1)

    def read(self, row: int) -> Any:
        """Return the bytes of an image, or a tuple of the bytes and a file name.

        The caller holds the lock.
        """
        if not 0 <= row < self._starts[-1]:
            raise ImageError("no such row")
        group = bisect.bisect_right(self._starts, row) - 1
        batch_rows = self._count_batch_rows(group)
        batch, offset = divmod(row - self._starts[group], batch_rows)
        first_damaged, reason = self._damage.get(group, (batch + 1, ""))
        if batch >= first_damaged:  # another attempt would read the row group up to the damage
            raise ImageError(reason)
        try:
            while (group, batch) not in self._values:
                self._read_batch(group, batch, batch_rows)
            values = self._values[group, batch]
            if offset >= len(values):
                raise ValueError(_FEWER_ROWS)
        except arrow_errors() as error:
            reason = f"damaged in the file ({first_line(error)})"
            if not is_expired():
                self._damage[group] = (self._next[1] if self._next[0] == group else 0, reason)
            self._next = (-1, 0)
            raise ImageError(reason) from error
        value = values[offset]
        if isinstance(value, dict):
            return value["bytes"], value.get("path")
        return value

    def _count_batch_rows(self, group: int) -> int:
        """Return the number of rows to read at once; raises ImageError for impossible sizes.

        Any row may have all the bytes of its row group, and a dictionary repeats one row many
        times. The number is therefore small where the row group is large.
        """
        metadata = self._file.metadata.row_group(group)
        n_bytes: int = metadata.total_byte_size
        max_bytes = min(metadata.num_rows * MAX_BYTES + _LARGE_FILE_BYTES, self._max_group_bytes)
        if not 0 <= n_bytes <= max_bytes:
            raise ImageError(
                f"damaged in the file (its row group claims {n_bytes:,} bytes for "
                f"{metadata.num_rows:,} rows)"
            )
        n_rows = _MAX_BATCH_BYTES // max(1, n_bytes)
        return max(1, min(_MAX_BATCH_ROWS, n_rows))

    def _read_batch(self, group: int, batch: int, batch_rows: int) -> None:
        """Read the next batch on the way to `batch`, from the row group's start if necessary."""
        if self._next[0] != group or self._next[1] > batch:
            self._batches = self._file.iter_batches(
                batch_size=batch_rows,
                row_groups=[group],
                columns=[self._column],
                use_threads=False,
            )
            self._next = (group, 0)
        read = next(self._batches, None)
        if read is None:
            raise ValueError(_FEWER_ROWS)
        if self._next[1] == batch:
            if read.nbytes > MAX_BYTES + _LARGE_FILE_BYTES:  # the claim was false
                raise ValueError(f"a batch has {read.nbytes:,} bytes")
            self._values[self._next] = read.column(0).to_pylist()
            self._drop_old_values()
        self._next = (group, self._next[1] + 1)

    def _drop_old_values(self) -> None:
        """Drop the oldest batches beyond the limits of the cache, except for the last batch."""
        n_rows = n_bytes = 0
        for number, key in enumerate(reversed(list(self._values))):
            n_rows += len(self._values[key])
            n_bytes += sum(map(_count_bytes, self._values[key]))
            is_over = n_rows > _MAX_CACHED_ROWS or n_bytes > 2 * _MAX_BATCH_BYTES
            if number and is_over:
                del self._values[key]


def _count_bytes(value: Any) -> int:
    """Return the size of the image in a row."""
    content = value.get("bytes") if isinstance(value, dict) else value
    return len(content or b"")


def path_of_row(file: str, row: int, *, column: str | None) -> str:
    """Return the path of an image: FILE/ROW, or FILE/COLUMN@ROW for a column that is named."""
    return f"{file}/{row}" if column is None else f"{file}/{_quote(column)}@{row}"


def path_of_name(file: str, name: str, *, column: str) -> str:
    """Return the path of an image that has a name in a column: FILE/COLUMN=NAME."""
    return f"{file}/{_quote(column)}={name}"


def _quote(column: str) -> str:
    return column.replace("%", "%25").replace("/", "%2F").replace("=", "%3D")


def has_names(parquet: pq.ParquetFile, column: str) -> bool:
    """Return whether a column beside the images may contain their names: text or integers.

    `FILE_NAME` is also the column of the names that are stored with the bytes.
    """
    import pyarrow as pa

    schema = parquet.schema_arrow
    image = find_image_column(parquet)
    if image is None:
        return False
    if column not in schema.names:
        return column == FILE_NAME and has_path(schema.field(image).type)
    data_type = schema.field(column).type
    data_type = data_type.value_type if pa.types.is_dictionary(data_type) else data_type
    return bool(pa.types.is_integer(data_type) or "string" in str(data_type))


def read_names(opened: pq.ParquetFile, column: str, *, n_bytes: int) -> list[str | None]:
    """Return the name of each row in a column for which `has_names` is true; None without a name.

    The rows of a damaged row group have no names. Raises the exceptions of Arrow.

    Parameters
    ----------
    opened, n_bytes
        From `open_columns`.
    column : str
    """
    is_stored = column not in opened.schema_arrow.names
    field = f"{find_image_column(opened)}.path" if is_stored else column
    names: list[str | None] = []
    for group, (start, end) in enumerate(pairwise(row_group_starts(opened.metadata))):
        limits = {"max_bytes": limit_bytes(n_bytes), "row_group": group}
        try:
            batches = list(read_batches(opened, columns=[field], **limits))
        except arrow_errors():  # the source reports the damaged rows
            names += [None] * (end - start)
            continue
        values = [value for batch in batches for value in batch.column(0).to_pylist()]
        if is_stored:
            values = [None if value is None else value["path"] for value in values]
        names += [None if value in (None, "") else str(value) for value in values]
    return names


def row_group_starts(metadata: pq.FileMetaData) -> list[int]:
    """Return the first row of each row group, followed by the total number of rows.

    Raises
    ------
    ValueError
        If the numbers of rows in the metadata are inconsistent.
    """
    starts = [0]
    for number in range(metadata.num_row_groups):
        n_rows = metadata.row_group(number).num_rows
        if n_rows < 0:
            raise ValueError(f"row group {number} claims {n_rows} rows")
        starts.append(starts[-1] + n_rows)
    if starts[-1] != metadata.num_rows:
        raise ValueError(
            f"the file claims {metadata.num_rows} rows, but its row groups {starts[-1]}"
        )
    return starts


def is_parquet(name: str) -> bool:
    """Return whether a file name has the extension .parquet."""
    return name.lower().endswith(".parquet")


def is_parquet_file(source: Location) -> bool:
    """Return whether a source of Parquet files is a single file."""
    return source.is_file() if isinstance(source, Path) else is_parquet(file_name(source))


def open_parquet(file: Location) -> tuple[pq.ParquetFile, int]:
    """Open a Parquet file to read images, and return its size in bytes, too."""
    import pyarrow.parquet as pq

    source, n_bytes, options = _open_bytes(file)
    return pq.ParquetFile(source, **options), n_bytes


def open_columns(file: Location) -> tuple[pq.ParquetFile, int]:
    """Open a Parquet file for `read_batches`, and return its size in bytes, too."""
    source, n_bytes, options = _open_bytes(file)
    return open_with_dictionaries(source, **options), n_bytes


def _open_bytes(file: Location) -> tuple[Any, int, dict[str, Any]]:
    """Return the bytes of a file, their number, and the options for reading them."""
    import pyarrow as pa

    if isinstance(file, Path):
        facts = file.stat()
        check_regular(facts, file)
        source: Any = pa.OSFile(os.fspath(file))  # a path would be opened twice by `open_columns`
        n_bytes = facts.st_size
    else:
        source = storage_of(file).open(file)
        n_bytes = source.seek(0, io.SEEK_END)
    return source, n_bytes, reading_options(n_bytes)
