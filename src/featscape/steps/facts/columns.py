"""Describe the columns and labels of a table, and its skipped rows and columns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np

from featscape.labels.checked import CHECKED_LABEL, find_checked
from featscape.labels.classes import NO_LABEL, NO_SPLIT, may_be_classes
from featscape.mapfolder import OWN_COLUMNS, SOURCE_PREFIX
from featscape.number_text import plural
from featscape.printable_names import list_first, list_names, printable
from featscape.records import SkippedImage, count_skipped
from featscape.records.skipped import (
    DUPLICATE_PATH,
    EARLIER_MAP,
    INVALID_ROW,
    LISTS,
    MIXED,
    NESTED,
    NO_IMAGE,
    UNUSED_IMAGE,
    column_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from featscape.images.tables.columns import ImageColumns
    from featscape.records import ImageSet
    from featscape.records.images import Column

_MOST_NAMED = 6  # labels in a line on the screen


def describe_columns(
    described: ImageSet | ImageColumns, *, n_items: int, noun: str
) -> Iterator[str]:
    """Yield the names of the columns, and their numbers of items with values, if there are columns.

    The first lines are the column of splits if it has another name than split, and the number of
    items without a split. The last line is the number of checked labels.
    """
    if described.split_column is not None and described.split_column.lower() != "split":
        yield printable(
            f"splits: the column {described.split_column!r}, because all values are names of splits"
        )
    n_without = Counter(described.splits)[NO_SPLIT]
    if n_without:
        yield printable(
            f"no split: {n_without:,} of {plural(n_items, noun)}, without a value in the column "
            f"{described.split_column!r}. Leaks are computed between the others"
        )
    names = [repr(described.label_column)] if described.label_column is not None else []
    names += ["the split"] if described.splits is not None else []
    counts = {
        name: int(np.count_nonzero(_has_value(values)))
        for name, values in described.columns.items()
    }
    empty = [name for name, count in counts.items() if not count]
    filled = {name: count for name, count in counts.items() if count}
    names += [list_names(list(filled))] if filled else []
    if described.label_column is not None and described.labels is not None:
        n_labeled = n_items - described.labels.count(NO_LABEL)
        filled = {described.label_column: n_labeled, **filled}
    if filled:
        # splits without a table are those of the folders
        yield printable(f"columns: {', '.join(names)}; {_count_values(filled, n_items, noun)}")
    if empty:
        yield printable(f"columns without a value: {list_names(list(map(name_in_source, empty)))}")
    n_checked = int(find_checked(described.columns, described.labels, n_items).sum())
    if n_checked:
        yield (
            f"checked labels: {plural(n_checked, 'label')} in the column {CHECKED_LABEL!r} of the "
            "source, not listed as label errors"
        )
    if n_other := counts.get(CHECKED_LABEL, 0) - n_checked:
        yield (
            f"checked labels: {plural(n_other, 'value')} in the column {CHECKED_LABEL!r} of the "
            "source differ from the label and have no effect; give the table to --checked "
            "(checked=) to use these labels"
        )


def _count_values(counts: Mapping[str, int], n_items: int, noun: str) -> str:
    """Return the number of items with values, or the columns that have values for fewer items."""
    counted = plural(n_items, noun)
    (first, *others) = set(counts.values())
    if not others:
        return f"values for {counted if first == n_items else f'{first:,} of {counted}'}"
    partial = [f"{name!r} for {count:,}" for name, count in counts.items() if count < n_items]
    return f"values for {counted}, except {list_first(partial, n_shown=_MOST_NAMED)}"


def name_in_source(column: str) -> str:
    """Return the name of a column in the source; a map renames the columns `OWN_COLUMNS`."""
    own = column.removeprefix(SOURCE_PREFIX)
    return own if own in OWN_COLUMNS else column


def _has_value(values: Column) -> NDArray[np.bool_]:
    """Return which values of a column are not missing, shape (n,)."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fM":
        return ~np.isnan(values) if values.dtype.kind == "f" else ~np.isnat(values)
    return np.array([value is not None for value in values], dtype=bool)


def describe_left_out(skipped: Sequence[SkippedImage]) -> Iterator[str]:
    """Yield the number of skipped rows and of columns that are not used, if any."""
    rows = [one for one in skipped if one.reason.startswith(NO_IMAGE)]
    if rows:
        names = list_names([one.reason.removeprefix(f"{NO_IMAGE}: ") for one in rows], n_shown=1)
        yield printable(f"{count_skipped(one.reason for one in rows)}: {names}")
    for kind in (UNUSED_IMAGE, INVALID_ROW, DUPLICATE_PATH):
        rows = [one for one in skipped if one.reason.startswith(kind)]
        if rows:
            example = ", for example" if len(rows) > 1 else ","
            detail = rows[0].reason.partition(": ")[2]
            counted = count_skipped(one.reason for one in rows)
            yield printable(f"{counted}{example} {rows[0].path}: {detail}")
    for one in skipped:
        if one.reason.startswith(MIXED):
            detail = one.reason.removeprefix("a column of ")
            yield printable(f"the column {column_of(one)!r} has {detail}")
    details = {
        EARLIER_MAP: EARLIER_MAP.removeprefix("a column "),
        NESTED: NESTED.removeprefix("a column of "),
        LISTS: "as text, with ', ' between the values; a label is one value per image",
    }
    for kind, detail in details.items():
        # the files of a source may have the same column
        columns = {column_of(one): one for one in skipped if one.reason.startswith(kind)}
        if columns:
            names = list_names(list(columns))
            counted = count_skipped(one.reason for one in columns.values())
            yield printable(f"{counted}: {names} ({detail})")


def describe_labels(
    labels: Iterable[str], *, n_trimmed: int, new: Collection[str] | None = None
) -> Iterator[str]:
    """Yield the number of trimmed labels, and the labels that differ only in case or form.

    With `new`, these are only the labels that differ so from a label in `new`.
    """
    if n_trimmed:
        yield f"white space around {plural(n_trimmed, 'label')} was removed"
    groups = _group_alike(labels)
    if new is not None:
        groups = [names for names in groups if not set(names).isdisjoint(new)]
    alike = [name for names in groups for name in names]
    if alike:
        named = list_names(alike, n_shown=_MOST_NAMED)
        yield f"labels that differ only in case or Unicode form are different classes: {named}"


def _group_alike(texts: Iterable[str]) -> list[list[str]]:
    """Return the groups of texts that differ only in case, Unicode form or white space."""
    spellings: dict[str, list[str]] = {}
    for text in sorted(set(texts)):
        spellings.setdefault(normalize("NFKC", text).strip().casefold(), []).append(text)
    return [names for names in spellings.values() if len(names) > 1]


def describe_renamed_columns(columns: Mapping[str, Column]) -> Iterator[str]:
    """Yield the columns with values that have another name in the source."""
    for name, values in columns.items():
        own = name_in_source(name)
        if own != name and _has_value(values).any():
            yield f"the column {own} is called {name!r}, since each map has a column {own}"


def describe_text_columns(columns: Mapping[str, Column]) -> Iterator[str]:
    """Yield the columns that are text although most of their values look like numbers or dates."""
    from featscape.images.tables.data_types import explain_text

    for name, texts in _list_texts(columns):
        reason = explain_text(texts)
        if reason:
            yield printable(f"the column {name!r} is text: {reason}")


def describe_spellings(columns: Mapping[str, Column]) -> Iterator[str]:
    """Yield the columns of categories with values that differ only in case, form or white space."""
    for name, texts in _list_texts(columns):
        known = [text for text in texts if text is not None]
        if not may_be_classes(len(set(known)), len(known)):
            continue
        alike = [value for values in _group_alike(known) for value in values]
        if alike:
            yield printable(
                f"the column {name!r} has values that differ only in case, white space or Unicode "
                f"form: {list_names(alike, n_shown=_MOST_NAMED)}"
            )


def _list_texts(columns: Mapping[str, Column]) -> Iterator[tuple[str, Sequence[str | None]]]:
    """Yield the name and the values of each column of text."""
    for name, values in columns.items():
        if not isinstance(values, np.ndarray):
            yield name, values
