"""The paths of images in a table."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from featscape.images.storage.locations import is_address

if TYPE_CHECKING:
    from featscape.images.tables.table import ImageTable


def find_path_rows(table: ImageTable, column: str) -> dict[str, int]:
    """Return the row number of each path, in the order of the table.

    Parameters
    ----------
    table : ImageTable
        Rows without a valid path, and rows whose path occurs in an earlier row, are added to
        `table.skipped`.
    column : str
        The column of paths.
    """
    rows: dict[str, int] = {}
    for row, value in enumerate(table.columns[column]):
        position = table.positions[row]
        path, problem = _normalize_path(value)
        if problem:
            table.skip(position, f"invalid row: {problem}")
        elif path in rows:
            table.skip(position, f"duplicate path: {path}, as in {table.positions[rows[path]]}")
        else:
            rows[path] = row
    return rows


def _normalize_path(value: Any) -> tuple[str, str]:
    """Return a path in its shortest form, and the reason why the path is invalid or ""."""
    if value is None or value == "":
        return "", "no path"
    if not isinstance(value, str):
        return "", f"the path must be text, not {type(value).__name__}"
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return "", "the path is not valid text"
    return (value if is_address(value) else str(PurePosixPath(value))), ""
