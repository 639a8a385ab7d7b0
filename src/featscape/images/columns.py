"""What a source says of its images in columns: labels, splits, numbers and texts."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.images.names import SPLITS
from featscape.images.tables import NESTED
from featscape.mapfolder import OWN_COLUMNS
from featscape.printable_names import valid_unicode
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from featscape.records import Column

PATHS = (
    *("file_name", "filename", "path", "file_path", "filepath", "file"),
    *("image_path", "img_path", "image_file", "image_name", "image", "img"),
    *("url", "image_url", "uri"),
)
LABELS = ("label", "class", "category", "class_name", "label_name", "labels", "species", "cls")
NO_LABEL = "(no label)"

# 007 is a text, and so is what only Python takes for a number: 1_000, infinity
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|nan|NaN")
_MOST_DIGITS = 40
_LARGEST = float(np.finfo(np.float32).max)  # the browser has float32


@dataclass(frozen=True)
class Known:
    """What is known of some images, each value in their order."""

    labels: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    skipped: tuple[SkippedImage, ...] = ()


def choose_column(
    names: Iterable[str], usual: Sequence[str], *, wanted: str | None, option: str, table: str
) -> str | None:
    """Return the column that the caller named, or else the first of the usual ones.

    Parameters
    ----------
    names : iterable of str
        The columns that are there.
    usual : sequence of str
        In lower case, the likeliest first.
    wanted : str or None
        The caller's.
    option : str
        How the caller names one, for the message.
    table : str
        What the table is called, for the message.

    Raises
    ------
    InputError
        If `wanted` is not there.
    """
    names = list(names)
    if wanted is not None and wanted not in names:
        near = difflib.get_close_matches(wanted, names, 1) or names[:1]
        raise InputError(
            f"{option} must name a column of {table!r}; got {wanted!r}, and it has "
            f"{list_names(names)}. Take {' or '.join(map(repr, near)) or 'another table'}."
        )
    if wanted is not None:
        return wanted
    by_lower = {name.lower(): name for name in reversed(names)}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def list_names(names: Sequence[str], *, most: int = 30) -> str:
    """Return the names of columns for a message."""
    shown = ", ".join(map(repr, names[:most])) or "none"
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def sort_out(
    columns: Mapping[str, Sequence[Any]],
    *,
    table: str,
    label_column: str | None,
    has_labels: bool = False,
    has_splits: bool = False,
    as_written: bool = False,
) -> Known:
    """Tell labels, splits, numbers and texts apart.

    Parameters
    ----------
    columns : mapping of str to sequence
        Raw values of the images, by name; None, NaN and "" are no value.
    table : str
        What the columns stand in, for messages.
    label_column : str or None
        The caller's; by default one that is called as labels usually are.
    has_labels, has_splits : bool
        Whether these are known already, by folders; then such columns are kept as columns.
    as_written : bool
        Whether numbers come as texts, as in a CSV file.

    Returns
    -------
    Known
        A column that is called as one of the map's own is renamed "source NAME". One of nested or
        binary values is skipped, for neither a table nor a page can show it.

    Raises
    ------
    InputError
        If there is no `label_column`.
    """
    usual = () if has_labels else LABELS
    label = choose_column(
        columns, usual, wanted=label_column, option="the label column", table=table
    )
    labels = splits = None
    kept: dict[str, Column] = {}
    skipped = []
    for name, raw in columns.items():
        values = [_present(value) for value in raw]
        is_nested = any(isinstance(value, (dict, list, tuple, bytes)) for value in values)
        if is_nested:
            skipped.append(SkippedImage(f"{table}, column {name}", NESTED))
        elif name == label and any(value is not None for value in values):
            labels = tuple(NO_LABEL if value is None else text_of(value) for value in values)
        elif name.lower() == "split" and not has_splits and None not in values:
            splits = tuple(SPLITS.get(text_of(v).lower(), text_of(v)) for v in values)
        else:
            kept[_free_name(clean(name), kept)] = _settle(values, as_written=as_written)
    if label_column is not None and labels is None:
        raise InputError(
            f"the label column must hold numbers or texts; {label_column!r} of {table!r} does not. "
            "Choose another, or leave it out."
        )
    return Known(labels, splits, kept, tuple(skipped))


def text_of(value: object) -> str:
    """Return a single value as a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(str(value))


def clean(text: str) -> str:
    """Return `text` as UTF-8 can hold it."""
    return valid_unicode(text).encode("utf-8", "backslashreplace").decode()


def _present(value: Any) -> Any:
    """Return None for what is no value."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if value == "" else value


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    while name in taken or name in OWN_COLUMNS:
        name = f"source {name}"
    return name


def _settle(values: list[Any], *, as_written: bool) -> Column:
    """Return a column as numbers where all are, and otherwise as texts."""
    present = [value for value in values if value is not None]
    if as_written and all(len(v) < _MOST_DIGITS and _NUMBER.fullmatch(v) for v in present):
        numbers = [None if value is None else _present(_read_number(value)) for value in values]
        if any(number is not None for number in numbers):
            values, present = numbers, [number for number in numbers if number is not None]
    if present and all(_is_number(value) for value in present):
        if len(present) == len(values) and all(isinstance(value, int) for value in present):
            return np.array(values, dtype=np.int64)
        return np.array([math.nan if v is None else float(v) for v in values])
    return tuple(None if value is None else text_of(value) for value in values)


def _read_number(text: str) -> float:
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < (1 << 62 if isinstance(value, int) else _LARGEST)
