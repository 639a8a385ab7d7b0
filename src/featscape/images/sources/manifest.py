"""A manifest: a table (.csv, .tsv, .jsonl, .parquet) that lists images by their paths.

The paths are addresses, absolute, or relative to the folder of the manifest. A row without a class
has the label "(no label)".
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import ImageError, InputError
from featscape.files.regular import describe_os_error, map_stream, open_regular
from featscape.images.containers.parquet_rows import is_parquet
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.sources.kind import Candidate, SourceKind
from featscape.images.storage.backends import Files, storage_of
from featscape.images.storage.listing import describe_skipped
from featscape.images.storage.locations import file_name, folder_of
from featscape.images.tables.columns import (
    LABEL_COLUMNS,
    PATH_COLUMNS,
    choose_column,
    choose_label_column,
    classify_columns,
)
from featscape.images.tables.paths import find_path_rows
from featscape.images.tables.table_files import TABLE_EXTENSIONS, read_table
from featscape.printable_names import list_names
from featscape.records import ImageSet
from featscape.records.images import MANIFEST_KIND
from featscape.records.skipped import COLUMN_REASONS, NESTED, column_of

if TYPE_CHECKING:
    from featscape.images.storage.locations import Location
    from featscape.images.tables.table import ImageTable

_N_BYTES_OF_HEAD = 1 << 16  # the header and the first rows of a table


def _is_manifest(candidate: Candidate) -> bool:
    return candidate.file_name.lower().endswith(TABLE_EXTENSIONS)


def find_in_manifest(candidate: Candidate) -> ImageSet:
    """Return the images that a manifest lists, in the order of the manifest.

    The function does not check whether the listed files exist.

    Raises
    ------
    InputError
        If the manifest cannot be read, lists no image, or has no column of the given name.
    """
    source = candidate.location
    table = _read_manifest(source)
    path_column, label_column = _choose_columns(table, candidate)
    rows = find_path_rows(table, path_column, label_column=label_column)
    if not rows:
        invalid = [one for one in table.skipped if not one.reason.startswith(COLUMN_REASONS)]
        raise InputError(
            f"the table must list at least one image; {table.name!r} lists none in the column "
            f"{path_column!r}. Add rows, or name another column with --path-column (path_column=)."
            f"{describe_skipped(invalid)}"
        )
    described = classify_columns(
        {
            column: [values[row] for row in rows.values()]
            for column, values in table.columns.items()
            if column != path_column
        },
        table=table.name,
        label_column=candidate.label_column,
        is_untyped=table.is_untyped,
    )
    return ImageSet(
        source=source,
        kind=MANIFEST_KIND,
        paths=tuple(rows),
        contents=_open_manifest(source),
        decode=decode_bytes,
        decode_plain=decode_plain,
        labels=described.labels,
        label_column=described.label_column,
        n_trimmed_labels=described.n_trimmed_labels,
        splits=described.splits,
        split_column=described.split_column,
        columns=described.columns,
        skipped=(*table.skipped, *described.skipped),
    )


def check_columns(source: Path, *, path_column: str | None, label_column: str | None) -> None:
    """Check the columns of a CSV or TSV file without reading the whole file.

    Files in UTF-16 are not checked.

    Raises
    ------
    InputError
        If the first rows cannot be read, or the table has no column of the given names.
    """
    try:
        with open_regular(source) as file:
            start = file.read(_N_BYTES_OF_HEAD)
    except OSError as error:
        raise _unreadable(source, describe_os_error(error)) from error
    lines, newline, _ = start.rpartition(b"\n")  # the last line may be incomplete
    if newline and not start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidate = Candidate(source, path_column=path_column, label_column=label_column)
        _choose_columns(read_table(lines, source.name), candidate)


def _choose_columns(table: ImageTable, candidate: Candidate) -> tuple[str, str | None]:
    """Return the column of paths, and the column of labels or None; raises InputError."""
    nested = [column_of(one) for one in table.skipped if one.reason.startswith(NESTED)]
    wanted = candidate.path_column
    shown = [*nested, *table.columns]
    path_column = choose_column(
        table.columns if wanted is None or wanted in nested else shown,
        PATH_COLUMNS,
        wanted=wanted,
        option="the path column",
        table=table.name,
    )
    if path_column is None:
        raise InputError(
            f"the table {table.name!r} must have a column of paths{' or images' if nested else ''};"
            f" the columns are {list_names(shown)}. Name one with --path-column (path_column=)."
        )
    label_column = choose_label_column(
        {name: values for name, values in table.columns.items() if name != path_column},
        LABEL_COLUMNS,
        wanted=candidate.label_column,
        table=table.name,
        is_untyped=table.is_untyped,
    )
    return path_column, label_column


def _read_manifest(source: Location) -> ImageTable:
    try:
        if isinstance(source, Path) and is_parquet(source.name):
            with open_regular(source) as file:  # vectors may take gigabytes, and are not read
                return read_table(map_stream(file), source.name)
        content = storage_of(source).read(source)
    except OSError as error:
        raise _unreadable(source, describe_os_error(error)) from error
    except ImageError as error:
        raise _unreadable(source, error) from error
    return read_table(content, file_name(source))


def _unreadable(source: Location, reason: object) -> InputError:
    return InputError(
        f"the table must be a readable file; {str(source)!r} cannot be read: {reason}. "
        "Check the path and the permissions."
    )


def _open_manifest(source: Location) -> Files:
    return Files(folder_of(source))


MANIFEST = SourceKind(MANIFEST_KIND, _is_manifest, find_in_manifest, _open_manifest)
