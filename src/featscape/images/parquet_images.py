"""Parquet files that hold the images themselves, as Hugging Face writes them -> an `ImageSet`."""

from __future__ import annotations

import bisect
import json
import threading
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError, first_line
from featscape.files.regular import check_regular
from featscape.images.columns import sort_out
from featscape.images.decode import decode_bytes
from featscape.images.files import check_size, file_name, join, storage_of
from featscape.images.folder import list_below
from featscape.images.names import find_split, tell_skipped
from featscape.images.plain_jpeg import decode_plain
from featscape.images.tables import list_values, name_columns, plain_columns
from featscape.records import ImageSet, SkippedImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    import pyarrow.parquet as pq

    from featscape.images.files import Place

_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "image_bytes", "img_bytes", "bytes")
_BATCH = 64  # rows in memory twice
_FILE_NAME = "file_name"


class ParquetImages:
    """The images in the rows of one file, or of those in a folder: FILE/ROW.

    Usable from several threads. A file is read forward, some rows at a time; a step back begins
    its row group anew.

    Parameters
    ----------
    source : Path or str
        A file or folder, or the address of one.
    """

    def __init__(self, source: Place) -> None:
        self._source = source
        self._is_file = _is_file(source)
        self._lock = threading.Lock()
        self._open: tuple[str, _Rows] | None = None

    def read(self, path: str) -> bytes:
        """Return the image in a row; raises ImageError if there is none."""
        name, _, digits = path.rpartition("/")
        row = int(digits) if digits.isdecimal() and len(digits) < 20 else -1
        with self._lock:
            if self._open is None or self._open[0] != name:
                self._open = name, _Rows(self._at(name))
            value = self._open[1].read(row)
        content, known_as = value if isinstance(value, tuple) else (value, None)
        if content is None:
            where = f"; it names the file {known_as!r}" if known_as else ""
            raise ImageError(f"no image bytes in this row{where}")
        check_size(len(content))
        return bytes(content)

    def _at(self, name: str) -> Place:
        file = self._source if self._is_file else join(self._source, name)
        if ".." in name.split("/") or file_name(file) != name.rpartition("/")[2]:
            raise ImageError("no such file in the source")
        return file


class _Rows:
    """The images of one file, row by row."""

    def __init__(self, file: Place) -> None:
        try:
            self._file = _open(file)
            column = find_image_column(self._file.schema_arrow)
            starts = _start_groups(self._file.metadata)
        except Exception as error:  # see `holds_images`
            raise ImageError(f"its file cannot be read ({first_line(error)})") from error
        if column is None:
            raise ImageError("its file has no column of images any more")
        self._column = column
        self._starts = starts
        self._at = (-1, 0)  # the group and the batch that comes next
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._last: dict[tuple[int, int], list[Any]] = {}
        self._damaged: dict[int, tuple[int, str]] = {}  # by group: the first batch, and why

    def read(self, row: int) -> Any:
        """Return the bytes of a row, or these and the name of a file; called with the lock."""
        if not 0 <= row < self._starts[-1]:
            raise ImageError("no such row")
        group = bisect.bisect_right(self._starts, row) - 1
        number, place = divmod(row - self._starts[group], _BATCH)
        first_damaged, reason = self._damaged.get(group, (number + 1, ""))
        if number >= first_damaged:  # to try it again would read the group up to there
            raise ImageError(reason)
        try:
            while (group, number) not in self._last:
                self._step(group, number)
        except Exception as error:
            # Arrow raises OSError and ArrowException, and what decoding a file's name raises
            reason = f"damaged in its file ({first_line(error)})"
            self._damaged[group] = (self._at[1] if self._at[0] == group else 0, reason)
            self._at = (-1, 0)
            raise ImageError(reason) from error
        value = self._last[group, number][place]
        if isinstance(value, dict):
            return value["bytes"], value.get("path")
        return value

    def _step(self, group: int, number: int) -> None:
        """Read the next batch, at the beginning of the group where the one wanted is behind."""
        if self._at[0] != group or self._at[1] > number:
            self._batches = self._file.iter_batches(
                batch_size=_BATCH, row_groups=[group], columns=[self._column], use_threads=False
            )
            self._at = (group, 0)
        values = next(self._batches).column(0).to_pylist() if self._at[1] == number else None
        if values is None:
            next(self._batches)
        else:
            kept = list(self._last.items())[-1:]
            self._last = dict([*kept, (self._at, values)])
        self._at = (group, self._at[1] + 1)


def holds_images(file: Place) -> bool:
    """Whether a Parquet file has a column of image bytes; raises InputError if it is damaged."""
    try:
        return find_image_column(_open(file).schema_arrow) is not None
    except Exception as error:
        # Arrow raises OSError and ArrowException, and what decoding the schema's text raises
        raise _damaged(file, error) from error


def find_image_column(schema: pa.Schema) -> str | None:
    """Return the column of images: a struct with bytes, or bytes that are called as images are."""
    import pyarrow as pa

    def is_binary(kind: pa.DataType) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    for field in schema:
        if pa.types.is_struct(field.type):
            inner = {part.name: part.type for part in field.type}
            if is_binary(inner.get("bytes", pa.null())):
                return str(field.name)
    named = {field.name.lower(): field.name for field in schema if is_binary(field.type)}
    return next((named[name] for name in _NAMES if name in named), None)


def find_in_parquet(source: Place, *, label_column: str | None = None) -> ImageSet:
    """Find the images in the rows of a Parquet file, or of all below a folder.

    Labels that are numbers get the names that Hugging Face stores with them.

    Parameters
    ----------
    source : Path or str
    label_column : str, optional

    Raises
    ------
    InputError
        If no file can be read, or none holds images.
    """
    files = [(file_name(source), source)] if _is_file(source) else _list_files(source)
    paths: list[str] = []
    splits: list[str] = []
    skipped: list[SkippedImage] = []
    columns: dict[str, list[Any]] = defaultdict(list)
    for name, file in files:
        try:
            if not holds_images(file):
                skipped.append(SkippedImage(name, "no column of image bytes"))
                continue
        except InputError as error:
            skipped.append(SkippedImage(name, str(error)))
            continue
        n_before = len(paths)
        try:
            rows, read = _read_columns(file, name, skipped)
        except InputError as error:
            skipped.append(SkippedImage(name, str(error)))
            continue
        for column, values in read.items():
            columns[column] += [None] * (n_before - len(columns[column])) + values
        paths += [f"{name}/{row}" for row in rows]
        splits += [find_split(file_name(file))] * (len(paths) - n_before)
    if not paths:
        raise InputError(
            f"Parquet files of images must have at least one row; {str(source)!r} has none. "
            f"Name another.{tell_skipped(skipped)}"
        )
    for values in columns.values():
        values.extend([None] * (len(paths) - len(values)))
    known = sort_out(columns, table=file_name(source), label_column=label_column)
    return ImageSet(
        source=source,
        kind="parquet",
        paths=tuple(paths),
        contents=ParquetImages(source),
        decode=decode_bytes,
        decode_plain=decode_plain,
        labels=known.labels,
        splits=tuple(splits) if all(splits) else known.splits,
        columns=known.columns,
        skipped=(*skipped, *known.skipped),
    )


def _read_columns(
    file: Place, name: str, skipped: list[SkippedImage]
) -> tuple[list[int], dict[str, list[Any]]]:
    """Return the numbers of the rows, and their values in all columns but the images'.

    The names beside the images' bytes are one of these columns. Row groups that are damaged are
    left out; raises InputError if the file holds no other.
    """
    try:
        opened = _open(file)
        schema = opened.schema_arrow
        starts = _start_groups(opened.metadata)
        image = find_image_column(schema)
        plain, nested = plain_columns(schema, name)
        class_names = _class_names(schema)
        table, rows = _read_groups(opened, [*plain, f"{image}.path"], starts, name, skipped)
    except Exception as error:
        raise _damaged(file, error) from error  # see `holds_images`
    skipped += [one for one in nested if not one.path.endswith(f", column {image}")]
    columns = {}
    beside = table.schema.get_field_index(image)
    known_as = None if beside < 0 else table.column(beside)
    table = table if beside < 0 else table.remove_column(beside)
    for column, values in zip(name_columns(table.column_names), table.columns, strict=True):
        columns[column] = list_values(values, f"{name}, column {column}", skipped)
        if column in class_names:
            columns[column] = [_name_class(one, class_names[column]) for one in columns[column]]
    if known_as is not None:
        structs = list_values(known_as, f"{name}, column {image}.path", skipped)
        file_names = [None if struct is None else struct["path"] for struct in structs]
        if any(file_names):
            columns.setdefault(_FILE_NAME, file_names)
    return rows, columns


def _read_groups(
    opened: pq.ParquetFile,
    columns: list[str],
    starts: list[int],
    name: str,
    skipped: list[SkippedImage],
) -> tuple[pa.Table, list[int]]:
    """Read columns of all row groups that are whole, and the numbers of their rows."""
    import pyarrow as pa

    try:
        return opened.read(columns=columns), list(range(starts[-1]))
    except Exception:
        if len(starts) <= 2:  # one group
            raise
    tables: list[pa.Table] = []
    rows: list[int] = []
    for group, (start, end) in enumerate(pairwise(starts)):
        try:
            tables.append(opened.read_row_group(group, columns=columns))
        except Exception as error:  # noqa: BLE001 - as in `holds_images`, of pages
            place = f"{name}, rows {start} to {end - 1}"
            skipped.append(SkippedImage(place, f"damaged in its file ({first_line(error)})"))
        else:
            rows += range(start, end)
    return pa.concat_tables(tables), rows


def _start_groups(metadata: pq.FileMetaData) -> list[int]:
    """Return the first row of each row group, and the number of rows.

    Raises ValueError if the numbers of rows in the metadata contradict one another.
    """
    starts = [0]
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        n_values = [group.column(one).num_values for one in range(group.num_columns)]
        if not 0 <= group.num_rows <= min(n_values, default=0):
            raise ValueError(f"row group {number} claims {group.num_rows} rows")
        starts.append(starts[-1] + group.num_rows)
    if starts[-1] != metadata.num_rows:
        raise ValueError(f"it claims {metadata.num_rows} rows, and its groups {starts[-1]}")
    return starts


def _damaged(file: Place, error: Exception) -> InputError:
    return InputError(
        f"a Parquet file must be whole to be read: {str(file)!r} is not ({first_line(error)}). "
        "Get it again."
    )


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names of the classes by column, as Hugging Face's datasets store them."""
    try:
        stored = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = stored["info"]["features"].items()
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}  # not stored, or by another program


def _name_class(value: Any, names: list[str]) -> Any:
    if not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None


def is_parquet(name: str) -> bool:
    """Whether a file is of this kind, by its name."""
    return name.lower().endswith(".parquet")


def _is_file(source: Place) -> bool:
    return source.is_file() if isinstance(source, Path) else is_parquet(file_name(source))


def _list_files(folder: Place) -> list[tuple[str, Place]]:
    """Return the files below a folder, by their paths from there."""
    paths = sorted(parts for parts in list_below(folder).others if is_parquet(parts[-1]))
    return [(path, join(folder, path)) for path in map("/".join, paths)]


def _open(file: Place) -> pq.ParquetFile:
    import pyarrow.parquet as pq

    if isinstance(file, Path):
        check_regular(file.stat(), file)
    opened = file if isinstance(file, Path) else storage_of(file).open(file)
    return pq.ParquetFile(opened, pre_buffer=False, buffer_size=1 << 20)
