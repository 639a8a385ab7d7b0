"""Metadata files beside images, as in the imagefolder format of Hugging Face's datasets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError
from featscape.images.tables.columns import PATH_COLUMNS, classify_columns, find_usual_column
from featscape.images.tables.paths import find_path_rows
from featscape.images.tables.table_files import TABLE_EXTENSIONS, read_table
from featscape.labels.classes import label_names
from featscape.printable_names import list_names
from featscape.records import SkippedImage
from featscape.records.skipped import NO_IMAGE, UNUSED_IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from featscape.images.storage.listing import PathParts
    from featscape.images.tables.table import ImageTable
    from featscape.records import ImageSet

_METADATA_FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def has_metadata(others: Iterable[PathParts]) -> bool:
    """Return whether one of the files of a source is a metadata file."""
    return any(parts[-1] in _METADATA_FILES for parts in others)


def attach_metadata(
    images: ImageSet, others: Iterable[PathParts], *, label_column: str | None
) -> ImageSet:
    """Add the columns of the metadata files, and the labels if folders give none.

    A metadata file may be in any folder of the source, and its paths are relative to this folder.
    An image that no metadata file names has missing values. Rows that name no image are skipped,
    and so is a metadata file that cannot be read or has no column of paths. Other tables are not
    read: `ImageSet.unread_tables` lists them.

    Parameters
    ----------
    images : ImageSet
        The images of the source; their columns are kept.
    others : iterable of tuple of str
        The files of the source that are not images.
    label_column : str or None
        A column of the metadata; takes precedence over the labels of the folders.

    Raises
    ------
    InputError
        If there is no column `label_column`, or no row of the metadata names an image.
    """
    others = sorted(others)
    unread = (
        "/".join(parts)
        for parts in others
        if parts[-1].lower().endswith(TABLE_EXTENSIONS) and parts[-1] not in _METADATA_FILES
    )
    images = replace(images, unread_tables=tuple(unread))
    rows = {path: row for row, path in enumerate(images.paths)}
    unused = {one.path: one.reason for one in images.skipped}
    skipped: list[SkippedImage] = []
    columns: dict[str, list[Any]] = {}
    tables = _read_tables(images, others, skipped)
    n_matched = 0
    for folder, table in tables:
        n_matched += _merge(table, folder, rows, columns, unused)
        skipped += table.skipped
    if not n_matched and any(one.reason.startswith(NO_IMAGE) for one in skipped):
        raise _no_match(tables, images.paths)
    if not tables:
        if label_column is not None:
            raise InputError(
                f"a label column needs a table; got {label_column!r}, but {str(images.source)!r} "
                "has no metadata.csv. Omit the option, or name a table as the source."
            )
        return replace(images, skipped=(*images.skipped, *skipped))
    described = classify_columns(
        columns,
        table=tables[0][1].name,
        label_column=label_column,
        # a single folder is only a location, not a class
        has_labels=len(label_names(images.labels)) > 1,
        has_splits=images.splits is not None,
        is_untyped=all(table.is_untyped for _, table in tables),
    )
    return replace(
        images,
        labels=described.labels or images.labels,
        label_column=(described if described.labels else images).label_column,
        split_column=described.split_column or images.split_column,
        n_trimmed_labels=(described if described.labels else images).n_trimmed_labels,
        renamed_labels={} if described.labels else images.renamed_labels,
        splits=images.splits or described.splits,
        columns={**images.columns, **described.columns},
        skipped=(*images.skipped, *skipped, *described.skipped),
    )


def _read_tables(
    images: ImageSet, others: Iterable[PathParts], skipped: list[SkippedImage]
) -> list[tuple[str, ImageTable]]:
    """Return the folder and the table of each metadata file; `skipped` receives the others."""
    tables = []
    for parts in others:
        if parts[-1] not in _METADATA_FILES:
            continue
        path = "/".join(parts)
        try:
            table = read_table(images.contents.read(path), path)
        except (ImageError, InputError) as error:
            skipped.append(SkippedImage(path, str(error)))
        else:
            tables.append(("/".join(parts[:-1]), table))
    return tables


def _merge(
    table: ImageTable,
    folder: str,
    rows: dict[str, int],
    columns: dict[str, list[Any]],
    unused: dict[str, str],
) -> int:
    """Copy the values of a table to `columns`; return the number of rows that name an image.

    `unused` contains the reason of each skipped image by its path.
    """
    path_column = find_usual_column(table.columns, PATH_COLUMNS)
    if path_column is None:
        names = list_names(list(table.columns))
        reason = f"no column of paths, such as file_name; the columns are {names}"
        table.skipped.append(SkippedImage(table.name, reason))
        return 0
    table_rows = {}  # by the image's position
    for path, row in find_path_rows(table, path_column).items():
        full = f"{folder}/{path}" if folder else path
        position = rows.get(full)
        if full in unused:
            table.skip(table.positions[row], f"{UNUSED_IMAGE}: {path} is skipped: {unused[full]}")
        elif position is None:
            table.skip(table.positions[row], f"{NO_IMAGE}: {path}")
        else:
            table_rows[position] = row
    for column, values in table.columns.items():
        if column == path_column:
            continue
        merged = columns.setdefault(column, [None] * len(rows))
        for position, row in table_rows.items():
            merged[position] = values[row]
    return len(table_rows)


def _no_match(tables: list[tuple[str, ImageTable]], paths: Sequence[str]) -> InputError:
    """Return the error for metadata whose rows name no image, with the path of an image."""
    folder, table, named = next(
        (folder, table, one.reason.removeprefix(f"{NO_IMAGE}: "))
        for folder, table in tables
        for one in table.skipped
        if one.reason.startswith(NO_IMAGE)
    )
    prefix = f"{folder}/" if folder else ""
    example = next((path for path in paths if path.startswith(prefix)), None)
    remedy = (
        f"Move the file to the folder of the images, such as {paths[0]!r}."
        if example is None
        else f"Write for example {example.removeprefix(prefix)!r}."
    )
    return InputError(
        f"no row of {table.name!r} names an image; paths are relative to the folder of the "
        f"metadata file, and the first path is {named!r}. {remedy}"
    )
