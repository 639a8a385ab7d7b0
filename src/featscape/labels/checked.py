"""Labels that a person has checked: a column of the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.records.images import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CHECKED_LABEL = "checked_label"  # the name of the column


def checked_labels(
    columns: Mapping[str, Sequence[Any] | NDArray[Any]], n_items: int
) -> list[str | None]:
    """Return the checked label of each item as text; None for an item without a checked label.

    Parameters
    ----------
    columns : mapping of str to sequence
        The columns of the map, each with `n_items` values.
    n_items : int
    """
    values = columns.get(CHECKED_LABEL)
    return [None] * n_items if values is None else [_as_label(value) for value in values]


def find_checked(
    columns: Mapping[str, Sequence[Any] | NDArray[Any]], labels: Sequence[str] | None, n_items: int
) -> NDArray[np.bool_]:
    """Return which items have a checked label that is their label, shape (n_items,)."""
    if labels is None or CHECKED_LABEL not in columns:
        return np.zeros(n_items, dtype=bool)
    checked = checked_labels(columns, n_items)
    return np.array([one == label for one, label in zip(checked, labels, strict=True)], dtype=bool)


def _as_label(value: Any) -> str | None:
    """Return a value as a label has it: whole numbers have no decimals, and NaN is missing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    is_whole = isinstance(value, float) and value.is_integer()
    return as_text(int(value) if is_whole else value)
