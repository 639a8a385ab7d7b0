"""Findings as the rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featscape.findings.records import KINDS, DuplicateGroup, LabelError, Shortcut
from featscape.labels.checked import checked_labels, find_checked
from featscape.labels.classes import NO_LABEL, NO_SPLIT
from featscape.printable_names import encodable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from featscape.findings.records import Finding, Findings

_CHECKED = "A person has checked the label."


class FindingRow(NamedTuple):
    """One item of a finding, a finding without items, or an item whose label was checked.

    Parameters
    ----------
    kind : str
        One of `KINDS`, or "checked".
    number : int
        The place of the finding in the list of its kind, from 0; of the kind "checked", the place
        among the items with a checked label.
    id : int or None
        The item.
    path, label, split : str or None
        Of the item.
    suggested : str or None
        Only of a `LabelError`.
    checked_label : str or None
        The label of the item if a person has checked the label.
    duplicate_group : int or None
        See `ItemColumns.duplicate_group`; None without duplicates.
    duplicate_kind : str or None
        `DuplicateGroup.kind`; None for other kinds of findings.
    leak, conflict : bool or None
        Of a `DuplicateGroup`.
    share, share_low, share_high, share_expected : float or None
        Of a `Shortcut` that predicts a label, rounded to four decimals.
    score : float
        Rounded to four decimals, as in findings.json.
    text : str
    """

    kind: str
    number: int
    id: int | None = None
    path: str | None = None
    label: str | None = None
    split: str | None = None
    suggested: str | None = None
    checked_label: str | None = None
    duplicate_group: int | None = None
    duplicate_kind: str | None = None
    leak: bool | None = None
    conflict: bool | None = None
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    share_expected: float | None = None
    score: float = 0.0
    text: str = ""


def to_rows(
    findings: Findings,
    *,
    labels: Sequence[str] | None,
    splits: Sequence[str] | None,
    columns: Mapping[str, NDArray[Any]],
) -> Iterator[FindingRow]:
    """Yield one row for each item of each finding, and one row for a finding without items.

    The items of a `LabelError` are the item and its copies with the same label. The rows of the
    items whose label a person has checked follow, so that the table has all checked labels.

    Parameters
    ----------
    findings : Findings
    labels : sequence of str, length n, or None
        The label of each item; `NO_LABEL` becomes None.
    splits : sequence of str, length n, or None
        The split of each item; `NO_SPLIT` becomes None.
    columns : mapping of str to ndarray
        The columns of the map, perhaps with `CHECKED_LABEL`.

    Yields
    ------
    FindingRow
        Names are valid Unicode, and may contain control characters such as newlines.
    """
    groups = findings.columns.duplicate_group.tolist()
    checked = checked_labels(columns, len(groups))

    def describe_item(row: FindingRow, item: int) -> FindingRow:
        return row._replace(
            id=item,
            path=None if findings.paths is None else encodable(findings.paths[item]),
            label=_name_of(item, labels, missing=NO_LABEL),
            split=_name_of(item, splits, missing=NO_SPLIT),
            checked_label=_name_of(item, checked),
            duplicate_group=None if groups[item] < 0 else groups[item],
        )

    for kind in KINDS:
        for number, one in enumerate(getattr(findings, kind)):
            whole = _describe(one, kind, number)
            items = _items_of(one)
            yield from (describe_item(whole, item) for item in items)
            if not items:
                yield whole
    is_checked = find_checked(columns, labels, len(groups))
    for number, item in enumerate(np.flatnonzero(is_checked).tolist()):
        yield describe_item(FindingRow("checked", number, text=_CHECKED), item)


def _name_of(
    item: int, names: Sequence[str | None] | None, *, missing: str | None = None
) -> str | None:
    """Return the label or the split of an item; None if it is `missing`."""
    name = None if names is None else names[item]
    return None if name is None or name == missing else encodable(name)


def _describe(finding: Finding, kind: str, number: int) -> FindingRow:
    """Return the row of a finding without an item."""
    score, text = round(finding.evidence.score, 4), encodable(finding.text)
    row = FindingRow(kind, number, score=score, text=text)
    if isinstance(finding, LabelError):
        return row._replace(suggested=encodable(finding.suggested))
    if isinstance(finding, DuplicateGroup):
        return row._replace(
            duplicate_kind=finding.kind, leak=finding.leak, conflict=finding.conflict
        )
    if isinstance(finding, Shortcut):
        return row._replace(
            share=_round(finding.share),
            share_low=_round(finding.share_low),
            share_high=_round(finding.share_high),
            share_expected=_round(finding.share_expected),
        )
    return row


def _round(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _items_of(finding: Finding) -> tuple[int, ...]:
    if isinstance(finding, LabelError):
        return finding.evidence.items
    if hasattr(finding, "item"):
        return (finding.item,)
    items: tuple[int, ...] = getattr(finding, "items", ())
    return items
