"""Findings as the rows of a table, for CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.findings.records import KINDS, LabelError
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featscape.findings.records import Findings

HEADINGS = ("kind", "number", "id", "path", "label", "suggested", "score", "text")


def to_rows(findings: Findings) -> Iterator[tuple[str, ...]]:
    """Yield one row for each item of each finding, and one row for a finding without items.

    Parameters
    ----------
    findings : Findings

    Yields
    ------
    tuple of str
        A value for each of `HEADINGS`; "number" counts the findings of a kind from 1. Control
        characters are escaped.
    """
    for kind in KINDS:
        for number, one in enumerate(getattr(findings, kind), start=1):
            label = (one.label, one.suggested) if isinstance(one, LabelError) else ("", "")
            rest = (*map(printable, label), f"{one.evidence.score:.4f}", printable(one.text))
            own = (one.item,) if hasattr(one, "item") else getattr(one, "items", ())
            for item in own:
                path = "" if findings.paths is None else printable(findings.paths[item])
                yield (kind, str(number), str(item), path, *rest)
            if not own:
                yield (kind, str(number), "", "", *rest)
