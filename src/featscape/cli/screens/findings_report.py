"""The findings of a map as text, JSON and CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featscape.cli import console
from featscape.findings import KINDS, ClassFinding, FindingRow, to_rows
from featscape.findings.copies import (
    divide_duplicates,
    merge_copies,
    note_duplicates,
    note_scenes,
)
from featscape.findings.wording import (
    CLASS_SECTIONS,
    count_wrong,
    name_farthest,
    name_item,
    note_accuracy,
    noun_of,
)
from featscape.printable_names import printable, separable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from rich.console import RenderableType

    from featscape.findings import Finding, Findings

_MAX_LISTED = 10  # findings of each kind
_MERGED = {"off_topic", "quality"}  # kinds of which duplicates are listed once
_MAX_NAMED = 3  # images of a finding about classes
_TITLES = {  # {noun} is "image", or "item" in a map without images
    "labels": "Labels to check",
    "duplicates": "Groups of duplicates",
    "similar": "Groups of similar pictures, which may be copies",
    "off_topic": "{Noun}s off topic",
    "quality": "Image quality",
    **{name: title for name, (_, title) in CLASS_SECTIONS.items()},
    "shortcuts": "Properties that predict a label: shortcuts, or the content itself",
    "reliability": "Reliability of the map",
}


def describe(findings: Findings) -> RenderableType:
    """Return the findings as text: the first of each kind, and what could not be computed."""
    from rich.text import Text

    # findings.json may come from an untrusted source
    return Text("\n".join(printable(line) for line in _lines(findings)))


def _lines(findings: Findings) -> Iterator[str]:
    noun = noun_of(findings.paths)
    for kind, listed in _parts(findings):
        reason = findings.not_computed.get(kind)
        farthest = name_farthest(findings) if kind == "off_topic" else None
        if not listed and reason is None and farthest is None:
            continue
        title = _TITLES[kind].format(noun=noun, Noun=noun.capitalize())
        found = getattr(findings, kind) if kind in _MERGED else listed
        number = f"{len(found):,}{note_duplicates(found, listed)}"
        is_computed = bool(listed) or farthest is not None  # in part, if there is a reason
        yield f"{title}: {number}" if is_computed or reason is None else f"{title}:"
        if listed:
            yield from (f"  {note}" for note in _notes(findings, kind) if note)
        for place, one in enumerate(listed[:_MAX_LISTED]):
            yield f"  {f'Number {place}: ' if kind == 'labels' else ''}{one.text}"
            if isinstance(one, ClassFinding) and one.items:
                named = [name_item(item, findings.paths) for item in one.items[:_MAX_NAMED]]
                yield f"    {', '.join(separable(named))}"
        if len(listed) > _MAX_LISTED:
            yield f"  {len(listed) - _MAX_LISTED:,} more: --json or --csv"
        if farthest is not None:
            yield f"  {farthest}"
        if reason is not None:
            yield f"  {'Incomplete' if is_computed else 'Not computed'}: {reason}"
        yield ""


def _notes(findings: Findings, kind: str) -> Iterator[str]:
    """Yield sentences about all findings of a kind; a sentence may be empty."""
    expected = findings.expected_errors
    if kind == "labels" and expected is not None:
        yield f"{count_wrong(expected)} {expected.assumption}"
        yield note_accuracy(expected)
    elif kind == "shortcuts":
        yield note_scenes(findings)


def _parts(findings: Findings) -> Iterator[tuple[str, Sequence[Finding]]]:
    """Yield the findings of each kind: similar pictures apart from duplicates, and copies once."""
    for kind in KINDS:
        if kind == "duplicates":
            yield from zip((kind, "similar"), divide_duplicates(findings), strict=True)
        elif kind in _MERGED:
            yield kind, merge_copies(findings, kind)
        elif kind == "classes":
            for name, (own_kind, _) in CLASS_SECTIONS.items():
                yield name, [one for one in findings.classes if one.kind == own_kind]
        else:
            yield kind, getattr(findings, kind)


def as_json(findings: Findings) -> str:
    """Return the findings as one JSON object; control characters are escaped."""
    return console.as_safe_json(findings.to_json())


def as_csv(
    findings: Findings,
    *,
    labels: Sequence[str] | None,
    splits: Sequence[str] | None,
    columns: Mapping[str, NDArray[Any]],
    for_terminal: bool,
) -> str:
    """Return the findings, with the label and the split of each item, as CSV with headings."""
    rows = to_rows(findings, labels=labels, splits=splits, columns=columns)
    return console.as_csv(FindingRow._fields, rows, for_terminal=for_terminal)
