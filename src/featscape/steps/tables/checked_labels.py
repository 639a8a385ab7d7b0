"""Replace the labels of images by labels that a person has checked."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.labels.checked import CHECKED_LABEL, checked_labels
from featscape.labels.classes import NO_LABEL
from featscape.mapfolder.read import read_items
from featscape.number_text import plural
from featscape.printable_names import encodable, list_first, printable
from featscape.steps.facts.columns import describe_labels
from featscape.steps.tables.item_columns import is_table, read_valid_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from featscape.images.tables.table import ImageTable
    from featscape.options import TableInput
    from featscape.progress import Progress
    from featscape.records import ImageSet

_FORMULA = re.compile(r"^'(?=[=+\-@\t\r])")  # as in viewer/src/state/exports/csv.ts
_WHOLE_NUMBER = re.compile(r"(-?\d+)[.,]0+")  # 3 in a column of numbers of a spreadsheet
_N_NAMED = 6  # classes in a line on the screen
_MOST_SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class CheckedLabels:
    """The checked labels of one table or several tables.

    Attributes
    ----------
    tables : tuple of (str, mapping of str to str)
        The name of each table, for messages, and the checked label of each path that has a checked
        label; at least one.
    """

    tables: tuple[tuple[str, Mapping[str, str]], ...]

    @property
    def table(self) -> str:
        """The names of the tables, for messages."""
        return ", ".join(name for name, _ in self.tables)

    @cached_property
    def by_path(self) -> Mapping[str, str]:
        """The label of each path in the last table that has a label for the path."""
        return {path: label for _, labels in self.tables for path, label in labels.items()}


def read_checked(checked: TableInput | list[str] | None) -> CheckedLabels | None:
    """Read a table of checked labels, or several tables.

    Parameters
    ----------
    checked : path, list of paths, DataFrame, mapping of str to sequence, or None
        A table with a column of paths and the column `CHECKED_LABEL`. Rows without a checked label
        are not used. Of several tables with an image, the last table is used.

    Raises
    ------
    InputError
        If the table cannot be read, has no such columns or no checked label, or if a path has two
        checked labels.
    """
    given = checked if isinstance(checked, list) else [] if checked is None else [checked]
    tables = [_read_table(one) for one in given]
    names = [table.name for table in tables]
    if len(set(names)) < len(names):  # files of one name in several folders
        names = [
            os.fspath(one) if isinstance(one, str | os.PathLike) else "checked" for one in given
        ]
    labels = [_read_labels(table) for table in tables]
    return CheckedLabels(tuple(zip(names, labels, strict=True))) if given else None


def apply_checked(
    images: ImageSet, checked: CheckedLabels | None, reporter: Progress, *, found: ImageSet
) -> ImageSet:
    """Return the images with the checked labels.

    Parameters
    ----------
    images : ImageSet
    checked : CheckedLabels or None
        None changes nothing.
    reporter : Progress
        Receives the number of replaced and of removed labels, the contradictions between tables,
        the new classes, and the paths of images that were not drawn and of no image.
    found : ImageSet
        The images from which `images` were drawn, or `images`.

    Returns
    -------
    ImageSet
        With the column `CHECKED_LABEL`, which contains the labels of the table. Other images keep
        the value of this column of the source, which does not change their label. `images` if no
        image has a row.

    Raises
    ------
    InputError
        If no path of the table is the path of an image in `found`.
    """
    if checked is None:
        return images
    by_path = checked.by_path
    items = {_shorten(path): item for item, path in enumerate(images.paths)}
    known = items.keys() if found is images else {_shorten(path) for path in found.paths}
    if known.isdisjoint(by_path):
        raise InputError(
            f"the table of checked labels must have paths of images in {images.source}; "
            f"{checked.table!r} has {printable(next(iter(by_path)))!r}, and an image is "
            f"{printable(images.paths[0])!r}. Write the paths as `featscape findings --csv` does."
        )
    classes = set(found.labels or ())
    # A spreadsheet may write the class 3 as 3.0 or 3,0, and the class 3.0 as 3.
    n_spellings = Counter(map(_whole, classes))
    spelled = {_whole(name): name for name in classes if n_spellings[_whole(name)] == 1}
    spelled |= {name: name for name in classes}
    drawn = {path: _as_class(by_path[path], spelled) for path in by_path if path in items}
    used = {items[path]: label for path, label in drawn.items()}
    labels = list(images.labels or (NO_LABEL,) * len(images))
    column = checked_labels(images.columns, len(images))
    n_replaced = sum(labels[item] != label for item, label in used.items())
    n_removed = sum(label == NO_LABEL != labels[item] for item, label in used.items())
    for item, label in used.items():
        labels[item] = column[item] = label
    reporter.note(
        f"checked labels: {plural(len(used), 'image')} of {checked.table!r}, "
        f"{n_replaced:,} with another label than in the source"
    )
    if n_removed:
        reporter.note(f"checked labels: {plural(n_removed, 'label was', 'labels were')} removed")
    for line in _describe_contradictions(checked, drawn, spelled):
        reporter.note(line)
    if new := sorted(set(used.values()) - classes - {NO_LABEL}):
        names = printable(list_first(new, n_shown=_N_NAMED))
        reporter.note(f"checked labels: new {'class' if len(new) == 1 else 'classes'} {names}")
        for line in describe_labels({*classes, *new}, n_trimmed=0, new=new):
            reporter.note(line)
    for line in _describe_unused(checked, items.keys(), known):
        reporter.note(line)
    if not used:  # images without labels remain unlabeled
        return images
    columns = {**images.columns, CHECKED_LABEL: tuple(column)}
    return replace(images, labels=tuple(labels), columns=columns)


def describe_lost(folder: Path, checked: CheckedLabels) -> Iterator[str]:
    """Yield a line if a table lacks checked labels of the map that the run replaces.

    Parameters
    ----------
    folder : Path
        A map.
    checked : CheckedLabels
        The table of this run.
    """
    shown = printable(folder.name)
    try:
        items = read_items(folder)
    except InputError as error:  # a damaged map can be replaced
        yield f"checked labels: those of {shown} cannot be compared with {checked.table!r}: {error}"
        return
    if "path" not in items.column_names or CHECKED_LABEL not in items.column_names:
        return
    labels = checked_labels({CHECKED_LABEL: items[CHECKED_LABEL].to_pylist()}, items.num_rows)
    pairs = zip(items["path"].to_pylist(), labels, strict=True)
    paths = [path for path, label in pairs if label is not None]
    lost = [path for path in paths if _shorten(path) not in checked.by_path]
    if lost:
        yield (
            f"checked labels: {len(lost):,} of {plural(len(paths), 'checked image')} of {shown} "
            f"without a label in {checked.table!r}, first {printable(lost[0])!r}"
        )


def _whole(label: str) -> str:
    """Return a whole number without its decimals, and every other label unchanged."""
    number = _WHOLE_NUMBER.fullmatch(label)
    return number[1] if number else label


def _as_class(label: str, spelled: Mapping[str, str]) -> str:
    """Return the class of the source that a label names, or the label if there is none."""
    return spelled.get(label, spelled.get(_whole(label), label))


def _describe_contradictions(
    checked: CheckedLabels, used: Mapping[str, str], spelled: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line if several tables have different labels for an image.

    Parameters
    ----------
    checked : CheckedLabels
    used : mapping of str to str
        The class of each path of an image that was drawn.
    spelled : mapping of str to str
        The classes of the source by the ways to write their names.
    """
    found: dict[str, tuple[str, str]] = {}  # by path: the table and its label
    counting: dict[str, str] = {}  # by path: the last table
    for name, labels in checked.tables:
        for path in labels.keys() & used.keys():
            counting[path] = name
            label = _as_class(labels[path], spelled)
            if label != used[path]:
                found[path] = name, label
    if not found:
        return
    path = next(path for path in used if path in found)
    table, label = found[path]
    images = plural(len(found), "image has", "images have")
    yield (
        f"checked labels: {images} different labels in the tables; the last table is used; "
        f"first {printable(path)!r}: {label!r} in {table!r}, {used[path]!r} in {counting[path]!r}"
    )


def _describe_unused(
    checked: CheckedLabels, drawn: Collection[str], known: Collection[str]
) -> Iterator[str]:
    """Yield the numbers of paths of images that were not drawn, and of paths without an image."""
    paths = checked.by_path
    undrawn = [path for path in paths if path in known and path not in drawn]
    missing = [path for path in paths if path not in known]
    of = f"of {plural(len(paths), 'path')} in {checked.table!r}"
    if undrawn:
        yield (
            f"checked labels: {len(undrawn):,} {of} with an image that --limit {len(drawn)} does "
            f"not draw, first {printable(undrawn[0])!r}"
        )
    if missing:
        yield (
            f"checked labels: {len(missing):,} {of} {'matches' if len(missing) == 1 else 'match'} "
            f"no image, first {printable(missing[0])!r}"
        )


def _read_table(checked: TableInput) -> ImageTable:
    from featscape.images.tables.program_columns import make_table
    from featscape.images.tables.table_files import TABLE_EXTENSIONS

    if not isinstance(checked, str | os.PathLike):
        return make_table("checked", checked)
    file = Path(checked)
    if not is_table(file):
        raise InputError(
            f"the checked labels must be in a table ({' '.join(TABLE_EXTENSIONS)}); got "
            f"{printable(file)}. Save the labels as a table."
        )
    return read_valid_table(file)


def _read_labels(table: ImageTable) -> dict[str, str]:
    """Return the checked label of each path of the table; raises InputError."""
    from featscape.images.tables.columns import PATH_COLUMNS, classify_columns, find_usual_column
    from featscape.images.tables.paths import normalize_path
    from featscape.images.tables.values import plain_value

    usual = ("path", *PATH_COLUMNS)  # the path on the map comes first
    paths = find_usual_column(table.columns, usual)
    column = find_usual_column(table.columns, (CHECKED_LABEL,))
    if paths is None or column is None:
        lacks = "of paths" if paths is None else CHECKED_LABEL
        raise InputError(
            f"the table of checked labels must have paths and labels; {table.name!r} has no column "
            f"{lacks}. Write the table with `featscape findings --csv`, and fill in the column "
            f"{CHECKED_LABEL}."
        )
    values = [plain_value(_without_apostrophe(value)) for value in table.columns[column]]
    values = [None if isinstance(one, str) and not one.strip() else one for one in values]
    if all(value is None for value in values):
        raise InputError(
            f"a label must be in the column {column!r} of {table.name!r}; the column is empty. "
            "Fill in the label of each image that you have checked."
        )
    _check_types(values, table)
    described = classify_columns(
        {column: values},
        table=table.name,
        label_column=column,
        is_untyped=table.is_untyped,
    )
    by_path: dict[str, str] = {}
    for row, label in enumerate(described.labels or ()):
        if values[row] is None:
            continue
        path, problem = normalize_path(_without_apostrophe(table.columns[paths][row]))
        if problem:
            raise InputError(
                f"each checked label must have the path of an image; {table.name!r}, "
                f"{table.positions[row]}: {problem}. Correct the row."
            )
        if by_path.setdefault(path, label) != label:
            raise InputError(
                f"an image must have one checked label; {table.name!r} has {by_path[path]!r} and "
                f"{label!r} for {printable(path)!r}. Write one label in all rows of the image."
            )
    return by_path


def _check_types(values: Sequence[Any], table: ImageTable) -> None:
    """Raise InputError if a checked label is neither a number nor text, such as a list."""
    from featscape.images.tables.values import contains_lists, lacks_text

    for row, value in enumerate(values):
        if isinstance(value, dict | bytes) or contains_lists([value]) or lacks_text([value]):
            raise InputError(
                f"a checked label must be a number or text; {table.name!r}, "
                f"{table.positions[row]}: {shorten(repr(value), _MOST_SHOWN)}. Correct the row."
            )


def _without_apostrophe(value: Any) -> Any:
    """Return a value without the apostrophe that the page writes before a formula."""
    return _FORMULA.sub("", value) if isinstance(value, str) else value


def _shorten(path: str) -> str:
    """Return the path of an image as a table has it."""
    from featscape.images.tables.paths import normalize_path

    return normalize_path(encodable(path))[0]
