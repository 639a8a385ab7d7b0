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
COLUMN_REASONS = (NESTED, LISTS, MIXED, EARLIER_MAP)
ROW_REASONS = (NO_IMAGE, UNUSED_IMAGE, INVALID_ROW, DUPLICATE_PATH)

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
    kinds = Counter(
        next((kind for kind in (*COLUMN_REASONS, *ROW_REASONS) if reason.startswith(kind)), "")
        for reason in reasons
    )
    no_image = plural(kinds[NO_IMAGE], "row without an image", "rows without an image")
    unused = plural(
        kinds[UNUSED_IMAGE], "row of an image that is not used", "rows of images that are not used"
    )
    duplicate = plural(
        kinds[DUPLICATE_PATH], "row with a duplicate path", "rows with a duplicate path"
    )
    n_left_out = kinds[NESTED] + kinds[EARLIER_MAP]
    counted = (
        (kinds[""], f"skipped {plural(kinds[''], 'file')}"),
        (kinds[NO_IMAGE], f"skipped {no_image}"),
        (kinds[UNUSED_IMAGE], f"skipped {unused}"),
        (kinds[INVALID_ROW], f"skipped {plural(kinds[INVALID_ROW], 'invalid row')}"),
        (kinds[DUPLICATE_PATH], f"skipped {duplicate}"),
        (n_left_out, f"left out {plural(n_left_out, 'column')}"),
        (kinds[LISTS], f"joined the lists of {plural(kinds[LISTS], 'column')}"),
    )
    return ", ".join(text for n, text in counted if n)
