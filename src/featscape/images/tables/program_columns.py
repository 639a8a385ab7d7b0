"""Columns that a program holds: a mapping, or a DataFrame of pandas or Polars, not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.images.tables.table import ImageTable
from featscape.number_text import with_article

if TYPE_CHECKING:
    from featscape.collection import Columns


def as_mapping(source: Any) -> Any:
    """Return a DataFrame or LazyFrame of Polars, which have no `keys`, as a mapping of lists.

    Every other object is returned as it is.
    """
    if hasattr(source, "collect") and hasattr(source, "collect_schema"):  # a LazyFrame
        source = source.collect()
    if hasattr(source, "keys") or not (hasattr(source, "to_dict") and hasattr(source, "columns")):
        return source
    return source.to_dict(as_series=False)


def given_columns(columns: Any) -> Any:
    """Return columns as `as_mapping`, and None for a mapping or DataFrame without columns."""
    columns = as_mapping(columns)
    return None if hasattr(columns, "keys") and not list(columns.keys()) else columns


def make_table(name: str, columns: Columns) -> ImageTable:
    """Return the columns of a mapping or DataFrame as a table.

    Parameters
    ----------
    name : str
        The name of the table, for messages.
    columns : mapping of str to sequence, or DataFrame of pandas or Polars
        All of one length.

    Raises
    ------
    InputError
        If the columns are another object, two columns have one name, a column is a single value, or
        the lengths differ.
    """
    columns = as_mapping(columns)
    if not hasattr(columns, "keys"):
        raise InputError(
            "the columns must be a mapping or a DataFrame of pandas or Polars; got the type "
            f"{type(columns).__name__}. Pass a dictionary of lists."
        )
    keys = list(columns.keys())
    names = [str(key) for key in keys]
    repeated = next((column for column in names if names.count(column) > 1), None)
    if repeated is not None:
        raise InputError(
            f"all columns must have different names; {repeated!r} occurs {names.count(repeated)} "
            "times. Rename the columns."
        )
    values = {
        column: list_values(columns[key], column) for column, key in zip(names, keys, strict=True)
    }
    n_rows = max(map(len, values.values()), default=0)
    for column, listed in values.items():
        if len(listed) != n_rows:
            raise InputError(
                f"all columns must have the same length; {column!r} has {len(listed):,} values, "
                f"and another column {n_rows:,}. Give one value per item."
            )
    table = ImageTable(name, values, positions=[f"row {row}" for row in range(n_rows)])
    table.leave_out_earlier_map()
    return table


def list_values(values: Any, column: str) -> list[Any]:
    """Return the values of a column; an array or DataFrame of shape (n, 1) has n values.

    Parameters
    ----------
    values : iterable or array
    column : str
        The name of the column, for the message.

    Raises
    ------
    InputError
        If the column is a single value, a mapping, a DataFrame of Polars or a set.
    """
    is_column = hasattr(values, "__iter__")
    if not is_column or isinstance(as_mapping(values), str | bytes | Mapping | set | frozenset):
        raise InputError(
            f"a column must be a sequence with one value per item; {column!r} is "
            f"{with_article(type(values).__name__)}. Give a list or an array."
        )
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        values = values.astype(f"{values.dtype.kind}8[us]")  # Python has no nanoseconds
    if getattr(values, "shape", ())[1:] == (1,):
        values = values.squeeze(1)  # of NumPy, PyTorch and pandas
    return list(values.tolist() if hasattr(values, "tolist") else values)
