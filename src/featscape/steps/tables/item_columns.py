"""Read the labels and columns of items whose features another program computed."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.files.features import map_file, read_labels, refusals
from featscape.files.regular import open_regular
from featscape.printable_names import list_names, printable
from featscape.steps.tables.item_paths import ItemTable, Pairing, pair_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featscape.feature_options import FeatureMapOptions
    from featscape.images.tables.columns import ImageColumns
    from featscape.images.tables.table import ImageTable
    from featscape.records import ImageSet


@dataclass(frozen=True, eq=False)
class TableColumns:
    """The labels and columns of n items.

    Attributes
    ----------
    described : ImageColumns
        Labels, splits and columns, in the order of the items.
    order : list of int, or None
        The number of the image of each item; None if the items are in the order of the images.
    table : str
        The name of the table with the paths of the images, for messages.
    """

    described: ImageColumns
    order: list[int] | None = None
    table: str = ""


def read_item_columns(
    options: FeatureMapOptions,
    *,
    n_items: int,
    images: ImageSet | None,
    features_table: Path | None,
    has_image_per_item: bool = False,
    has_own_labels: bool = False,
) -> TableColumns:
    """Read the labels and columns of the items.

    Parameters
    ----------
    options : FeatureMapOptions
    n_items : int
        The required number of rows.
    images : ImageSet or None
        The images that a column of paths names. Without images, the paths are a column of the map.
    features_table : Path or None
        A Parquet file with the features, whose other columns are used.
    has_image_per_item : bool
        Whether the table of the features lists the images, so that image i is that of item i.
    has_own_labels : bool
        Whether the source of the images has the column of labels that the options name. A table
        with this column takes precedence.

    Raises
    ------
    InputError
        If a file cannot be read or has another number of rows, if a row of a table is invalid, if
        a table of labels has no column of labels, if a path occurs twice or is that of no image, or
        if a table has other values in a column of the images.
    """
    from featscape.images.tables.columns import ImageColumns, classify_columns

    tables = tuple(_read_tables(options, n_items=n_items, features_table=features_table))
    for given in tables:
        _check_rows(given.table, n_items=n_items)
    pairing = Pairing(tables)
    if images is not None:
        pairing = pair_tables(
            tables, images, wanted=options.path_column, has_image_per_item=has_image_per_item
        )
    described = ImageColumns()
    for given in pairing.tables:
        table = given.table
        is_last = given is pairing.tables[-1]
        label_column = _label_column(
            given, options, described, is_required=is_last and not has_own_labels
        )
        columns = dict(table.columns)
        if given.path_column is not None and given.path_column != label_column:
            del columns[given.path_column]
        found = classify_columns(
            columns,
            table=table.name,
            label_column=label_column,
            has_labels=label_column is None and _has_labels(options, described),
            has_splits=described.splits is not None,
            is_untyped=table.is_untyped,
        )
        if given.role == "labels" and not is_table(options.labels):
            found = replace(found, label_column=None, columns={})  # the labels have no name
        found = replace(found, skipped=(*table.skipped, *found.skipped))
        described = _merge(described, found, table=table.name)
    return TableColumns(described, pairing.order, pairing.table)


def _label_column(
    given: ItemTable, options: FeatureMapOptions, described: ImageColumns, *, is_required: bool
) -> str | None:
    """Return the column of labels of a table as the options determine it; None without one.

    Parameters
    ----------
    given : ItemTable
    options : FeatureMapOptions
    described : ImageColumns
        The columns of the tables before.
    is_required : bool
        Whether the column that the options name, which no table before has, must be in this table.
    """
    if options.labels is not None:
        is_labels = given.role == "labels" and not _is_unlabeled(given.table, options)
        return _choose_labels(given.table, options) if is_labels else None
    if described.labels is not None:
        return None
    is_here = is_required or options.label_column in given.table.columns  # required: for the error
    return options.label_column if is_here else None


def _is_unlabeled(table: ImageTable, options: FeatureMapOptions) -> bool:
    """Return whether the table is a sequence of labels that are all missing."""
    from featscape.images.tables.values import plain_value

    if isinstance(options.labels, str | os.PathLike):
        return False
    return all(plain_value(label) is None for label in table.columns["labels"])


def _has_labels(options: FeatureMapOptions, described: ImageColumns) -> bool:
    """Return whether the labels are not a column with a usual name of the next table."""
    is_named = options.labels is not None or options.label_column is not None
    return is_named or described.labels is not None


def _read_tables(
    options: FeatureMapOptions, *, n_items: int, features_table: Path | None
) -> Iterator[ItemTable]:
    """Yield the tables of labels, of features and of columns, as far as they are given."""
    from featscape.images.tables.program_columns import make_table
    from featscape.images.tables.table_files import TABLE_EXTENSIONS

    if isinstance(options.labels, str | os.PathLike):
        file = Path(options.labels)
        if is_table(file):
            yield ItemTable(read_valid_table(file), "labels")
        else:
            _refuse_label_column(options, f"{printable(file)} is another kind of file")
            labels = _read_label_file(file, n_items=n_items)
            yield ItemTable(make_table(file.name, {"label": labels}), "labels")
    elif options.labels is not None:
        _refuse_label_column(options, "the labels are a sequence")
        yield ItemTable(make_table("labels", {"labels": options.labels}), "labels")
    if features_table is not None:
        yield ItemTable(read_valid_table(features_table), "features")
    if isinstance(options.columns, str | os.PathLike):
        file = Path(options.columns)
        if not is_table(file):
            raise InputError(
                f"the columns must be in a table ({' '.join(TABLE_EXTENSIONS)}); got "
                f"{printable(file)}. Save the columns as a table."
            )
        yield ItemTable(read_valid_table(file), "columns")
    elif options.columns is not None:
        yield ItemTable(make_table("columns", options.columns), "columns")


def _read_label_file(file: Path, *, n_items: int) -> Sequence[object]:
    """Return the labels in an IDX, .npy or text file; raises InputError."""
    from featscape.images.containers.idx_files import is_idx_labels, read_idx_labels

    if not is_idx_labels(file.name):
        return read_labels(file, n_items=n_items)
    with refusals(file):
        open_regular(file).close()  # a missing file is not a damaged file
    return read_idx_labels(file)


def is_table(given: object) -> bool:
    """Return whether an input is a file with a table."""
    from featscape.images.tables.table_files import TABLE_EXTENSIONS

    if not isinstance(given, str | os.PathLike):
        return False
    return Path(given).suffix.lower() in TABLE_EXTENSIONS


def _refuse_label_column(options: FeatureMapOptions, reason: str) -> None:
    from featscape.images.tables.table_files import TABLE_EXTENSIONS

    if options.label_column is not None:
        raise InputError(
            f"a label column needs a table ({' '.join(TABLE_EXTENSIONS)}); got "
            f"{options.label_column!r}, but {reason}. Omit --label-column (label_column=), or "
            "name a table."
        )


def read_valid_table(file: Path) -> ImageTable:
    """Read a table of which every row must be valid; raises InputError."""
    from featscape.images.tables.table_files import read_table
    from featscape.records.skipped import COLUMN_REASONS

    table = read_table(map_file(file), file.name)
    wrong = next((one for one in table.skipped if not one.reason.startswith(COLUMN_REASONS)), None)
    if wrong is not None:
        raise InputError(
            f"every row of the table must be valid; {wrong.path}: {wrong.reason}. Correct the row."
        )
    return table


def _check_rows(table: ImageTable, *, n_items: int) -> None:
    """Raise InputError unless a table has one row per item."""
    n_rows = len(table.positions)
    if n_rows == n_items:
        return
    hint = "Give one row per item, in the same order."
    if n_rows == n_items - 1 and table.is_untyped:
        first = next(iter(table.columns))
        hint = f"The first line names the columns: add a header if {first!r} is a value."
    below = " below its header" if table.is_untyped else ""
    raise InputError(
        f"there must be {n_items} rows, one for each row of the features; {table.name!r} has "
        f"{n_rows}{below}. {hint}"
    )


def _choose_labels(table: ImageTable, options: FeatureMapOptions) -> str:
    """Return the column of labels of a table of labels; raises InputError if there is none."""
    from featscape.images.tables.columns import LABEL_COLUMNS, choose_label_column

    name = table.name
    column = choose_label_column(
        table.columns,
        LABEL_COLUMNS,
        wanted=options.label_column,
        table=name,
        is_untyped=table.is_untyped,
    )
    if column is None and len(table.columns) == 1:
        (column,) = table.columns
    if column is None:
        raise InputError(
            f"the table {name!r} must have a column of labels, such as label or class; the columns "
            f"are {list_names(list(table.columns))}. Name one with --label-column (label_column=), "
            "or give a table without labels with --columns (columns=)."
        )
    return column


def _merge(first: ImageColumns, second: ImageColumns, *, table: str) -> ImageColumns:
    """Return the columns of two tables; raises InputError if both have a column."""
    from featscape.images.tables.columns import ImageColumns

    twice = sorted(first.columns.keys() & second.columns.keys())
    if twice:
        raise InputError(
            f"the tables of labels and of columns must have different columns; {table!r} repeats "
            f"the column {twice[0]!r}. Remove the column from one table."
        )
    return ImageColumns(
        labels=first.labels or second.labels,
        splits=first.splits or second.splits,
        split_column=first.split_column or second.split_column,
        columns={**first.columns, **second.columns},
        skipped=(*first.skipped, *second.skipped),
        label_column=first.label_column or second.label_column,
        n_trimmed_labels=first.n_trimmed_labels + second.n_trimmed_labels,
    )
