"""The values of the columns of tables and programs: missing values, scalars and lists."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from featscape.labels.classes import as_python, is_missing
from featscape.printable_names import encodable
from featscape.records.images import as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_LISTS = (list, tuple, set, frozenset)


def plain_value(value: Any) -> Any:
    """Return None for a missing value, and every other value as a Python value.

    Missing values are None, NaN, "", NaT and NA of pandas. A scalar of NumPy or PyTorch and an
    array of one element become their value, and other arrays become lists. A decimal becomes a
    float, or an integer if it is stored without decimal places.
    """
    if isinstance(value, Decimal):
        return _plain_number(value)
    value = as_python(value)
    return None if is_missing(value) or value == "" else value


def _plain_number(value: Decimal) -> float | None:
    if value.is_nan():
        return None
    # A large exponent as an integer would take much memory.
    return int(value) if value.as_tuple().exponent == 0 else float(value)


def text_of(value: object) -> str:
    """Return a value as text that UTF-8 can encode."""
    return encodable(as_text(value))


def convert_durations(name: str, values: list[Any]) -> tuple[str, list[Any]]:
    """Return a column of durations as numbers of seconds, with the unit in its name.

    Parameters
    ----------
    name : str
    values : list
        As from `plain_value`.

    Returns
    -------
    (str, list)
        The name with " (s)" at the end, and the seconds; None for a missing value. The name and
        the values of another column are unchanged.
    """
    present = [value for value in values if value is not None]
    if not present or not all(isinstance(value, timedelta) for value in present):
        return name, values
    return f"{name} (s)", [None if value is None else value.total_seconds() for value in values]


def contains_lists(values: Sequence[Any]) -> bool:
    """Return whether one of the values is a list, a tuple or a set."""
    return any(issubclass(kind, _LISTS) for kind in set(map(type, values)))


def lacks_text(values: Sequence[Any]) -> bool:
    """Return whether one of the values has no text of its own: a method, or a plain object."""
    kinds: set[Any] = set(map(type, values))  # Any: mypy compares the types of the methods
    return any(
        kind.__str__ is object.__str__
        and (
            kind.__repr__ is object.__repr__
            or any("__call__" in vars(base) for base in kind.__mro__)
        )
        for kind in kinds
    )


def join_lists(values: Sequence[Any]) -> list[Any]:
    """Return the values with each list of texts as one text; other lists remain lists.

    Parameters
    ----------
    values : sequence
        As from `plain_value`.

    Returns
    -------
    list
        The texts of a list are joined by ", ", in the order of the list or the alphabetical order
        of a set. An empty list is a missing value, None.
    """
    return [_join(value) if isinstance(value, _LISTS) else value for value in values]


def _join(value: Any) -> Any:
    if not all(isinstance(text, str) for text in value):
        return value
    return ", ".join(sorted(value) if isinstance(value, set | frozenset) else value) or None


def name_class(code: Any, names: Sequence[str]) -> Any:
    """Return the name of a class by its number, None for a number without a name, such as -1.

    Parameters
    ----------
    code : object
        The number, or another value, which is returned.
    names : sequence of str
    """
    if not isinstance(code, int):
        return code
    return names[code] if 0 <= code < len(names) else None
