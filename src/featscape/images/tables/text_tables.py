"""Read tables from text files: CSV, TSV and JSON lines; invalid rows are skipped."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.images.tables.table import ImageTable, name_columns
from featscape.number_text import plural
from featscape.records.skipped import INVALID_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

_DELIMITERS = ",;\t"
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)  # a first line for Excel
_N_SEARCHED = 4_096  # characters: a binary file, such as an image, has a zero among these
_N_PROBED = 4  # characters: of UTF-16 or UTF-32 read as UTF-8, one of the first four is zero


def decode_text(content: bytes, name: str) -> io.StringIO:
    """Decode a file in UTF-8, or in UTF-16 with a byte order mark, as spreadsheets write it.

    Raises
    ------
    InputError
        If the file has another encoding, or is a binary file.
    """
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = content.decode("utf-16")
        else:  # bytes that are not UTF-8 are kept, because a path may contain such bytes
            text = content.decode("utf-8-sig", "surrogateescape")
    except UnicodeDecodeError as error:
        raise InputError(
            f"a table of images must be text in one encoding; {name!r} begins as UTF-16 and is "
            f"not valid UTF-16 ({error.reason} at byte {error.start:,}). Save the table as UTF-8."
        ) from error
    if "\0" in text[_N_PROBED:_N_SEARCHED] and "\0" not in text[:_N_PROBED]:
        raise InputError(
            f"a table of images must be text; {name!r} is a binary file. Check the name of the "
            "file, or save the table as CSV in UTF-8."
        )
    if "\0" in text[:_N_PROBED]:
        raise InputError(
            "a table of images must be text in UTF-8, or in UTF-16 with a byte order mark; "
            f"{name!r} begins with zero bytes. Save the table as UTF-8."
        )
    return io.StringIO(text, newline="")


def read_delimited(text: io.StringIO, name: str, extension: str) -> ImageTable:
    """Read a CSV or TSV table; raises InputError if there is no header."""
    first = text.readline()
    text.seek(0)
    delimiter = "\t" if extension == ".tsv" else max(_DELIMITERS, key=first.count)
    lines = list(text)
    if named := _SEPARATOR_LINE.fullmatch(first):
        delimiter = named[1]
        lines[0] = "\n"  # the rows keep their line numbers
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next((row for row in reader if row), None)
    except csv.Error as error:
        reason = _describe_csv_error(error, reader.line_num)
        raise _missing_header(name, f"does not: {reason}") from error
    if header is None:
        raise _missing_header(name, "is empty")
    names = name_columns(header)
    table = ImageTable(name, {column: [] for column in names}, is_untyped=True)
    columns = list(table.columns.values())
    records = _read_records(lines, reader.line_num, delimiter, n_fields=len(names))
    for number, record in records:
        position = f"line {number + 1}"
        if isinstance(record, str):
            table.skip(position, f"{INVALID_ROW}: {record}")
            continue
        table.positions.append(position)
        for values, value in zip(columns, record, strict=True):
            values.append(value)
    if table.skipped and not table.positions:
        raise _no_valid_row(table, delimiter, lines)
    return table


def _no_valid_row(table: ImageTable, delimiter: str, lines: list[str]) -> InputError:
    """Return the error for a table whose rows do not have the fields of the header."""
    first, n_fields = table.skipped[0], len(table.columns)
    position = first.path.removeprefix(f"{table.name}, ")
    rows = "".join(lines[1:])
    used = max(_DELIMITERS, key=rows.count)
    hint = "Write each row with the fields of the header."
    if used != delimiter and used in rows:
        hint = f"The rows seem to be separated by {used!r}: use one separator for all lines."
    return InputError(
        f"each row of a table must have the fields of the header; the header of {table.name!r} has "
        f"{plural(n_fields, 'field')} separated by {delimiter!r}, and no row is valid. {position}: "
        f"{first.reason}. {hint}"
    )


def _read_records(
    lines: list[str], start: int, delimiter: str, *, n_fields: int
) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the index of each record's first line, and the record's fields or an error message.

    After an invalid record, the next record begins at the second line of the invalid record: an
    unclosed quote extends over the lines below, which are records of their own.
    """
    while start < len(lines):
        rest = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        first = start
        try:
            for row in reader:
                after = start + reader.line_num
                if row and len(row) != n_fields:
                    yield first, f"{plural(len(row), 'field')}, but the header has {n_fields}"
                    if after > first + 1:
                        break
                elif row:
                    yield first, row
                first = after
            else:
                return
        except csv.Error as error:
            yield first, _describe_csv_error(error, start + reader.line_num - first)
        start = first + 1


def _describe_csv_error(error: csv.Error, n_lines: int) -> str:
    """Return why a record is invalid, from the error and the number of lines read."""
    if "field limit" in str(error):
        max_length = csv.field_size_limit()
        return f"a value of more than {max_length:,} characters, or an unclosed quote"
    is_unclosed = n_lines > 1 or "unexpected end" in str(error)
    return "an unclosed quote" if is_unclosed else str(error)


def _missing_header(name: str, problem: str) -> InputError:
    return InputError(
        f"a table of images must begin with the names of its columns; {name!r} {problem}. "
        "Add the names as the first line."
    )


def read_json_lines(text: io.StringIO, name: str) -> ImageTable:
    """Read a table of one JSON object per line."""
    table = ImageTable(name, {})
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        position = f"line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            table.skip(position, f"{INVALID_ROW}: not valid JSON ({error})")
            continue
        if not isinstance(row, dict):
            table.skip(position, f"{INVALID_ROW}: not a JSON object")
            continue
        for column, value in row.items():
            if column not in table.columns:
                table.columns[column] = [None] * len(table.positions)
            table.columns[column].append(value)
        table.positions.append(position)
        for values in table.columns.values():
            if len(values) < len(table.positions):
                values.append(None)
    return table
