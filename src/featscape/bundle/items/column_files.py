"""Write the columns of the items: classes, categories, numbers, dates and texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.bundle.blocks import BlockWriter, write_array
from featscape.bundle.contract import (
    NO_CATEGORY,
    NO_ITEM,
    CategoryColumn,
    ClassEntry,
    DateColumn,
    NumberColumn,
    TextColumn,
)
from featscape.errors import InputError
from featscape.labels.classes import count_classes, may_be_classes
from featscape.printable_names import encodable
from featscape.records.images import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.bundle.contract import Blocks, Column

STRING_BLOCK_ITEMS = 256
_MOST_CATEGORIES = 1000  # a column of strings with more different values is text
SECONDS_PER_DAY = 86_400
MAX_EXACT_INTEGER = 1 << 53  # of JavaScript


def exact_values(
    values: Sequence[str | None] | NDArray[Any],
) -> Sequence[str | None] | NDArray[Any]:
    """Return a column of integers that JavaScript cannot represent as texts; others unchanged."""
    if (
        isinstance(values, np.ndarray)
        and values.dtype.kind in "iu"
        and len(values)
        and max(int(values.max()), -int(values.min())) > MAX_EXACT_INTEGER
    ):
        return [str(value) for value in values.tolist()]
    return values


def code_labels(labels: Sequence[str]) -> tuple[list[ClassEntry], NDArray[np.uint16]] | None:
    """Return the classes of labels, and the class of each item.

    Parameters
    ----------
    labels : sequence of str, length n

    Returns
    -------
    entries : list of ClassEntry
    codes : ndarray of uint16, shape (n,)
        Indices into `entries`. The function returns None for 65,535 classes or more.
    """
    classes = count_classes(labels, len(labels))
    if classes is None or len(classes.names) >= NO_CATEGORY:
        return None
    entries = [
        ClassEntry(name=encodable(name), color=color, count=int(count))
        for name, color, count in zip(classes.names, classes.colors, classes.counts, strict=True)
    ]
    return entries, classes.codes.astype(np.uint16)


def write_columns(
    folder: Path,
    columns: Mapping[str, Sequence[str | None] | NDArray[Any]],
    order: NDArray[np.intp],
    *,
    first: int = 0,
) -> list[Column]:
    """Write the columns of numbers, dates and categories; omit columns without any value.

    Strings with few distinct values become a category. Other strings are text, which
    `write_strings` writes.

    Parameters
    ----------
    folder : Path
    columns : mapping
        By name: an array of n numbers (NaN for no value) or datetime64 (NaT for no value), or n
        strings or truth values (None for no value).
    order : ndarray of intp, shape (n,)
        The row of each item, in the order of the bundle.
    first : int
        The number in the name of the first file.

    Returns
    -------
    list of Column
        The manifest's entries.

    Raises
    ------
    InputError
        If the length of a column is not n, or a number is infinite.
    """
    written: list[Column] = []
    for number, (name, values) in enumerate(columns.items(), first):
        if len(values) != len(order):
            raise InputError(
                f"the column {name!r} must have one value per item, {len(order):,} in total; "
                f"got {len(values):,}. Pass the values in the order of the positions."
            )
        file = f"column-{number}.bin"
        found: Column | None
        kind = values.dtype.kind if isinstance(values, np.ndarray) else ""
        if isinstance(values, np.ndarray) and kind in "iuf":
            found = _write_numbers(folder, file, name, values[order])
        elif isinstance(values, np.ndarray) and kind == "M":
            found = _write_dates(folder, file, name, values[order])
        else:
            found = _write_category(folder, file, name, values, order)
        if found is not None:
            written.append(found)
    return written


def write_strings(
    folder: Path, strings: Mapping[str, Sequence[str | None]], order: NDArray[np.intp]
) -> Blocks | None:
    """Write the strings of each item in blocks of JSON.

    Parameters
    ----------
    folder : Path
    strings : mapping of str to sequence of str or None
        By the name of the column: n strings.
    order : ndarray of intp, shape (n,)
        The row of each item, in the order of the bundle.

    Returns
    -------
    Blocks or None
        The manifest's entry; None if `strings` is empty.
    """
    if not strings:
        return None
    with BlockWriter(folder, "strings", block_items=STRING_BLOCK_ITEMS) as writer:
        for start in range(0, len(order), STRING_BLOCK_ITEMS):
            rows = order[start : start + STRING_BLOCK_ITEMS].tolist()
            block = {
                encodable(name): [
                    None if values[row] is None else encodable(values[row]) for row in rows
                ]
                for name, values in strings.items()
            }
            writer.append(json.dumps(block, ensure_ascii=False, separators=(",", ":")).encode())
    return writer.describe(n_items=len(order))


def share_of_label(
    neighbors: NDArray[np.uint32], codes: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """Return the share of each item's nearest neighbors with the same label.

    Parameters
    ----------
    neighbors : ndarray of uint32, shape (n, k)
        Indices of items; `NO_ITEM` for an empty entry.
    codes : ndarray of integers, shape (n,)
        The label of each item, in the same order.

    Returns
    -------
    ndarray of float32, shape (n,)
        NaN for an item without neighbors.
    """
    agreeing = np.zeros(len(codes))
    counts = np.zeros(len(codes))
    for column in neighbors.T:  # column by column, to avoid copies of shape (n, k)
        is_there = column != NO_ITEM
        counts += is_there
        agreeing += is_there & (codes[np.where(is_there, column, 0)] == codes)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        return (agreeing / counts).astype(np.float32)


def _write_numbers(folder: Path, file: str, name: str, values: NDArray[Any]) -> NumberColumn | None:
    with np.errstate(over="ignore"):  # values beyond float32 become infinite and are refused below
        numbers = values.astype(np.float32)
    if np.isinf(numbers).any():
        raise InputError(
            f"the column {name!r} must contain NaN or numbers that are finite in float32; got an "
            "infinite number. Replace the number by NaN, or scale the column."
        )
    is_present = ~np.isnan(numbers)
    present = numbers[is_present]
    if (values[is_present] % 1 == 0).all() and (values[is_present] != present).any():
        numbers = values.astype(np.float64)  # integers from 2**24, such as the day 20260501
        present = numbers[is_present]
    if not len(present):
        return None
    return NumberColumn(
        kind="number",
        name=encodable(name),
        values=write_array(folder, file, numbers),
        minimum=float(present.min()),
        maximum=float(present.max()),
    )


def _write_dates(folder: Path, file: str, name: str, values: NDArray[Any]) -> DateColumn | None:
    is_missing = np.isnat(values)
    if is_missing.all():
        return None
    # float64: in float32, today's seconds since 1970 are multiples of 128
    seconds = values.astype("datetime64[us]").astype(np.int64) / 1e6
    seconds[is_missing] = np.nan
    return DateColumn(
        kind="date",
        name=encodable(name),
        values=write_array(folder, file, seconds),
        minimum=float(np.nanmin(seconds)),
        maximum=float(np.nanmax(seconds)),
        has_time=bool((seconds[~is_missing] % SECONDS_PER_DAY != 0).any()),
    )


def _write_category(
    folder: Path,
    file: str,
    name: str,
    values: Sequence[str | None] | NDArray[Any],
    order: NDArray[np.intp],
) -> CategoryColumn | TextColumn | None:
    texts = [None if value is None else as_text(value) for value in values]
    present = [text for text in texts if text is not None]
    if not present:
        return None
    n_distinct = len(set(present))
    coded = None
    if n_distinct <= _MOST_CATEGORIES and may_be_classes(n_distinct, len(present)):
        coded = code_labels(present)
    if coded is None:
        return TextColumn(kind="text", name=encodable(name))
    categories, present_codes = coded
    codes = np.full(len(texts), NO_CATEGORY, dtype=np.uint16)
    codes[[text is not None for text in texts]] = present_codes
    return CategoryColumn(
        kind="category",
        name=encodable(name),
        codes=write_array(folder, file, codes[order]),
        categories=categories,
    )
