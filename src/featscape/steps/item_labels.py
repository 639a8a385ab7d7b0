"""Read the labels of items whose features another program computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.files.features import read_file, read_labels
from featscape.labels.classes import trim_labels
from featscape.printable_names import printable
from featscape.steps.facts import describe_labels

if TYPE_CHECKING:
    from featscape.images.tables.table import ImageTable
    from featscape.options import FeatureMapOptions


def read_item_labels(options: FeatureMapOptions, *, n_items: int) -> tuple[str, ...] | None:
    """Return one label per item, or None without a file of labels.

    White space around labels is removed and reported. A row without a label has `NO_LABEL`.
    A table (.csv, .tsv, .jsonl, .ndjson, .parquet) has a header and a column of labels. Other files
    are read as `read_labels` does.

    Raises
    ------
    InputError
        If the file cannot be read or has another number of labels, if a row of a table is invalid,
        or if a table has no column of labels.
    """
    from featscape.images.tables.table_files import TABLE_EXTENSIONS, read_table

    if options.labels_file is None:
        return None
    file = Path(options.labels_file)
    if file.suffix.lower() in TABLE_EXTENSIONS:
        table = read_table(read_file(file), file.name)
        labels, n_trimmed = _labels_of(table, n_items=n_items, label_column=options.label_column)
    elif options.label_column is not None:
        raise InputError(
            f"a label column needs a table ({' '.join(TABLE_EXTENSIONS)}); got "
            f"{options.label_column!r}, but {printable(file)} is another kind of file. Omit "
            "--label-column (label_column=), or name a table."
        )
    else:
        labels, n_trimmed = trim_labels(read_labels(file, n_items=n_items))
    for line in describe_labels(labels, n_trimmed=n_trimmed):
        options.reporter.note(line)
    return labels


def _labels_of(
    table: ImageTable, *, n_items: int, label_column: str | None
) -> tuple[tuple[str, ...], int]:
    """Return the labels in the rows of a table as `trim_labels` does; raises InputError."""
    from featscape.images.tables.columns import (
        LABEL_COLUMNS,
        choose_column,
        classify_columns,
        list_names,
    )

    name = table.name
    column = choose_column(
        table.columns, LABEL_COLUMNS, wanted=label_column, option="the label column", table=name
    )
    if column is None and len(table.columns) == 1:
        (column,) = table.columns
    if column is None:
        raise InputError(
            f"the table {name!r} must have a column of labels, such as label or class; the columns "
            f"are {list_names(list(table.columns))}. Name one with --label-column (label_column=)."
        )
    n_rows = len(table.positions)
    if table.skipped:
        first = table.skipped[0]
        raise InputError(
            f"every row of a table of labels must be valid; {first.path}: {first.reason}. "
            "Correct the row."
        )
    if n_rows != n_items:
        hint = "Give one row per item, in the same order."
        if n_rows == n_items - 1:
            hint = f"The first line names the columns: add a header if {column!r} is a label."
        raise InputError(
            f"there must be {n_items} labels, one for each row of the features; {name!r} has "
            f"{n_rows} below its header. {hint}"
        )
    found = classify_columns({column: table.columns[column]}, table=name, label_column=column)
    # never empty: classify_columns raises if the column has no values
    return found.labels or (), found.n_trimmed_labels
