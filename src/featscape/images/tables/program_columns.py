"""Columns that a program holds: a mapping, or a DataFrame of pandas, which is not imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.images.tables.table import ImageTable

if TYPE_CHECKING:
    from featscape.collection import Columns


def make_table(name: str, columns: Columns) -> ImageTable:
    """Return the columns of a mapping or DataFrame as a table.

    Parameters
    ----------
    name : str
        The name of the table, for messages.
    columns : mapping of str to sequence, or DataFrame of pandas
        All of one length.

    Raises
    ------
    InputError
        If two columns have one name, or the lengths differ.
    """
    keys = list(columns.keys())
    names = [str(key) for key in keys]
    repeated = next((column for column in names if names.count(column) > 1), None)
    if repeated is not None:
        raise InputError(
            f"all columns must have different names; {repeated!r} occurs {names.count(repeated)} "
            "times. Rename the columns."
        )
    values = {column: _list_values(columns[key]) for column, key in zip(names, keys, strict=True)}
    n_rows = max(map(len, values.values()), default=0)
    for column, listed in values.items():
        if len(listed) != n_rows:
            raise InputError(
                f"all columns must have the same length; {column!r} has {len(listed):,} values, "
                f"and another column {n_rows:,}. Give one value per item."
            )
    return ImageTable(name, values, positions=[f"row {row}" for row in range(n_rows)])


def _list_values(values: Any) -> list[Any]:
    """Return the values of a column; missing values of pandas are None."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "M":
            values = values.astype("datetime64[us]")  # Python has no nanoseconds
        return list(values.tolist())
    if hasattr(values, "isna"):
        missing = values.isna()
        return [None if is_missing else v for v, is_missing in zip(values, missing, strict=True)]
    return list(values)
