"""Pair the rows of the tables of items with the images, by columns of paths or names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from featscape.errors import InputError
from featscape.images.containers.parquet_rows import FILE_NAME
from featscape.images.storage.locations import is_address
from featscape.images.tables.columns import PATH_COLUMNS, check_column, usual_columns
from featscape.images.tables.paths import find_path_rows, normalize_paths
from featscape.printable_names import printable
from featscape.records.images import PIXEL_KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from featscape.images.tables.table import ImageTable
    from featscape.records import ImageSet


@dataclass(frozen=True, eq=False)
class ItemTable:
    """A table with one row per item.

    Attributes
    ----------
    table : ImageTable
    role : str
        The input that gave the table. Each role occurs once.
    path_column : str or None
        The column with the paths or names of the images, once the table is paired.
    """

    table: ImageTable
    role: Literal["labels", "features", "columns"]
    path_column: str | None = None


@dataclass(frozen=True, eq=False)
class Pairing:
    """The order of the items, as the tables determine it.

    Attributes
    ----------
    tables : tuple of ItemTable
        The rows of those with a column of paths are in the order of the items.
    order : list of int, or None
        The number of the image of each item; None if no table has a column of paths.
    table : str
        The name of the table that determines the order, for messages.
    """

    tables: tuple[ItemTable, ...]
    order: list[int] | None = None
    table: str = ""


def pair_tables(
    tables: Sequence[ItemTable], images: ImageSet, *, wanted: str | None, has_image_per_item: bool
) -> Pairing:
    """Find the image of each item, and put the rows of the tables in the order of the items.

    Parameters
    ----------
    tables : sequence of ItemTable
        The table of the features determines the images of the items, if that table has a column of
        paths; otherwise the first table with such a column. The rows of the other tables with such
        a column are put in the same order.
    images : ImageSet
    wanted : str or None
        The column of paths that the caller named.
    has_image_per_item : bool
        Whether image i is that of item i, so that no table determines the order. The column
        `wanted` is then a column of the source of the images.

    Returns
    -------
    Pairing
        With the tables in the given sequence.

    Raises
    ------
    InputError
        If a path is missing, occurs twice or is that of no image, if two tables list different
        images, or if no table has the column `wanted`.
    """
    by_precedence = sorted(tables, key=lambda given: given.role != "features")
    is_missing = tables and all(wanted not in given.table.columns for given in tables)
    if wanted is not None and is_missing and not has_image_per_item:
        last = by_precedence[-1].table
        check_column(last.columns, wanted, option="the path column", table=last.name)
    order = list(range(len(images))) if has_image_per_item else None
    leading = str(images.source) if has_image_per_item else ""
    paired = {}
    for given in by_precedence:
        table = given.table
        column = wanted if wanted in table.columns else _find_paths(table, images)
        if column is not None:
            found = _find_images(table, column, images)
            if order is None:
                order, leading = found, table.name
            else:
                table = _reorder(table, column, found, images, order=order, leading=leading)
        paired[given.role] = replace(given, table=table, path_column=column)
    return Pairing(tuple(paired[given.role] for given in tables), order, leading)


def _reorder(
    table: ImageTable,
    column: str,
    found: list[int],
    images: ImageSet,
    *,
    order: list[int],
    leading: str,
) -> ImageTable:
    """Return a table with the images `found`, with its rows in the order of the images."""
    rows = {image: row for row, image in enumerate(found)}
    missing = next((image for image in order if image not in rows), None)
    if missing is not None:
        raise InputError(
            f"{table.name!r} must list the images of {leading!r}; no row of the column "
            f"{column!r} is {printable(images.paths[missing])!r}. Correct the paths."
        )
    return replace(
        table,
        columns={
            name: [values[rows[image]] for image in order] for name, values in table.columns.items()
        },
        positions=[table.positions[rows[image]] for image in order],
    )


def _find_paths(table: ImageTable, images: ImageSet) -> str | None:
    """Return the column with a usual name that has the path or name of an image.

    Otherwise the function returns the first of these columns that has no addresses, whose paths an
    error then reports, or None for images without files.
    """
    paths = {
        column: normalize_paths(table.columns[column])
        for column in usual_columns(table.columns, PATH_COLUMNS)
    }
    for column, values in paths.items():
        if any(not set(names).isdisjoint(values) for names in _list_names(images, column)):
            return column
    if images.kind in PIXEL_KINDS:
        return None
    others = (column for column, values in paths.items() if not any(map(is_address, values)))
    return next(others, None)


def _list_names(images: ImageSet, column: str) -> Iterator[Sequence[str]]:
    """Yield the paths of the images, and each of their columns that names them in a table.

    The column of the images has the name of the column of the table, or the names of files that
    are stored beside the images. Each image has a name of its own.
    """
    yield images.paths
    for name in dict.fromkeys((column, FILE_NAME)):
        values = images.columns.get(name)
        if isinstance(values, np.ndarray):
            values = tuple(map(str, values.tolist())) if values.dtype.kind == "i" else None
        if values is not None and all(values) and len(set(values)) == len(values):
            yield normalize_paths(values)


def _find_images(table: ImageTable, column: str, images: ImageSet) -> list[int]:
    """Return the number of the image of each row; raises InputError for a path of no image."""
    rows = _find_rows(table, column)
    known = list(_list_names(images, column))
    names = next((names for names in known if not rows.keys().isdisjoint(names)), known[-1])
    found = {name: index for index, name in enumerate(names)}
    missing = [path for path in rows if path not in found]
    if missing:
        _check_own_names(images, column, rows)
        raise InputError(
            f"each path in {table.name!r} must be an image of {images.source}; {len(missing):,} "
            f"of {len(rows):,} are not, the first of them {printable(missing[0])!r}. Write the "
            f"paths as {printable(names[0])!r}, or give the table itself as the source of the "
            "images. If the rows are in the order of the images, rename the column "
            f"{column!r}."
        )
    return [found[path] for path in rows]


def _check_own_names(images: ImageSet, column: str, named: Collection[str]) -> None:
    """Raise InputError if a table names images by a column with missing or repeated values."""
    values = images.columns.get(column, ())
    if not any(str(value) in named for value in values):
        return
    first: dict[object, str] = {}
    for path, value in zip(images.paths, values, strict=True):
        if value is None or value == "" or value in first:
            fault = f"{value!r}, as {first[value]}" if value in first else "no value"
            raise InputError(
                f"the column {column!r} of {images.source} must have another value for each image; "
                f"{printable(path)} has {printable(fault)}. Correct the table."
            )
        first[value] = path


def _find_rows(table: ImageTable, column: str) -> dict[str, int]:
    """Return the row of each path; raises InputError for a missing or repeated path."""
    n_before = len(table.skipped)
    rows = find_path_rows(table, column)
    if len(table.skipped) > n_before:
        wrong = table.skipped[n_before]
        raise InputError(
            f"each row of the column {column!r} must name its own image; {wrong.path}: "
            f"{wrong.reason}. Correct the table, and the features of its rows, or rename the "
            "column if it has no paths."
        )
    return rows
