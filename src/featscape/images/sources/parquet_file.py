"""One Parquet file of images, opened once to find its images and columns."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from featscape.errors import first_line
from featscape.files.parquet import arrow_errors, limit_bytes, read_batches
from featscape.images.containers.image_columns import (
    IMAGE_COLUMNS,
    find_image_column,
    find_image_columns,
)
from featscape.images.containers.parquet_rows import (
    FILE_NAME,
    has_names,
    open_columns,
    path_of_name,
    path_of_row,
    read_names,
    row_group_starts,
)
from featscape.images.storage.locations import is_address
from featscape.images.tables.columns import PATH_COLUMNS
from featscape.images.tables.parquet_tables import (
    list_values,
    reading_parquet,
    split_nested_columns,
)
from featscape.images.tables.table import name_columns
from featscape.images.tables.values import name_class
from featscape.records import SkippedImage
from featscape.records.skipped import DUPLICATE_PATH, INVALID_ROW, NESTED, skipped_column

if TYPE_CHECKING:
    import pyarrow as pa

    from featscape.images.storage.locations import Location

_MAX_GROWTH = 10  # the images, which hardly shrink, take most of a file


@dataclass(frozen=True)
class FileImages:
    """The images of one Parquet file.

    Attributes
    ----------
    paths : list of str
        The path of each image: see `path_of_row` and `path_of_name`.
    columns : dict of str to list
        The values of the other columns, one per image.
    image_column : str or None
        The column of the images if it is the first of several, or has no usual name.
    skipped : list of SkippedImage
    """

    paths: list[str]
    columns: dict[str, list[Any]]
    image_column: str | None
    skipped: list[SkippedImage]


class _Rows(NamedTuple):
    """Columns of the undamaged row groups of a file."""

    table: pa.Table
    numbers: list[int]  # the number of each row in the file
    skipped: list[SkippedImage]


class ParquetFileOfImages:
    """A Parquet file that may contain images.

    Parameters
    ----------
    file : Path or str
        A path or address.

    Raises
    ------
    InputError
        If the file is damaged; raised by all methods.
    """

    def __init__(self, file: Location) -> None:
        self._location = file
        with reading_parquet(file):
            self._parquet, self._n_bytes = open_columns(file)

    def has_images(self, column: str | None = None) -> bool:
        """Return whether `column` may contain images; by default, whether any column does."""
        with reading_parquet(self._location):
            return find_image_column(self._parquet, wanted=column) is not None

    def has_names(self, column: str | None) -> bool:
        """Return whether `column`, beside the images, may contain their names."""
        if column is None:
            return False
        with reading_parquet(self._location):
            return has_names(self._parquet, column)

    def has_files(self, column: str) -> bool:
        """Return whether the first name in a column of names is the path of a file or an address.

        Such a column lists other images than those in the Parquet file.
        """
        first = next(filter(None, self._read_names(column)), "")
        file = self._location
        # Path.is_file raises OSError for a long name
        is_file = isinstance(file, Path) and os.path.isfile(file.parent / first)  # noqa: PTH113
        return is_address(first) or is_file

    def lists_paths(self) -> bool:
        """Return whether a column of text has a usual name for paths, and a value.

        A file without rows needs no value. The null counts in the footer are not used: see
        `featscape.files.parquet`.
        """
        import pyarrow as pa

        with reading_parquet(self._location):
            # strings, large strings, string views, and dictionaries of these
            texts = [
                one.name
                for one in self._parquet.schema_arrow
                if "string" in str(one.type) and not pa.types.is_nested(one.type)
            ]
            return any(self._is_in_use(one) for one in texts if one.lower() in PATH_COLUMNS)

    def _is_in_use(self, column: str) -> bool:
        """Return whether a column has a value or the file no rows; raises the errors of Arrow."""
        if self._parquet.metadata.num_rows == 0:
            return True
        max_bytes = limit_bytes(self._n_bytes)
        batches = read_batches(self._parquet, columns=[column], max_bytes=max_bytes)
        return any(batch.column(0).null_count < batch.num_rows for batch in batches)

    def read(self, name: str, *, column: str | None = None) -> FileImages:
        """Return the images and the other columns.

        Rows without a name of their own in a column of names are skipped.

        Parameters
        ----------
        name : str
            The file as in the paths of the images.
        column : str, optional
            A column for which `has_images` or `has_names` is true.
        """
        if column is not None and not self.has_images(column):
            return self._read_named(name, column)
        rows, columns, image_column = self._read_columns(name, column)
        paths = [path_of_row(name, number, column=column) for number in rows.numbers]
        return FileImages(paths, columns, image_column, rows.skipped)

    def _read_named(self, name: str, column: str) -> FileImages:
        """Return the rows with a name of their own in a column of names."""
        rows, columns, image_column = self._read_columns(name, None)
        names = self._read_names(column)
        skipped = rows.skipped
        kept: dict[str, int] = {}  # the index in `rows` of each name
        for index, number in enumerate(rows.numbers):
            own = names[number]
            if own is None:
                reason = f"{INVALID_ROW}: no name in the column {column!r}"
                skipped.append(SkippedImage(f"{name}, row {number}", reason))
            elif own in kept:
                reason = f"{DUPLICATE_PATH}: {own}, as in row {rows.numbers[kept[own]]}"
                skipped.append(SkippedImage(f"{name}, row {number}", reason))
            else:
                kept[own] = index
        columns = {one: [values[i] for i in kept.values()] for one, values in columns.items()}
        paths = [path_of_name(name, own, column=column) for own in kept]
        return FileImages(paths, columns, image_column, skipped)

    def _read_names(self, column: str) -> list[str | None]:
        with reading_parquet(self._location):
            return read_names(self._parquet, column, n_bytes=self._n_bytes)

    def _read_columns(
        self, name: str, wanted: str | None
    ) -> tuple[_Rows, dict[str, list[Any]], str | None]:
        """Return the rows, the values of all columns except the image bytes, and `image_column`.

        The file names beside the image bytes become the column `FILE_NAME`.
        """
        with reading_parquet(self._location):
            images = list(find_image_columns(self._parquet)) if wanted is None else [wanted]
            image = images[0]
            plain, nested = split_nested_columns(self._parquet.schema_arrow, name)
            rows = self._read_row_groups([*plain, f"{image}.path"], name)
        rows.skipped.extend(one for one in nested if one != skipped_column(name, image, NESTED))
        columns = _list_columns(rows, name, image, _class_names(self._parquet.schema_arrow))
        is_usual = len(images) == 1 and image.lower() in IMAGE_COLUMNS
        return rows, columns, None if wanted is not None or is_usual else image

    def _read_row_groups(self, columns: list[str], name: str) -> _Rows:
        """Return columns of all undamaged row groups.

        Raises the exceptions of `read_batches` if there is only one row group.
        """
        import pyarrow as pa

        max_bytes = limit_bytes(self._n_bytes, growth=_MAX_GROWTH)
        starts = row_group_starts(self._parquet.metadata)
        batches: list[pa.RecordBatch] = []
        numbers: list[int] = []
        skipped: list[SkippedImage] = []
        for group, (start, end) in enumerate(pairwise(starts)):
            try:
                read = read_batches(
                    self._parquet, columns=columns, row_group=group, max_bytes=max_bytes
                )
                batches += _check_rows(list(read), end - start)
            except arrow_errors() as error:
                if len(starts) == 2:  # one row group
                    raise
                reason = f"damaged in the file ({first_line(error)})"
                skipped.append(SkippedImage(f"{name}, rows {start} to {end - 1}", reason))
            else:
                numbers += range(start, end)
        table = pa.Table.from_batches(batches) if batches else pa.table({})
        return _Rows(table, numbers, skipped)


def _check_rows(batches: list[pa.RecordBatch], n_rows: int) -> list[pa.RecordBatch]:
    """Return the batches of a row group; raises ValueError if rows are missing."""
    n_read = sum(batch.num_rows for batch in batches)
    if n_read != n_rows:
        raise ValueError(f"the row group claims {n_rows:,} rows and has {n_read:,}")
    return batches


def _list_columns(
    rows: _Rows, name: str, image: str, class_names: dict[str, list[str]]
) -> dict[str, list[Any]]:
    """Return the values of the columns; values that cannot be read are added to `rows.skipped`."""
    import pyarrow.compute as pc

    table = rows.table
    image_index = table.schema.get_field_index(image)
    structs = None if image_index < 0 else table.column(image_index)
    table = table if image_index < 0 else table.remove_column(image_index)
    columns = {}
    for column, values in zip(name_columns(table.column_names), table.columns, strict=True):
        columns[column] = list_values(values, name, column, rows.skipped)
        if column in class_names:
            columns[column] = [name_class(code, class_names[column]) for code in columns[column]]
    if structs is not None:
        paths = pc.struct_field(structs, "path")
        file_names = list_values(paths, name, f"{image}.path", rows.skipped)
        if any(file_names):
            columns.setdefault(FILE_NAME, file_names)
    return columns


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the class names of each column, as Hugging Face's datasets store them."""
    try:
        stored = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = stored["info"]["features"].items()
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}  # no class names, or written by another program
