"""What is known of the items beside their places: classes, categories, numbers and texts."""

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
    NumberColumn,
    TextColumn,
)
from featscape.errors import InputError
from featscape.labels.classes import count_classes
from featscape.printable_names import valid_unicode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.bundle.contract import Blocks

STRING_BLOCK_ITEMS = 256
FEW, MANY = 20, 1000  # distinct strings: up to FEW always a category, beyond MANY always text


def code_labels(labels: Sequence[str]) -> tuple[list[ClassEntry], NDArray[np.uint16]] | None:
    """Return the classes and, for each item, an index into them; None for 65,535 or more."""
    classes = count_classes(labels, len(labels))
    if classes is None or len(classes.names) >= NO_CATEGORY:
        return None
    entries = [
        ClassEntry(name=clean(name), color=color, count=int(count))
        for name, color, count in zip(classes.names, classes.colors, classes.counts, strict=True)
    ]
    return entries, classes.codes.astype(np.uint16)


def write_columns(
    folder: Path,
    columns: Mapping[str, Sequence[str | None] | NDArray[Any]],
    order: NDArray[np.intp],
) -> list[CategoryColumn | NumberColumn | TextColumn]:
    """Write each column as what it is; one without any value is left out.

    Numbers stay numbers. Strings of few distinct values become a category; others are text, which
    `write_strings` writes.

    Parameters
    ----------
    folder : Path
    columns : mapping
        By name: an array of numbers (NaN: none), or strings (None: none), in the rows' order.
    order : ndarray of intp, shape (n,)
        The bundle's.

    Raises
    ------
    InputError
        If a column has not one value an item, or a number in it is infinite.
    """
    written: list[CategoryColumn | NumberColumn | TextColumn] = []
    for number, (name, values) in enumerate(columns.items()):
        if len(values) != len(order):
            raise InputError(
                f"the column {name!r} must have one value an item = {len(order):,}; "
                f"got {len(values):,}. Pass the values in the order of the positions."
            )
        file = f"column-{number}.bin"
        found: CategoryColumn | NumberColumn | TextColumn | None
        if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
            found = _write_numbers(folder, file, name, values[order])
        else:
            found = _write_category(folder, file, name, values, order)
        if found is not None:
            written.append(found)
    return written


def write_strings(
    folder: Path, strings: Mapping[str, Sequence[str | None]], order: NDArray[np.intp]
) -> Blocks | None:
    """Write the strings of each item in blocks of JSON; None where there are none.

    Parameters
    ----------
    folder : Path
    strings : mapping of str to sequence of str or None
        In the rows' order.
    order : ndarray of intp, shape (n,)
        The bundle's.
    """
    if not strings:
        return None
    with BlockWriter(folder, "strings", block_items=STRING_BLOCK_ITEMS) as writer:
        for start in range(0, len(order), STRING_BLOCK_ITEMS):
            rows = order[start : start + STRING_BLOCK_ITEMS].tolist()
            block = {
                clean(name): [None if values[row] is None else clean(values[row]) for row in rows]
                for name, values in strings.items()
            }
            writer.append(json.dumps(block, ensure_ascii=False, separators=(",", ":")).encode())
    return writer.describe(n_items=len(order))


def share_of_label(
    neighbors: NDArray[np.uint32], codes: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """Return the share of each item's nearest neighbours that carry its label; NaN without any.

    Parameters
    ----------
    neighbors : ndarray of uint32, shape (n, k)
        `NO_ITEM` where there is none.
    codes : ndarray of integers, shape (n,)
        In the same order.
    """
    agreeing = np.zeros(len(codes))
    counts = np.zeros(len(codes))
    for column in neighbors.T:  # one at a time: a million items need no (n, k) copies
        is_there = column != NO_ITEM
        counts += is_there
        agreeing += is_there & (codes[np.where(is_there, column, 0)] == codes)
    with np.errstate(invalid="ignore"):  # none of none is NaN
        return (agreeing / counts).astype(np.float32)


def clean(text: str) -> str:
    """Return `text` as UTF-8 can hold it: a byte of a file's name that is none is written out."""
    return valid_unicode(text).encode("utf-8", "backslashreplace").decode()


def _write_numbers(folder: Path, file: str, name: str, values: NDArray[Any]) -> NumberColumn | None:
    with np.errstate(over="ignore"):  # what is too large is met as an infinity below
        numbers = values.astype(np.float32)
    if np.isinf(numbers).any():
        raise InputError(
            f"the column {name!r} must hold finite numbers, as float32 has them, or NaN; "
            "got an infinite one. Replace it by NaN, or scale the column."
        )
    present = numbers[~np.isnan(numbers)]
    if not len(present):
        return None
    return NumberColumn(
        kind="number",
        name=clean(name),
        values=write_array(folder, file, numbers),
        minimum=float(present.min()),
        maximum=float(present.max()),
    )


def _write_category(
    folder: Path,
    file: str,
    name: str,
    values: Sequence[str | None] | NDArray[Any],
    order: NDArray[np.intp],
) -> CategoryColumn | TextColumn | None:
    texts = [None if value is None else str(value) for value in values]
    present = [text for text in texts if text is not None]
    if not present:
        return None
    n_distinct = len(set(present))
    coded = None
    if n_distinct <= max(FEW, min(MANY, len(order) // 2)):
        coded = code_labels(present)
    if coded is None:
        return TextColumn(kind="text", name=clean(name))
    categories, present_codes = coded
    codes = np.full(len(texts), NO_CATEGORY, dtype=np.uint16)
    codes[[text is not None for text in texts]] = present_codes
    return CategoryColumn(
        kind="category",
        name=clean(name),
        codes=write_array(folder, file, codes[order]),
        categories=categories,
    )
