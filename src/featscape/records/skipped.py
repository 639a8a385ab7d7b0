"""The files, rows and columns of a source that were skipped, with the reasons."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featscape.number_text import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

# the beginnings of the reasons of skipped columns and rows
NESTED = "a column of nested or binary values; only numbers and text are kept"
LISTS = "a column of lists, which became text joined by ', '"
MIXED = "a column of different types in the files, which became text"
EARLIER_MAP = "a column from an earlier map; the new map has its own"
VECTORS = f"{NESTED} (vectors)"
BOXES = f"{NESTED} (boxes)"
NO_IMAGE = "a row without an image"
UNUSED_IMAGE = "a row of an image that is not used"
INVALID_ROW = "invalid row"
DUPLICATE_PATH = "duplicate path"

# how `count_skipped` counts each kind: the sentence, and its noun in the singular and the plural
_FILES = ("skipped {}", "file", "files")
_LEFT_OUT = ("left out {}", "column", "columns")
_ROWS = {
    NO_IMAGE: ("skipped {}", "row without an image", "rows without an image"),
    UNUSED_IMAGE: (
        "skipped {}",
        "row of an image that is not used",
        "rows of images that are not used",
    ),
    INVALID_ROW: ("skipped {}", "invalid row", "invalid rows"),
    DUPLICATE_PATH: ("skipped {}", "row with a duplicate path", "rows with a duplicate path"),
}
_COLUMNS = {
    NESTED: _LEFT_OUT,
    EARLIER_MAP: _LEFT_OUT,
    LISTS: ("joined the lists of {}", "column", "columns"),
    MIXED: ("converted {} to text", "column", "columns"),
}
ROW_REASONS = tuple(_ROWS)
COLUMN_REASONS = tuple(_COLUMNS)

_COLUMN = ", column "  # in `SkippedImage.path`, between the names of the table and of the column
_DETAILS = re.compile(r": | \(")


@dataclass(frozen=True)
class SkippedImage:
    """A file, or a row or column of a table, that was skipped, with the reason.

    The beginning of the reason is common to many files. Details of one file follow a colon or are
    in parentheses: see `count_reasons`.
    """

    path: str
    reason: str


def skipped_column(table: str, column: str, reason: str) -> SkippedImage:
    """Return the entry for a column of a table.

    Parameters
    ----------
    table, column : str
        The names of the table and of the column.
    reason : str
        Begins with one of `COLUMN_REASONS` if the column is left out or changed.
    """
    return SkippedImage(f"{table}{_COLUMN}{column}", reason)


def column_of(skipped: SkippedImage) -> str:
    """Return the name of the column of an entry of `skipped_column`."""
    return skipped.path.rpartition(_COLUMN)[2]


def count_reasons(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Count the reasons for skipped files.

    Parameters
    ----------
    reasons : iterable of str
        One reason per skipped file.

    Returns
    -------
    list of (str, int)
        Each kind of reason with its number of files, the most common kind first. If the details of
        the files differ, the details of the first file are given as an example, unless a file has
        no details.
    """
    by_kind: dict[str, list[str]] = {}
    for reason in reasons:
        by_kind.setdefault(_DETAILS.split(reason, maxsplit=1)[0], []).append(reason)
    counted = []
    for kind, alike in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        if len(set(alike)) == 1:
            shown = alike[0]
        elif kind in alike:  # without details
            shown = kind
        else:
            shown = f"{kind}, for example{alike[0][len(kind) :]}"
        counted.append((shown, len(alike)))
    return counted


def count_skipped(reasons: Iterable[str]) -> str:
    """Return for example "skipped 2 files, skipped 3 invalid rows, left out 1 column".

    Parameters
    ----------
    reasons : iterable of str
        The reason of each skipped file, row or column.
    """
    kinds = _ROWS | _COLUMNS
    counts = Counter(
        next((words for kind, words in kinds.items() if reason.startswith(kind)), _FILES)
        for reason in reasons
    )
    ordered = dict.fromkeys((_FILES, *kinds.values()))
    return ", ".join(
        words[0].format(plural(counts[words], *words[1:])) for words in ordered if counts[words]
    )
