"""Recognize columns of dates and times."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# ISO 8601: a date, or a date and a time with an optional offset from UTC
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


def parse_dates(values: Sequence[Any]) -> NDArray[np.datetime64] | None:
    """Return a column as dates or times, if all values are dates, times or ISO 8601 texts.

    Parameters
    ----------
    values : sequence of length n
        None for a missing value.

    Returns
    -------
    ndarray of datetime64[D] or datetime64[us], shape (n,), or None
        Days if no value has a time of day. NaT for a missing value. Times with an offset are
        converted to UTC. None if another value occurs, if every value is missing, or if only some
        of the times have an offset: such times cannot be ordered.
    """
    parsed = []
    for value in values:
        found = None if value is None else _parse(value)
        if value is not None and found is None:
            return None
        parsed.append(found)
    present = [value for value in parsed if value is not None]
    times = [value for value in present if isinstance(value, datetime)]
    if not present or len({value.tzinfo is None for value in times}) > 1:
        return None
    if not times:
        return np.array(parsed, dtype="datetime64[D]")
    try:
        return np.array([_as_utc(value) for value in parsed], dtype="datetime64[us]")
    except OverflowError:  # an offset at the end of year 9999
        return None


def _parse(value: object) -> date | None:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _ISO.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except ValueError:
        return None


def _as_utc(value: date | None) -> date | None:
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    return value.astimezone(UTC).replace(tzinfo=None)
