"""Infer the data type of a column: numbers, truth values, dates and times, or text."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.images.tables.values import plain_value, text_of
from featscape.printable_names import list_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.records.images import Column

# Numbers such as 007 are text, and so are numbers that only Python accepts: 1_000, infinity.
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|nan|NaN")
_COMMA_NUMBER = re.compile(r"[+-]?\d+(?:\.\d{3})*,\d+")
_OTHER_DATE = re.compile(r"\d\d?([./])\d\d?\1\d{4}(?: \d\d?:\d\d(?::\d\d)?)?")
# ISO 8601: a date, or a date and a time with an optional offset from UTC
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_TRUTH = {
    name: truth
    for truth in (True, False)
    for name in (str(truth), str(truth).lower(), str(truth).upper())
}
_MAX_SHARE_OF_OTHERS = 0.1  # of a column that is reported as almost numeric
_MAX_DIGITS = 40
_MOST_VALUES = 6  # in a message
_MAX_FLOAT = float(np.finfo(np.float32).max)  # the browser stores float32
_INT64 = range(-(1 << 63), 1 << 63)


def infer_type(values: list[Any], *, is_untyped: bool) -> Column:
    """Return a column of numbers, truth values or dates as an array, and others as strings.

    Parameters
    ----------
    values : list of length n
        As from `plain_value`.
    is_untyped : bool
        Whether numbers and truth values are text, as in a CSV file.

    Returns
    -------
    Column
        As in `ImageColumns.columns`.
    """
    present = [value for value in values if value is not None]
    parsed = values
    if is_untyped and all(len(v) < _MAX_DIGITS and _NUMBER.fullmatch(v) for v in present):
        parsed = [None if v is None else plain_value(_parse_number(v)) for v in values]
    elif is_untyped and all(value in _TRUTH for value in present):
        parsed = [None if value is None else _TRUTH[value] for value in values]
    known = [value for value in parsed if value is not None]
    if known and all(_is_number(value) for value in known):
        if len(known) == len(values) and all(isinstance(value, int) for value in known):
            return np.array(parsed, dtype=np.int64)
        if all(float(value) == value for value in known):  # larger integers would lose digits
            return np.array([math.nan if v is None else float(v) for v in parsed])
    if known and all(isinstance(value, bool) for value in known):
        return np.array(parsed, dtype=bool if len(known) == len(values) else object)
    dates = _parse_dates(values)
    if dates is not None:
        return dates
    return tuple(None if value is None else text_of(value) for value in values)


def explain_text(values: Sequence[str | None]) -> str:
    """Return why a column is text, with the remedy, if most values look like numbers or dates.

    Numbers with a comma and dates such as 09.03.2026 are never converted: 1,234 may be a thousand,
    and 03/09/2026 a day in March or in September.

    Returns
    -------
    str
        Empty if more than a tenth of the values are other text.
    """
    present = [value for value in values if value is not None]
    max_others = _MAX_SHARE_OF_OTHERS * len(present)
    commas, dates, others = [], [], []
    for value in present:
        if _COMMA_NUMBER.fullmatch(value):
            commas.append(value)
        elif _OTHER_DATE.fullmatch(value):
            dates.append(value)
        elif not _NUMBER.fullmatch(value):
            others.append(value)
        if len(others) > max_others:
            return ""
    if dates and len(present) - len(dates) <= max_others:
        return (
            f"the values are dates such as {dates[0]!r}. For a column of dates, write 2026-05-01 "
            "instead of 01.05.2026"
        )
    others += dates
    if not (commas or others):
        return _explain_range(values)
    if len(others) > max_others:
        return ""
    if commas:
        return (
            f"the numbers have commas, such as {commas[0]!r}. For a column of numbers, write 1.5 "
            "instead of 1,5"
        )
    different = list_names(sorted(set(others)), n_shown=_MOST_VALUES)
    return (
        f"{len(present) - len(others):,} of {len(present):,} values are numbers, and the others "
        f"are {different}. For a column of numbers, leave these values empty"
    )


def _explain_range(values: Sequence[str | None]) -> str:
    """Return why a column of texts that are all numbers is text; empty if a column could be made.

    The values can also be texts in Parquet, which are not converted.
    """
    short = [value for value in values if value is not None and len(value) < _MAX_DIGITS]
    numbers = {text: _parse_number(text) for text in short if text.lower() != "nan"}
    large = next((text for text, number in numbers.items() if not _is_number(number)), None)
    if large is not None:
        return (
            f"{large!r} is beyond the numbers of a map, which are 64-bit integers and decimals up "
            "to 3.4e38. The text keeps all digits"
        )
    inexact = next((text for text, number in numbers.items() if float(number) != number), None)
    are_integers = all(isinstance(number, int) for number in numbers.values())
    if inexact is None or (are_integers and len(numbers) == len(set(values))):
        return ""
    return (
        f"{inexact!r} would lose digits in a column of doubles, which decimals and missing values "
        "need. For a column of integers, write only integers, and leave no value empty"
    )


def _parse_number(text: str) -> float:
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value in _INT64 if isinstance(value, int) else abs(value) < _MAX_FLOAT


def _parse_dates(values: Sequence[Any]) -> NDArray[np.datetime64] | None:
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
