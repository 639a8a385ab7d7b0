"""A table that lists images by their paths -> an `ImageSet`."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError
from featscape.images.columns import PATHS, choose_column, list_names, sort_out
from featscape.images.decode import decode_bytes
from featscape.images.files import Files, file_name, folder_of, is_address, storage_of
from featscape.images.names import tell_skipped
from featscape.images.plain_jpeg import decode_plain
from featscape.images.tables import read_table
from featscape.records import ImageSet

if TYPE_CHECKING:
    from featscape.images.files import Place
    from featscape.images.tables import Table


def find_listed(
    source: Place, *, path_column: str | None = None, label_column: str | None = None
) -> ImageSet:
    """Find the images that a manifest lists, in its order.

    Whether each is there is seen when it is read.

    Parameters
    ----------
    source : Path or str
        A CSV, TSV, JSON-lines or Parquet file.
    path_column, label_column : str, optional
        By default those that are called as such columns usually are.

    Raises
    ------
    InputError
        If it cannot be read, has no such column, or lists no image.
    """
    try:
        content = storage_of(source).read(source)
    except ImageError as error:
        raise InputError(
            f"the manifest must be a file that can be read; {str(source)!r} cannot: {error}. "
            "Check its path and permissions."
        ) from error
    table = read_table(content, file_name(source))
    name = choose_column(
        table.columns, PATHS, wanted=path_column, option="the path column", table=table.name
    )
    if name is None:
        raise InputError(
            f"the manifest {table.name!r} must have a column of paths; it has "
            f"{list_names(list(table.columns))}. Name it with --path-column (path_column=)."
        )
    paths = pick_paths(table, name)
    if not paths:
        raise InputError(
            f"the manifest must list at least one image; {table.name!r} lists none in its column "
            f"{name!r}. Add rows, or name another column with --path-column (path_column=)."
            f"{tell_skipped(table.skipped)}"
        )
    known = sort_out(
        {
            column: [values[row] for row in paths.values()]
            for column, values in table.columns.items()
            if column != name
        },
        table=table.name,
        label_column=label_column,
        as_written=table.as_written,
    )
    return ImageSet(
        source=source,
        kind="manifest",
        paths=tuple(paths),
        contents=Files(folder_of(source)),
        decode=decode_bytes,
        decode_plain=decode_plain,
        labels=known.labels,
        splits=known.splits,
        columns=known.columns,
        skipped=(*table.skipped, *known.skipped),
    )


def pick_paths(table: Table, column: str) -> dict[str, int]:
    """Return the row of each path, in the table's order; other rows are skipped with the reason.

    Parameters
    ----------
    table : Table
        Its `skipped` grows.
    column : str
        The paths'.
    """
    paths: dict[str, int] = {}
    for row, value in enumerate(table.columns[column]):
        place = table.places[row]
        path, fault = _read_path(value)
        if fault:
            table.skip(place, f"a broken row: {fault}")
        elif path in paths:
            table.skip(place, f"listed already: {path}, in {table.places[paths[path]]}")
        else:
            paths[path] = row
    return paths


def _read_path(value: Any) -> tuple[str, str]:
    """Return a row's path in its plainest form, or what is wrong with it."""
    if value is None or value == "":
        return "", "no path"
    if not isinstance(value, str):
        return "", f"its path is no text but {type(value).__name__}"
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return "", "its path is no valid text"
    return (value if is_address(value) else str(PurePosixPath(value))), ""
