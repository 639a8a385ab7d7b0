"""Pair the rows of the tables of items with the images, by columns of paths or names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.images.containers.parquet_rows import FILE_NAME
from featscape.images.storage.locations import is_address
from featscape.images.tables.columns import PATH_COLUMNS, choose_column, usual_columns
from featscape.images.tables.paths import find_path_rows, normalize_path
from featscape.printable_names import printable
from featscape.records.images import PIXEL_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from featscape.images.tables.table import ImageTable
    from featscape.records import ImageSet


@dataclass
class Pairing:
    """The order of the items, as the tables determine it.

    Attributes
    ----------
    order : list of int, or None
        The number of the image of each item; None if no table has a column of paths.
    table : str
        The name of the table that determines the order, for messages.
    path_columns : dict of int to str
        The column of paths or names of each table with such a column, by the `id` of the table.
    """

    order: list[int] | None = None
    table: str = ""
    path_columns: dict[int, str] = field(default_factory=dict)


def pair_tables(
    tables: Sequence[ImageTable], images: ImageSet, *, wanted: str | None, has_image_per_item: bool
) -> Pairing:
    """Find the image of each item, and put the rows of the tables in the order of the items.

    Parameters
    ----------
    tables : sequence of ImageTable
        Each with one row per item. The first table with a column of paths determines the images of
        the items, and the rows of the other tables with such a column are put in the same order.
    images : ImageSet
    wanted : str or None
        The column of paths that the caller named.
    has_image_per_item : bool
        Whether image i is that of item i, so that no table determines the order. The column
        `wanted` is then a column of the source of the images.

    Raises
    ------
    InputError
        If a path is missing, occurs twice or is that of no image, if two tables list different
        images, or if no table has the column `wanted`.
    """
    pairing = Pairing()
    if has_image_per_item:
        pairing = Pairing(list(range(len(images))), str(images.source))
    is_missing = tables and all(wanted not in table.columns for table in tables)
    if wanted is not None and is_missing and not has_image_per_item:
        last, option = tables[-1], "the path column"
        choose_column(last.columns, (), wanted=wanted, option=option, table=last.name)  # raises
    for table in tables:
        column = wanted if wanted in table.columns else _find_paths(table, images)
        if column is None:
            continue
        pairing.path_columns[id(table)] = column
        found = _find_images(table, column, images)
        if pairing.order is None:
            pairing.order, pairing.table = found, table.name
        else:
            _reorder(table, column, found, images, pairing)
    return pairing


def _reorder(
    table: ImageTable, column: str, found: list[int], images: ImageSet, pairing: Pairing
) -> None:
    """Put the rows of a table, with the images `found`, in the order of the pairing."""
    rows = {image: row for row, image in enumerate(found)}
    order = pairing.order or []
    missing = next((image for image in order if image not in rows), None)
    if missing is not None:
        raise InputError(
            f"{table.name!r} must list the images of {pairing.table!r}; no row of the column "
            f"{column!r} is {printable(images.paths[missing])!r}. Correct the paths."
        )
    table.columns = {
        name: [values[rows[image]] for image in order] for name, values in table.columns.items()
    }


def _find_paths(table: ImageTable, images: ImageSet) -> str | None:
    """Return the column with a usual name that has the path or name of an image.

    Otherwise the function returns the first of these columns that has no addresses, whose paths an
    error then reports, or None for images without files.
    """
    paths = {
        column: _normalize(table.columns[column])
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
            yield _normalize(values)


def _find_images(table: ImageTable, column: str, images: ImageSet) -> list[int]:
    """Return the number of the image of each row; raises InputError for a path of no image."""
    rows = _find_rows(table, column)
    known = list(_list_names(images, column))
    names = next((names for names in known if not rows.keys().isdisjoint(names)), known[-1])
    found = {name: index for index, name in enumerate(names)}
    missing = [path for path in rows if path not in found]
    if missing:
        raise InputError(
            f"each path in {table.name!r} must be an image of {images.source}; {len(missing):,} "
            f"of {len(rows):,} are not, the first of them {printable(missing[0])!r}. Write the "
            f"paths as {printable(names[0])!r}, or give the table itself as the source of the "
            "images. If the rows are in the order of the images, rename the column "
            f"{column!r}."
        )
    return [found[path] for path in rows]


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


def _normalize(values: Iterable[object]) -> list[str]:
    """Return paths in their shortest form; "" for a value that is no path."""
    return [normalize_path(value)[0] for value in values]
