"""Read numbers or dates, one per item, for a color scale."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.collection import as_array
from featscape.errors import InputError
from featscape.labels.classes import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_FIRST, _LAST = np.datetime64("0001-01-01"), np.datetime64("9999-12-31")  # of Python's dates


def read_values(values: Iterable[object], n_items: int) -> tuple[NDArray[np.float64], bool]:
    """Return values as numbers, and whether the values are dates.

    Parameters
    ----------
    values : sequence of numbers or dates, length n_items
        Dates are datetime64, or dates and times of Python or pandas. None, NaN and NaT are missing.
    n_items : int

    Returns
    -------
    numbers : ndarray of float64, shape (n_items,)
        The numbers, or the seconds since 1970-01-01 00:00 UTC; NaN if missing.
    are_dates : bool

    Raises
    ------
    InputError
        If the number of values differs from `n_items`, if a value is not a finite number or a
        date, if all values are missing, or if NumPy cannot convert a tensor.
    """
    if isinstance(values, str | Mapping | set | frozenset) or not isinstance(values, Sized):
        raise InputError(
            "values must be a sequence with one number or date per item; got "
            f"{type(values).__name__}. Pass a list, a tuple or an array."
        )
    if len(values) != n_items:
        raise InputError(
            f"values must contain one value per item = {n_items:,}; got {len(values):,}. "
            "Pass the values in the order of the positions."
        )
    array = as_array(values, "values")
    if array.ndim != 1:
        raise InputError(
            f"values must have shape (n,); got {array.shape}. Pass one number or date per item."
        )
    if array.dtype.kind not in "iufM":
        array = _of_objects(array.astype(object).tolist())
    is_date = array.dtype.kind == "M"
    numbers = _seconds(array) if is_date else array.astype(np.float64)
    present = numbers[~np.isnan(numbers)]
    if not len(present):
        raise InputError(
            f"values must contain at least one number or date; got {n_items:,} missing values. "
            "Draw the map without values."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(np.ptp(present)):
            raise InputError(
                "values must be finite numbers with a finite difference; got values from "
                f"{present.min():g} to {present.max():g}. Replace infinite numbers by NaN, or "
                "scale the values."
            )
    return numbers, is_date


def _of_objects(values: Sequence[Any]) -> NDArray[Any]:
    """Return an array of numbers or of dates; the missing values are NaN or NaT."""
    is_present = [not is_missing(value) for value in values]
    present = [value for value in values if not is_missing(value)]
    dates = [isinstance(value, date | np.datetime64) for value in present]
    for i, value in enumerate(values):
        is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if is_present[i] and not (all(dates) or (is_number and np.isrealobj(value))):
            raise InputError(
                f"values must be all numbers or all dates; got {value!r} "
                f"({type(value).__name__}) for item {i}. Pass classes as labels."
            )
    if present and all(dates):
        found = np.full(len(values), "NaT", dtype="datetime64[us]")
        found[is_present] = [_as_utc(value) for value in present]
        return found
    numbers = np.full(len(values), np.nan)
    numbers[is_present] = present
    return numbers


def _as_utc(value: Any) -> Any:
    """Return a date without a time zone, converted to UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return np.datetime64(value.astimezone(UTC).replace(tzinfo=None))
    return np.datetime64(value)


def _seconds(dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return the seconds since 1970 of dates, NaN for NaT."""
    is_missing_date = np.isnat(dates)
    days = dates[~is_missing_date].astype("datetime64[D]")
    if len(days) and not (days.min() >= _FIRST and days.max() <= _LAST):
        raise InputError(
            "values that are dates must be in the years 1 to 9999; got dates from "
            f"{days.min()} to {days.max()}. Replace other dates by NaT."
        )
    seconds = np.full(len(dates), np.nan)
    whole = dates[~is_missing_date].astype("datetime64[us]").astype(np.int64)
    seconds[~is_missing_date] = whole / 1e6
    return seconds
