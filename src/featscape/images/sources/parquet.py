"""Parquet files that contain images, as Hugging Face's datasets are stored."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError, first_line
from featscape.files.parquet import limit_bytes, read_batches
from featscape.images.containers.image_columns import (
    IMAGE_COLUMNS,
    find_image_column,
    find_image_columns,
)
from featscape.images.containers.parquet_rows import (
    FILE_NAME,
    ParquetImages,
    has_names,
    is_parquet,
    is_parquet_file,
    open_columns,
    open_parquet,
    path_of_name,
    path_of_row,
    read_names,
    row_group_starts,
)
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.sources.kind import SourceKind
from featscape.images.storage.backends import storage_of
from featscape.images.storage.listing import describe_skipped
from featscape.images.storage.locations import file_name, is_address, join
from featscape.images.tables.columns import PATH_COLUMNS, classify_columns
from featscape.images.tables.parquet_tables import (
    damaged_parquet,
    list_values,
    split_nested_columns,
)
from featscape.images.tables.splits import find_split
from featscape.images.tables.table import name_columns
from featscape.images.tables.values import name_class, plain_value
from featscape.records import ImageSet, SkippedImage
from featscape.records.skipped import DUPLICATE_PATH, INVALID_ROW, MIXED, NESTED, skipped_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    import pyarrow.parquet as pq

    from featscape.images.sources.kind import Candidate
    from featscape.images.storage.locations import Location
    from featscape.records.images import Column

_MAX_GROWTH = 10  # the images, which hardly shrink, take most of a file


def _is_parquet(candidate: Candidate) -> bool:
    """Return whether a source is a Parquet file of images, or a folder of Parquet files.

    A file is a manifest if the caller named a column that contains neither images nor their names.
    Raises InputError if the file is damaged.
    """
    if candidate.is_folder:
        return any(is_parquet(parts[-1]) for parts in candidate.listing.others)
    file, wanted = candidate.location, candidate.path_column
    if not is_parquet(candidate.file_name):
        return False
    return _has_images(file, wanted=wanted) or _has_names(file, wanted, of_files=False)


def _has_images(file: Location, *, wanted: str | None = None) -> bool:
    """Return whether a Parquet file has a column of images, or whether `wanted` is one.

    Raises InputError if the file is damaged.
    """
    try:
        return find_image_column(open_parquet(file)[0], wanted=wanted) is not None
    except Exception as error:
        # Arrow raises OSError, ArrowException and errors of decoding the schema's text
        raise damaged_parquet(file, error) from error


def lists_images(file: Location) -> bool:
    """Return whether a Parquet file has a column of images, or of their paths or addresses.

    A column without a value does not count: the items of a map of points have no paths.

    Parameters
    ----------
    file : Path or str

    Raises
    ------
    InputError
        If the file is damaged.
    """
    import pyarrow as pa

    if _has_images(file):
        return True
    opened, _ = open_parquet(file)
    try:
        empty = _find_empty_columns(opened.metadata)
    except Exception as error:
        raise damaged_parquet(file, error) from error  # see `_has_images`
    # strings, large strings, string views, and dictionaries of these
    texts = {
        one.name
        for one in opened.schema_arrow
        if "string" in str(one.type) and not pa.types.is_nested(one.type)
    }
    names = {name.lower() for name in texts - empty}
    return not names.isdisjoint(PATH_COLUMNS)


def _find_empty_columns(metadata: pq.FileMetaData) -> set[str]:
    """Return the columns without a value, as far as the file counts missing values."""
    empty = set()
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    for number in range(metadata.num_columns):
        counts = [group.column(number).statistics for group in groups]
        if groups and all(
            one is not None and one.has_null_count and one.null_count == group.num_rows
            for one, group in zip(counts, groups, strict=True)
        ):
            empty.add(metadata.schema.column(number).path)
    return empty


def find_in_parquet(candidate: Candidate) -> ImageSet:
    """Return the images in the rows of a Parquet file, or of all Parquet files below a folder.

    Labels that are numbers are replaced by the class names that Hugging Face stores in the file.

    Raises
    ------
    InputError
        If no file can be read, or no file contains images.
    """
    source, wanted = candidate.location, candidate.path_column
    files = [(file_name(source), source)] if is_parquet_file(source) else _list_files(source)
    paths: list[str] = []
    splits: list[str] = []
    skipped: list[SkippedImage] = []
    columns: dict[str, list[Any]] = defaultdict(list)
    types: dict[str, dict[str, str]] = defaultdict(dict)  # column -> type -> the first file
    chosen = None
    for name, file in files:
        try:
            if not (_has_images(file, wanted=wanted) or _has_names(file, wanted)):
                which = "column" if wanted is None else f"column {wanted!r}"
                skipped.append(SkippedImage(name, f"no {which} of image bytes"))
                continue
            added, values_by_column, first = _read_images(file, name, skipped, wanted=wanted)
        except InputError as error:
            skipped.append(SkippedImage(name, str(error)))
            continue
        for column, values in values_by_column.items():
            columns[column] += [None] * (len(paths) - len(columns[column])) + values
            if (data_type := _name_type(values)) is not None:
                types[column].setdefault(data_type, name)
        paths += added
        chosen = chosen or first
        splits += [find_split(file_name(file))] * len(added)
    if not paths and wanted is not None:
        raise InputError(
            "the path column of Parquet files must be a column of images, or of their names as "
            f"text or integers; {wanted!r} of {str(source)!r} is none. Name another column with "
            "--path-column (path_column=)."
            f"{describe_skipped(skipped)}"
        )
    if not paths:
        raise InputError(
            f"a source of Parquet files must have at least one row; {str(source)!r} has none. "
            f"Name another source.{describe_skipped(skipped)}"
        )
    for values in columns.values():
        values.extend([None] * (len(paths) - len(values)))
    described = classify_columns(
        columns,
        table=file_name(source),
        label_column=candidate.label_column,
        has_splits=all(splits),
    )
    changed = _describe_types(types, described.columns, file_name(source))
    return ImageSet(
        source=source,
        kind="parquet",
        paths=tuple(paths),
        contents=ParquetImages(source),
        decode=decode_bytes,
        decode_plain=decode_plain,
        labels=described.labels,
        label_column=described.label_column,
        n_trimmed_labels=described.n_trimmed_labels,
        splits=tuple(splits) if all(splits) else described.splits,
        split_column=described.split_column,
        image_column=chosen,
        columns=described.columns,
        skipped=(*skipped, *changed, *described.skipped),
    )


def _name_type(values: list[Any]) -> str | None:
    """Return the type of the values of a file, by the first; None if all values are missing."""
    first = next((value for value in map(plain_value, values) if value is not None), None)
    names = {bool: "truth values", int | float: "numbers", str: "text", date: "dates"}
    return next((name for kind, name in names.items() if isinstance(first, kind)), None)


def _describe_types(
    types: Mapping[str, Mapping[str, str]], columns: Mapping[str, Column], table: str
) -> Iterator[SkippedImage]:
    """Yield an entry for each column that became text because its types differ in the files."""
    for column, by_type in types.items():
        is_one_type = isinstance(columns.get(column), np.ndarray)  # dates and text of dates
        if len(by_type) > 1 and not is_one_type:
            detail = ", ".join(f"{name} in {file}" for name, file in by_type.items())
            yield skipped_column(table, column, f"{MIXED}: {detail}")


def _list_files(folder: Location) -> list[tuple[str, Location]]:
    """Return the path, relative to a folder, and the location of each Parquet file below."""
    listing = storage_of(folder).list(folder)
    paths = sorted(parts for parts in listing.others if is_parquet(parts[-1]))
    return [(path, join(folder, path)) for path in map("/".join, paths)]


def _read_images(
    file: Location, name: str, skipped: list[SkippedImage], *, wanted: str | None
) -> tuple[list[str], dict[str, list[Any]], str | None]:
    """Return the paths of the images of a file, and the columns and the choice of `_read_columns`.

    If `wanted` is the column of the names of the images, rows without a name of their own are
    skipped.
    """
    if wanted is None or _has_images(file, wanted=wanted):
        rows, columns, chosen = _read_columns(file, name, skipped, wanted=wanted)
        return [path_of_row(name, row, column=wanted) for row in rows], columns, chosen
    rows, columns, chosen = _read_columns(file, name, skipped, wanted=None)
    names = read_names(file, wanted)
    kept: dict[str, int] = {}  # the index in `rows` of each name
    for index, row in enumerate(rows):
        own = names[row]
        if own is None:
            reason = f"{INVALID_ROW}: no name in the column {wanted!r}"
            skipped.append(SkippedImage(f"{name}, row {row}", reason))
        elif own in kept:
            reason = f"{DUPLICATE_PATH}: {own}, as in row {rows[kept[own]]}"
            skipped.append(SkippedImage(f"{name}, row {row}", reason))
        else:
            kept[own] = index
    columns = {column: [values[i] for i in kept.values()] for column, values in columns.items()}
    return [path_of_name(name, own, column=wanted) for own in kept], columns, chosen


def _has_names(file: Location, wanted: str | None, *, of_files: bool = True) -> bool:
    """Return whether a column `wanted` has the names of the images in a Parquet file.

    Parameters
    ----------
    file : Path or str
    wanted : str or None
    of_files : bool
        Whether the first name may be the path of a file, or an address. Otherwise such a column
        lists other images than those in the file.
    """
    try:
        if wanted is None or not has_names(open_parquet(file)[0], wanted):
            return False
        first = "" if of_files else next(filter(None, read_names(file, wanted)), "")
    except Exception as error:
        raise damaged_parquet(file, error) from error  # see `_has_images`
    is_file = isinstance(file, Path) and first != "" and (file.parent / first).is_file()
    return not (is_address(first) or is_file)


def _read_columns(
    file: Location, name: str, skipped: list[SkippedImage], *, wanted: str | None
) -> tuple[list[int], dict[str, list[Any]], str | None]:
    """Return the row numbers, the values of all columns except the image bytes, and a choice.

    The choice is the column of the images if it is the first of several, or has no usual name;
    otherwise None. The file names beside the image bytes become the column `FILE_NAME`. Damaged row
    groups are skipped. Raises InputError if the file cannot be read.
    """
    import pyarrow.compute as pc

    try:
        opened, n_bytes = open_columns(file)
        schema = opened.schema_arrow
        starts = row_group_starts(opened.metadata)
        images = list(find_image_columns(opened)) if wanted is None else [wanted]
        plain, nested = split_nested_columns(schema, name)
        class_names = _class_names(schema)
        max_bytes = limit_bytes(n_bytes, growth=_MAX_GROWTH)
        read = partial(
            read_batches, opened, columns=[*plain, f"{images[0]}.path"], max_bytes=max_bytes
        )
        table, rows = _read_row_groups(read, starts, name, skipped)
    except Exception as error:
        raise damaged_parquet(file, error) from error  # see `_has_images`
    image = images[0]
    is_usual = len(images) == 1 and image.lower() in IMAGE_COLUMNS
    skipped += [one for one in nested if one != skipped_column(name, image, NESTED)]
    columns = {}
    image_index = table.schema.get_field_index(image)
    structs = None if image_index < 0 else table.column(image_index)
    table = table if image_index < 0 else table.remove_column(image_index)
    for column, values in zip(name_columns(table.column_names), table.columns, strict=True):
        columns[column] = list_values(values, name, column, skipped)
        if column in class_names:
            columns[column] = [name_class(code, class_names[column]) for code in columns[column]]
    if structs is not None:
        paths = pc.struct_field(structs, "path")
        file_names = list_values(paths, name, f"{image}.path", skipped)
        if any(file_names):
            columns.setdefault(FILE_NAME, file_names)
    return rows, columns, None if wanted is not None or is_usual else image


def _read_row_groups(
    read_group: Callable[..., Iterator[pa.RecordBatch]],
    starts: list[int],
    name: str,
    skipped: list[SkippedImage],
) -> tuple[pa.Table, list[int]]:
    """Return columns of all undamaged row groups, and the row numbers.

    Raises the exceptions of `read_batches` if there is only one row group.
    """
    import pyarrow as pa

    batches: list[pa.RecordBatch] = []
    rows: list[int] = []
    for group, (start, end) in enumerate(pairwise(starts)):
        try:
            read = list(read_group(row_group=group))
            _check_rows(read, end - start)
        except Exception as error:
            # Arrow's exceptions, see `_has_images`
            if len(starts) == 2:  # one row group
                raise
            position = f"{name}, rows {start} to {end - 1}"
            reason = f"damaged in the file ({first_line(error)})"
            skipped.append(SkippedImage(position, reason))
        else:
            batches += read
            rows += range(start, end)
    return pa.Table.from_batches(batches) if batches else pa.table({}), rows


def _check_rows(batches: list[pa.RecordBatch], n_rows: int) -> None:
    n_read = sum(batch.num_rows for batch in batches)
    if n_read != n_rows:
        raise ValueError(f"the row group claims {n_rows:,} rows and has {n_read:,}")


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
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}  # no class names, or written by another program


PARQUET = SourceKind("parquet", _is_parquet, find_in_parquet, ParquetImages)
