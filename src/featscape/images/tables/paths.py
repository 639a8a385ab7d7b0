"""The paths of images in a table."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from featscape.images.storage.locations import is_address
from featscape.images.tables.values import plain_value
from featscape.records.skipped import DUPLICATE_PATH, INVALID_ROW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from featscape.images.tables.table import ImageTable


LABEL_CONFLICT = f"{DUPLICATE_PATH} with another label"  # the beginning of the reason of a row


def find_path_rows(
    table: ImageTable, column: str, *, label_column: str | None = None
) -> dict[str, int]:
    """Return the row number of each path, in the order of the table.

    Parameters
    ----------
    table : ImageTable
        Rows without a valid path, and further rows of a path, are added to `table.skipped`. The
        first row of a path is kept, or its first row with a label if `label_column` is given.
    column : str
        The column of paths.
    label_column : str, optional
        The column of labels. The reason of a duplicate path reports another label; an empty label
        is missing.
    """
    labels = None if label_column is None else table.columns[label_column]

    def read_label(row: int) -> Any:
        label = None if labels is None else labels[row]
        return plain_value(label.strip() if isinstance(label, str) else label)

    rows: dict[str, int] = {}
    for row, value in enumerate(table.columns[column]):
        position = table.positions[row]
        path, problem = normalize_path(value)
        if problem:
            table.skip(position, f"{INVALID_ROW}: {problem}")
        elif path in rows:
            kept, dropped = rows[path], row
            label, other = read_label(kept), read_label(dropped)
            if label is None and other is not None:
                kept, dropped = dropped, kept
                rows[path] = kept
            first, reason = table.positions[kept], DUPLICATE_PATH
            detail = f"{path}, as in {first}"
            if label is not None and other is not None and label != other:
                reason = LABEL_CONFLICT
                detail = f"{path} is {other!r}, and {label!r} in {first}"
            table.skip(table.positions[dropped], f"{reason}: {detail}")
        else:
            rows[path] = row
    return rows


def normalize_paths(values: Iterable[Any]) -> list[str]:
    """Return paths in their shortest form; "" for a value that is no path."""
    return [normalize_path(value)[0] for value in values]


def normalize_path(value: Any) -> tuple[str, str]:
    """Return a path in its shortest form, and the reason why the path is invalid or "".

    Parameters
    ----------
    value : object
        A value of a column of paths.
    """
    value = plain_value(value)
    if value is None:
        return "", "no path"
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        return "", f"the path must be text, not {type(value).__name__}"
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return "", "the path is not valid text"
    return (value if is_address(value) else str(PurePosixPath(value))), ""
