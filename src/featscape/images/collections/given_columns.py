"""Columns that a caller gives for the images of a collection: one row per image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.images.tables.columns import (
    PATH_COLUMNS,
    check_column,
    choose_column,
    find_usual_column,
    usual_columns,
)
from featscape.images.tables.paths import normalize_paths
from featscape.images.tables.program_columns import make_table
from featscape.printable_names import printable

if TYPE_CHECKING:
    from featscape.collection import Columns
    from featscape.images.collections.opened import OpenedCollection
    from featscape.images.tables.table import ImageTable


def join_columns(
    opened: OpenedCollection, columns: Columns | None, *, path_column: str | None, kind: str
) -> tuple[dict[str, list[Any]], str | None]:
    """Return the columns of a collection and the given columns, and the name of the paths.

    Parameters
    ----------
    opened : OpenedCollection
        `skipped` receives the given columns that are not used.
    columns : mapping of str to sequence of n values, or DataFrame of n rows, or None
        The given columns. If their column of paths has the paths of the images, or the ends of
        these paths, in another order, the rows are put in the order of the images.
    path_column : str or None
        The column of paths that the caller named.
    kind : str
        The type of the collection, for messages.

    Returns
    -------
    columns : dict of str to list
        In the order of the images.
    path_column : str or None
        The column with the paths of the images; None if the collection gives their names.

    Raises
    ------
    InputError
        If the number of rows differs from the number of images, if a column occurs twice, if the
        column of paths has other paths than the images, or if there is no column `path_column`.
    """
    option = "the path column"
    own = opened.path_column or (path_column if path_column in opened.columns else None)
    if columns is None:
        wanted = own or path_column
        check_column(opened.columns, wanted, option=option, table=kind)
        return dict(opened.columns), wanted
    given = make_table("columns", columns)
    if len(given.positions) != opened.n_images:
        raise InputError(
            f"each column must have one value per image, {opened.n_images:,}; got "
            f"{len(given.positions):,}. Pass the values in the order of the images."
        )
    is_wanted = own is None and path_column in given.columns
    named = path_column if is_wanted else find_usual_column(given.columns, ("path",))
    known = _own_paths(opened, own)
    if named is None:
        rows = _pair_by_names(given, known)
    else:
        rows = _pair_rows(given, named, known)
        if own is not None or all(known):  # files never get another name
            del rows[named]
            path_column = None if path_column == named else path_column
    both = next((name for name in rows if name in opened.columns), None)
    if both is not None:
        raise InputError(
            f"the source and columns= must have different columns; both have {both!r}. Rename or "
            "omit one of the columns."
        )
    opened.skipped += given.skipped
    joined = {**opened.columns, **rows}
    wanted = own or path_column
    return joined, choose_column(joined, ("path",), wanted=wanted, option=option, table=kind)


def _pair_by_names(given: ImageTable, known: list[str]) -> dict[str, list[Any]]:
    """Return the given columns in the order of the files that a column with a usual name names.

    A column that names none of the files is an ordinary column. Raises InputError if the column
    names only some of the files.
    """
    if not all(known):
        return given.columns
    ends = {end for path in known for end in _ends_of(path)}
    for column in usual_columns(given.columns, PATH_COLUMNS):
        if not ends.isdisjoint(normalize_paths(given.columns[column])):
            return _pair_rows(given, column, known)
    return given.columns


def _pair_rows(given: ImageTable, column: str, known: list[str]) -> dict[str, list[Any]]:
    """Return the given columns in the order of the images, by the paths in a column.

    Raises InputError if the column has other paths than the images.
    """
    paths = normalize_paths(given.columns[column])
    if all(not image or path in _ends_of(image) for path, image in zip(paths, known, strict=True)):
        return dict(given.columns)
    by_path = {path: row for row, path in enumerate(paths)}
    rows = [
        next((by_path[end] for end in _ends_of(image) if end in by_path), None) for image in known
    ]
    if len(by_path) < len(paths) or None in rows or len(set(rows)) < len(rows):
        raise _other_paths(column, paths, known)
    return {
        name: [values[row] for row in rows if row is not None]
        for name, values in given.columns.items()
    }


def _ends_of(path: str) -> list[str]:
    """Return a path and its ends, for example a/b.png and b.png, the longest first."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _own_paths(opened: OpenedCollection, column: str | None) -> list[str]:
    """Return the path of each image in the collection; "" for an image without a path."""
    paths = opened.names if column is None else opened.columns[column]
    return normalize_paths(paths or [None] * opened.n_images)


def _other_paths(column: str, paths: list[str], known: list[str]) -> InputError:
    """Return the error for a column whose paths are not those of the images."""
    pairs = zip(paths, known, strict=True)
    row = next(
        row for row, (path, image) in enumerate(pairs) if image and path not in _ends_of(image)
    )
    return InputError(
        f"the column {column!r} must have the path of each image once, since the images are files; "
        f"row {row:,} has {printable(paths[row])!r}, and image {row:,} is "
        f"{printable(known[row])!r}. Correct the paths, or rename the column if the rows are in "
        "the order of the images."
    )
