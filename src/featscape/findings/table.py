"""Findings as the rows of a table, for CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.findings.records import KINDS, LabelError
from featscape.labels.classes import NO_LABEL
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featscape.findings.records import Findings

HEADINGS = (
    "kind",
    "number",
    "id",
    "path",
    "label",
    "suggested",
    "duplicate_group",
    "score",
    "text",
)


def to_rows(findings: Findings, labels: Sequence[str] | None) -> Iterator[tuple[str, ...]]:
    """Yield one row for each item of each finding, and one row for a finding without items.

    Parameters
    ----------
    findings : Findings
    labels : sequence of str, length n, or None
        The label of each item; an item with `NO_LABEL` has an empty value.

    Yields
    ------
    tuple of str
        A value for each of `HEADINGS`; "number" counts the findings of a kind from 1. Control
        characters are escaped.
    """
    shown = labels and ["" if label == NO_LABEL else printable(label) for label in labels]
    groups = findings.columns.duplicate_group
    for kind in KINDS:
        for number, one in enumerate(getattr(findings, kind), start=1):
            suggested = printable(one.suggested) if isinstance(one, LabelError) else ""
            rest = (f"{one.evidence.score:.4f}", printable(one.text))
            own = (one.item,) if hasattr(one, "item") else getattr(one, "items", ())
            for item in own:
                path = "" if findings.paths is None else printable(findings.paths[item])
                label = "" if shown is None else shown[item]
                group = "" if groups[item] < 0 else str(groups[item])
                yield (kind, str(number), str(item), path, label, suggested, group, *rest)
            if not own:
                yield (kind, str(number), "", "", "", suggested, "", *rest)
