"""Read a file with a table: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from featscape.images.tables.parquet_tables import read_parquet
from featscape.images.tables.text_tables import decode_text, read_delimited, read_json_lines

if TYPE_CHECKING:
    import mmap

    from featscape.images.tables.table import ImageTable

TABLE_EXTENSIONS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read_table(content: bytes | mmap.mmap, name: str) -> ImageTable:
    """Read a table; invalid rows are in `ImageTable.skipped`.

    What an earlier map computed is left out: see `ImageTable.leave_out_earlier_map`.

    Parameters
    ----------
    content : bytes or mmap
        The content of the file. A mapped file saves memory for Parquet with large columns that
        are not read.
    name : str
        The name of the file. Its extension, one of `TABLE_EXTENSIONS`, determines the format.

    Raises
    ------
    InputError
        If the file is a damaged Parquet file, a text file without a header, or a text file in
        another encoding than UTF-8 and UTF-16.
    """
    table = _read_columns(content, name)
    table.leave_out_earlier_map()
    return table


def _read_columns(content: bytes | mmap.mmap, name: str) -> ImageTable:
    extension = PurePosixPath(name).suffix.lower()
    if extension == ".parquet":
        return read_parquet(content, name)
    text = decode_text(bytes(content), name)
    if extension in (".csv", ".tsv"):
        return read_delimited(text, name, extension)
    return read_json_lines(text, name)
