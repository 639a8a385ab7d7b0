"""A table that describes images row by row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from featscape.images.tables.values import plain_value
from featscape.mapfolder import FIRST_COLUMNS, OWN_COLUMNS
from featscape.records import SkippedImage
from featscape.records.skipped import EARLIER_MAP, skipped_column

_NAMES_OF_FINDINGS = {"off_topic", "torn", "false_friends"}  # which other programs do not use
_KEPT = ("path", "label", "split")  # of the items of an earlier map, if the column has values


@dataclass
class ImageTable:
    """The rows of a table that could be read.

    Attributes
    ----------
    name : str
        The name of the file.
    columns : dict of str to list
        The values of each column, one per row; None for a missing value.
    positions : list of str
        The position of each row in the file, for example "line 17".
    skipped : list of SkippedImage
        The invalid rows.
    is_untyped : bool
        Whether all values are text, numbers included, as in a CSV file.
    """

    name: str
    columns: dict[str, list[Any]]
    positions: list[str] = field(default_factory=list)
    skipped: list[SkippedImage] = field(default_factory=list)
    is_untyped: bool = False

    def skip(self, position: str, reason: str) -> None:
        """Add a row to `skipped`."""
        self.skipped.append(SkippedImage(f"{self.name}, {position}", reason))

    def leave_out_earlier_map(self) -> None:
        """Leave out what a map computed, if the table has the items of a map.

        Such a table was read from items.parquet, perhaps changed by another program: the columns
        `FIRST_COLUMNS` are in their order. Or the table is a selection that the page wrote: it
        begins with id, path and label, and has the columns `_NAMES_OF_FINDINGS`. Paths, labels,
        splits and the columns of the source remain, and `skipped` receives the other columns. A map
        without labels or splits has an empty column, which is left out without an entry.
        """
        own = [name for name in self.columns if name in OWN_COLUMNS]
        has_items = tuple(name for name in own if name in FIRST_COLUMNS) == FIRST_COLUMNS
        is_selection = tuple(self.columns)[:3] == FIRST_COLUMNS[:3]
        if not has_items and not (is_selection and _NAMES_OF_FINDINGS.issubset(own)):
            return
        for name in own:
            if name not in _KEPT:
                self.skipped.append(skipped_column(self.name, name, EARLIER_MAP))
            elif any(plain_value(value) is not None for value in self.columns[name]):
                continue
            del self.columns[name]


def name_columns(header: list[str]) -> list[str]:
    """Return unique, non-empty names for the columns of a table."""
    names = [name.strip() or f"column {number}" for number, name in enumerate(header, 1)]
    counts: Counter[str] = Counter()
    for number, name in enumerate(names):
        counts[name] += 1
        while counts[name] > 1 and f"{name} ({counts[name]})" in names:
            counts[name] += 1
        if counts[name] > 1:
            names[number] = f"{name} ({counts[name]})"
    return names
