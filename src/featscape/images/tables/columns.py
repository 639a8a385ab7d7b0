"""The columns of a table of images: recognize paths, labels and splits."""

from __future__ import annotations

import difflib
import re
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.images.tables.boxes import nested_reason
from featscape.images.tables.data_types import infer_type
from featscape.images.tables.splits import SPLITS
from featscape.images.tables.values import (
    contains_lists,
    convert_durations,
    join_lists,
    lacks_text,
    plain_value,
    text_of,
)
from featscape.labels.classes import NO_SPLIT, may_be_classes, trim_labels
from featscape.mapfolder import OWN_COLUMNS, SOURCE_PREFIX
from featscape.printable_names import encodable, is_decoded, list_names, printable
from featscape.records.skipped import LISTS, skipped_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from featscape.records import SkippedImage
    from featscape.records.images import Column

# usual names of the column of paths and of the column of labels, the most likely first
PATH_COLUMNS = (
    *("file_name", "filename", "path", "file_path", "filepath", "file"),
    *("image_path", "img_path", "image_file", "image_name", "image", "img"),
    *("url", "image_url", "uri"),
)
LABEL_COLUMNS = (
    *("label", "class", "category", "class_name", "label_name", "labels", "species", "cls"),
    *("target", "targets"),
)
# other names than split of a column of splits, the most likely first; all values must name splits
_SPLIT_COLUMNS = ("set", "subset", "partition", "fold")

_WHOLE_FLOAT = re.compile(r"-?(?:0|[1-9]\d{,14})\.0")
_LEAST_SIMILAR = 0.5  # of the name of a column that is suggested, by difflib
_MOST_SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class ImageColumns:
    """The labels, splits and other columns of a set of images, in the order of the images.

    Attributes
    ----------
    labels, splits : tuple of str or None
    label_column : str or None
        The name of the column of labels; None if `labels` is None.
    split_column : str or None
        The name of the column of splits; None if `splits` is None.
    n_trimmed_labels : int
        Number of labels with white space around them, which was removed.
    columns : dict of str to Column
        By name: an array of shape (n,) of int64, float64, bool, datetime64[D], datetime64[us], or
        of objects that are bool or None; otherwise a tuple of str or None.
    skipped : tuple of SkippedImage
        The columns that are not used.
    """

    labels: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    skipped: tuple[SkippedImage, ...] = ()
    label_column: str | None = None
    split_column: str | None = None
    n_trimmed_labels: int = 0


def choose_column(
    names: Iterable[str], usual: Sequence[str], *, wanted: str | None, option: str, table: str
) -> str | None:
    """Return the column that the caller named, or else the first of the usual names.

    Parameters
    ----------
    names : iterable of str
        The columns of the table.
    usual : sequence of str
        Usual names in lower case, the most likely first.
    wanted : str or None
        The name that the caller gave.
    option : str
        The caller's option, for the message.
    table : str
        The name of the table, for the message.

    Returns
    -------
    str or None
        None if no column has one of the names.

    Raises
    ------
    InputError
        If there is no column `wanted`.
    """
    names = list(names)
    check_column(names, wanted, option=option, table=table)
    return find_usual_column(names, usual) if wanted is None else wanted


def check_column(names: Iterable[str], wanted: str | None, *, option: str, table: str) -> None:
    """Raise InputError if the caller named a column that does not exist.

    The parameters are those of `choose_column`.
    """
    names = list(names)
    if wanted is not None and wanted not in names:
        raise _no_column(names, wanted=wanted, option=option, table=table, suggested=names)


def find_usual_column(names: Iterable[str], usual: Sequence[str]) -> str | None:
    """Return the first column of `usual_columns`, or None."""
    return next(iter(usual_columns(names, usual)), None)


def usual_columns(names: Iterable[str], usual: Sequence[str]) -> list[str]:
    """Return the columns with usual names, in upper or lower case, in the order of `usual`."""
    by_lower = {name.lower(): name for name in reversed(list(names))}
    return [by_lower[name] for name in usual if name in by_lower]


def choose_label_column(
    columns: Mapping[str, Sequence[Any]],
    usual: Sequence[str],
    *,
    wanted: str | None,
    table: str,
    is_untyped: bool,
) -> str | None:
    """Return the column of labels as `choose_column`; the error suggests only columns of classes.

    Parameters
    ----------
    columns : mapping of str to sequence
        The raw values of each column.
    usual, wanted, table
        As in `choose_column`.
    is_untyped : bool
        Whether numbers are text, as in a CSV file.

    Raises
    ------
    InputError
        If there is no column `wanted`.
    """
    option = "the label column"
    if wanted is None or wanted in columns:
        return choose_column(columns, usual, wanted=wanted, option=option, table=table)
    classes = [name for name, raw in columns.items() if _may_be_classes(raw, is_untyped=is_untyped)]
    raise _no_column(list(columns), wanted=wanted, option=option, table=table, suggested=classes)


def _may_be_classes(raw: Sequence[Any], *, is_untyped: bool) -> bool:
    """Return whether values are text, truth values or whole numbers of few different values."""
    values = [plain_value(value) for value in raw]
    present = [value for value in values if value is not None]
    if (values and not present) or any(isinstance(value, dict | bytes) for value in present):
        return False
    if contains_lists(present):
        return False
    column = infer_type(present, is_untyped=is_untyped)
    kind = column.dtype.kind if isinstance(column, np.ndarray) else ""
    if kind == "M" or (kind == "f" and (np.asarray(column) % 1 != 0).any()):
        return False
    return may_be_classes(len(set(column)), len(column))


def _no_column(
    names: Sequence[str], *, wanted: str, option: str, table: str, suggested: Sequence[str]
) -> InputError:
    """Return the error for a column that does not exist; the remedy names `suggested` columns."""
    by_lower = {name.lower(): name for name in reversed(suggested)}
    near = difflib.get_close_matches(wanted.lower(), by_lower, 1, _LEAST_SIMILAR)
    near = list(by_lower) if len(by_lower) == 1 else near
    if near:
        remedy = f"Name {by_lower[near[0]]!r}"
    elif not names:
        remedy = "Name another table"
    elif not suggested:
        remedy = "No column has classes: add a column of labels, or omit the option"
    elif len(suggested) < len(names):
        remedy = f"Name a column of classes: {list_names(suggested)}"
    else:
        remedy = "Name one of these columns"
    return InputError(
        f"{option} must be a column of {table!r}; got {wanted!r}, but the columns are "
        f"{list_names(names)}. {remedy}."
    )


def classify_columns(
    columns: Mapping[str, Sequence[Any]],
    *,
    table: str,
    label_column: str | None,
    has_labels: bool = False,
    has_splits: bool = False,
    is_untyped: bool = False,
) -> ImageColumns:
    """Find the labels and splits among the columns, and infer the type of each other column.

    Parameters
    ----------
    columns : mapping of str to sequence
        The raw values of each column, one per image; `plain_value` lists the missing values.
    table : str
        The name of the table, for messages.
    label_column : str or None
        The column of labels; by default a column with one of the names `LABEL_COLUMNS`.
    has_labels, has_splits : bool
        Whether folders give labels or splits. A column of labels or splits is then an ordinary
        column.
    is_untyped : bool
        Whether numbers are text, as in a CSV file.

    Returns
    -------
    ImageColumns
        A column with the name of a column of the map is renamed to "source NAME", and a column of
        durations, which become seconds, to "NAME (s)". A column of nested or binary values is
        skipped, because a page cannot show such values. Lists of text become text, which is not
        used as labels: `join_lists`. White space around labels is removed. Labels of whole numbers
        have no decimals. A missing split becomes `NO_SPLIT`.

    Raises
    ------
    InputError
        If there is no column `label_column`, or the column has no values or contains lists, or if
        a name or a value contains bytes that are not UTF-8.
    """
    usual = () if has_labels else LABEL_COLUMNS
    label = choose_label_column(
        columns, usual, wanted=label_column, table=table, is_untyped=is_untyped
    )
    split = None if has_splits else _choose_splits(columns, label=label)
    labels = splits = None
    n_trimmed = 0
    kept: dict[str, Column] = {}
    skipped = []
    for name, raw in columns.items():
        values = [plain_value(value) for value in raw]
        has_lists = contains_lists(values)
        if name == label_column:
            check_single_labels(name, values, table=table)
        if has_lists:
            values = join_lists(values)
        _check_decoded(name, values, table=table)
        is_nested = contains_lists(values) or any(isinstance(one, dict | bytes) for one in values)
        if is_nested or lacks_text(values):
            reason = nested_reason(next(value for value in values if value is not None))
            skipped.append(skipped_column(table, name, reason))
            continue
        if has_lists:
            skipped.append(skipped_column(table, name, LISTS))
        if name == label and not has_lists and any(value is not None for value in values):
            labels, n_trimmed = trim_labels(_label_texts(values, is_untyped=is_untyped))
        elif name == split and any(value is not None for value in values):
            splits = tuple(map(_split_of, values))
        else:
            shown, values = convert_durations(name, values)
            column = _unused_name(encodable(shown), kept)
            kept[column] = infer_type(values, is_untyped=is_untyped)
    if label_column is not None and labels is None:
        raise InputError(
            f"the label column must contain numbers or text; {label_column!r} of {table!r} does "
            "not. Name another column, or omit the option."
        )
    return ImageColumns(
        labels,
        splits,
        kept,
        tuple(skipped),
        label_column=None if labels is None else label,
        split_column=None if splits is None else split,
        n_trimmed_labels=n_trimmed,
    )


def _choose_splits(columns: Mapping[str, Sequence[Any]], *, label: str | None) -> str | None:
    """Return the column of splits: split, or a column of `_SPLIT_COLUMNS` of names of splits."""
    by_lower = {name.lower(): name for name in reversed(list(columns)) if name != label}
    if "split" in by_lower:
        return by_lower["split"]
    named = [by_lower[name] for name in _SPLIT_COLUMNS if name in by_lower]
    return next((name for name in named if _are_splits(columns[name])), None)


def _are_splits(values: Sequence[Any]) -> bool:
    """Return whether there are values, and all of them name splits."""
    present = [value for value in map(plain_value, values) if value is not None]
    are_names = all(isinstance(one, str) and one.strip().lower() in SPLITS for one in present)
    return bool(present) and are_names


def _split_of(value: Any) -> str:
    """Return the split in a column of splits; `NO_SPLIT` for a missing value or white space."""
    name = "" if value is None else text_of(value).strip()
    return SPLITS.get(name.lower(), name) or NO_SPLIT


def check_single_labels(column: str, values: Sequence[Any], *, table: str) -> None:
    """Raise InputError if a column of labels contains lists.

    Parameters
    ----------
    column : str
    values : sequence
        As from `plain_value`.
    table : str
        The name of the table; the same name as that of the column for labels without a table.
    """
    example = next((repr(value) for value in values if contains_lists([value])), None)
    if example is None:
        return
    what = f"{column}=" if column == table else f"the column {column!r} of {table!r}"
    raise InputError(
        f"featscape takes one label per image; {what} contains lists, for example "
        f"{textwrap.shorten(example, _MOST_SHOWN)}. Name another column of labels, or pass one "
        "label per image with labels=; a column can keep the lists as text joined by ', '."
    )


def _check_decoded(name: str, values: Sequence[Any], *, table: str) -> None:
    """Raise InputError if a text table in another encoding was read as UTF-8."""
    wrong = next(
        (text for text in (name, *values) if isinstance(text, str) and not is_decoded(text)), None
    )
    if wrong is not None:
        raise InputError(
            f"the text of a table must be in UTF-8; {table!r} contains "
            f"'{printable(wrong[:_MOST_SHOWN])}' in the column '{printable(name)}'. Save the table "
            "as UTF-8."
        )


def _label_texts(values: Sequence[Any], *, is_untyped: bool) -> list[str | None]:
    """Return labels as text, "1" instead of "1.0" if all labels are whole floats.

    Integers become floats in a table where a label is missing.
    """
    texts = [None if value is None else text_of(value) for value in values]
    present = [value for value in values if value is not None]
    if is_untyped:
        is_whole = all(_WHOLE_FLOAT.fullmatch(value) for value in present)
    else:
        is_whole = all(isinstance(value, float) and value.is_integer() for value in present)
    if not is_whole:
        return texts
    return [None if value is None else str(int(float(value))) for value in values]


def _unused_name(name: str, used: Mapping[str, object]) -> str:
    while name in used or name in OWN_COLUMNS:
        name = f"{SOURCE_PREFIX}{name}"
    return name
