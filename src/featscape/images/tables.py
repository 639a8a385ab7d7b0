"""Tables of text and Parquet, read row by row: a row that is broken is listed and left out."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError, first_line
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
NESTED = "a column of nested or binary values; only numbers and texts are kept"
_DELIMITERS = ",;\t"
_ENCODING_SHOWS_IN = 4  # characters: of UTF-16 and UTF-32 read as UTF-8 one of these is zero


@dataclass
class Table:
    """The rows of a table that could be read.

    Attributes
    ----------
    name : str
        The file's.
    columns : dict of str to list
        The values of each column, row by row; None where a row has none.
    places : list of str
        Where each row stands, for example "line 17".
    skipped : list of SkippedImage
        The broken rows.
    as_written : bool
        Whether all values are texts, numbers too.
    """

    name: str
    columns: dict[str, list[Any]]
    places: list[str] = field(default_factory=list)
    skipped: list[SkippedImage] = field(default_factory=list)
    as_written: bool = False

    def skip(self, place: str, reason: str) -> None:
        """Leave a row out, and say why."""
        self.skipped.append(SkippedImage(f"{self.name}, {place}", reason))


def read_table(content: bytes, name: str) -> Table:
    """Read a table.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        Its name: the extension, one of `TABLES`, says what it is.

    Raises
    ------
    InputError
        If it is a Parquet file that cannot be read, or a table of text without a header, or in
        another encoding than UTF-8 and UTF-16.
    """
    kind = PurePosixPath(name).suffix.lower()
    if kind == ".parquet":
        return _read_parquet(content, name)
    text = io.StringIO(_decode(content, name), newline="")
    if kind in (".csv", ".tsv"):
        return _read_delimited(text, name, kind)
    return _read_json_lines(text, name)


def _decode(content: bytes, name: str) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 as spreadsheets write it, with its mark."""
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = content.decode("utf-16")
        else:  # bytes that are no UTF-8 come through, for a path may hold them
            text = content.decode("utf-8-sig", "surrogateescape")
    except UnicodeDecodeError as error:
        raise InputError(
            f"a table of images must be text in one encoding; {name!r} begins as UTF-16 and is "
            f"none ({error.reason} at byte {error.start:,}). Save it as UTF-8."
        ) from error
    if "\0" in text[:_ENCODING_SHOWS_IN]:
        raise InputError(
            f"a table of images must be text in UTF-8, or UTF-16 with its mark; {name!r} begins "
            "with zero bytes. Save it as UTF-8."
        )
    return text


def _read_delimited(text: io.StringIO, name: str, kind: str) -> Table:
    first = text.readline()
    text.seek(0)
    delimiter = "\t" if kind == ".tsv" else max(_DELIMITERS, key=first.count)
    lines = list(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next((row for row in reader if row), None)
    except csv.Error as error:
        raise _no_header(name, f"has there: {_reason_of(error, reader.line_num)}") from error
    if header is None:
        raise _no_header(name, "is empty")
    names = name_columns(header)
    table = Table(name, {column: [] for column in names}, as_written=True)
    columns = list(table.columns.values())
    records = _read_records(lines, reader.line_num, delimiter, n_fields=len(names))
    for number, record in records:
        place = f"line {number + 1}"
        if isinstance(record, str):
            table.skip(place, f"a broken row: {record}")
            continue
        table.places.append(place)
        for values, value in zip(columns, record, strict=True):
            values.append(value)
    return table


def _read_records(
    lines: list[str], start: int, delimiter: str, *, n_fields: int
) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the index of each record's first line, and its fields or the reason if it is broken.

    A broken record ends with its first line: an unclosed quote takes in the lines below, which are
    records of their own.
    """
    while start < len(lines):
        rest = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        first = start
        try:
            for row in reader:
                after = start + reader.line_num
                if row and len(row) != n_fields:
                    yield first, f"{len(row)} fields, and the header has {n_fields}"
                    if after > first + 1:
                        break
                elif row:
                    yield first, row
                first = after
            else:
                return
        except csv.Error as error:
            yield first, _reason_of(error, start + reader.line_num - first)
        start = first + 1


def _reason_of(error: csv.Error, n_lines: int) -> str:
    """Return what is wrong with a record of which a number of lines were read."""
    if "field limit" in str(error):
        most = csv.field_size_limit()
        return f"a value of more than {most:,} characters, or a quote that is not closed"
    is_unclosed = n_lines > 1 or "unexpected end" in str(error)
    return "a quote that is not closed" if is_unclosed else str(error)


def _no_header(name: str, what: str) -> InputError:
    return InputError(
        f"a table of images must begin with the names of its columns; {name!r} {what}. "
        "Add a first line."
    )


def name_columns(header: list[str]) -> list[str]:
    """Return the names of columns, of which no two are alike, and none is empty."""
    names = [name.strip() or f"column {number}" for number, name in enumerate(header, 1)]
    seen: Counter[str] = Counter()
    for number, name in enumerate(names):
        seen[name] += 1
        while seen[name] > 1 and f"{name} ({seen[name]})" in names:
            seen[name] += 1
        if seen[name] > 1:
            names[number] = f"{name} ({seen[name]})"
    return names


def _read_json_lines(text: io.StringIO, name: str) -> Table:
    table = Table(name, {})
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            table.skip(place, f"a broken row: no JSON ({error})")
            continue
        if not isinstance(row, dict):
            table.skip(place, "a broken row: no JSON object")
            continue
        for column, value in row.items():
            if column not in table.columns:
                table.columns[column] = [None] * len(table.places)
            table.columns[column].append(value)
        table.places.append(place)
        for values in table.columns.values():
            if len(values) < len(table.places):
                values.append(None)
    return table


def _read_parquet(content: bytes, name: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        plain, nested = plain_columns(file.schema_arrow, name)
        read = file.read(columns=plain)
    except Exception as error:
        # Arrow raises OSError and ArrowException, and what decoding the metadata's text raises
        raise InputError(
            f"a Parquet file must be whole to be read; {name!r} is not ({first_line(error)}). "
            "Get it again."
        ) from error
    names = name_columns(read.column_names)
    columns = {}
    for column, values in zip(names, read.columns, strict=True):
        columns[column] = list_values(values, f"{name}, column {column}", nested)
    return Table(
        name, columns, places=[f"row {row}" for row in range(read.num_rows)], skipped=nested
    )


def list_values(values: pa.ChunkedArray, place: str, skipped: list[SkippedImage]) -> list[Any]:
    """Return the values of a column; None for those that Python cannot hold.

    Such values are text that is not UTF-8, and dates out of Python's range.

    Parameters
    ----------
    values : pyarrow.ChunkedArray
    place : str
        The name of the column, for the reason.
    skipped : list of SkippedImage
        Receives one entry for all values that are left out.
    """
    try:
        listed: list[Any] = values.to_pylist()
    except Exception:  # noqa: BLE001 - what is wrong is found below, value by value
        listed = []
    else:
        return listed
    n_bad, reason = 0, ""
    for value in values:
        try:
            listed.append(value.as_py())
        except Exception as error:  # noqa: BLE001 - each type of Arrow raises errors of its own
            listed.append(None)
            n_bad, reason = n_bad + 1, reason or first_line(error)
    skipped.append(SkippedImage(place, f"values that cannot be read: {n_bad:,} ({reason})"))
    return listed


def plain_columns(schema: pa.Schema, name: str) -> tuple[list[str], list[SkippedImage]]:
    """Return the columns of single numbers and texts, and for each other why it is left out.

    Parameters
    ----------
    schema : pyarrow.Schema
    name : str
        The table's, for the reasons.
    """
    import pyarrow as pa

    plain, others = [], []
    for column in schema:
        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_nested(kind) or "binary" in str(kind):
            others.append(SkippedImage(f"{name}, column {column.name}", NESTED))
        else:
            plain.append(column.name)
    return plain, others
