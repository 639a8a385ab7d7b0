"""Divide groups of duplicates and merge findings about copies, equally for all outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from featscape.findings.wording import noun_of
from featscape.number_text import percent, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.findings.records import (
        DuplicateGroup,
        Finding,
        Findings,
        OffTopic,
        QualityProblem,
    )

# Share of the images with copies; a larger share raises the label agreement considerably.
_MANY_COPIES = 0.2


def divide_duplicates(
    findings: Findings,
) -> tuple[list[DuplicateGroup], list[DuplicateGroup]]:
    """Return the groups of duplicates, and the groups of similar pictures, as in all outputs."""
    similar = [one for one in findings.duplicates if one.kind == "similar"]
    return [one for one in findings.duplicates if one.kind != "similar"], similar


def merge_copies(findings: Findings, kind: str) -> Sequence[OffTopic | QualityProblem]:
    """Return the first finding of each group of duplicates with a number of the others.

    The items of the evidence are the image and its duplicates with the same finding.

    Parameters
    ----------
    findings : Findings
    kind : str
        "off_topic" or "quality". Duplicates with other faults are listed apart.
    """
    groups, _ = divide_duplicates(findings)
    group_of = {item: number for number, group in enumerate(groups) for item in group.items}
    merged: dict[object, list[OffTopic | QualityProblem]] = {}
    for one in getattr(findings, kind):
        key = group_of.get(one.item, ~one.item), getattr(one, "kinds", ())
        merged.setdefault(key, []).append(one)
    return [_with_copies(*found) for found in merged.values()]


def note_duplicates(found: Sequence[Finding], merged: Sequence[Finding]) -> str:
    """Return for example " (8 without duplicates)", or "" if `merge_copies` merged no finding."""
    return f" ({len(merged):,} without duplicates)" if len(merged) < len(found) else ""


def _with_copies(
    finding: OffTopic | QualityProblem, *copies: OffTopic | QualityProblem
) -> OffTopic | QualityProblem:
    if not copies:
        return finding
    kinds = getattr(finding, "kinds", ())
    if kinds:
        faults = "fault" if len(kinds) == 1 else "faults"
        verbs = f"duplicate has the same {faults}", f"duplicates have the same {faults}"
    else:
        verbs = "duplicate is also off topic", "duplicates are also off topic"
    items = (finding.item, *(one.item for one in copies))
    return replace(
        finding,
        text=f"{finding.text} {plural(len(copies), *verbs)}.",
        evidence=replace(finding.evidence, items=items),
    )


def note_copies(findings: Findings) -> str:
    """Return a sentence if the copies raise the label agreement much, or else ""."""
    many = _count_copies(findings)
    if not findings.labels or not many:
        return ""
    return (
        f"{many}, so the label agreement is too high: the nearest neighbors of a copy are copies."
    )


def note_scenes(findings: Findings) -> str:
    """Return a sentence if shortcuts may come from images of one scene, or else ""."""
    many = _count_copies(findings)
    if not many or all(one.kind != "label" for one in findings.shortcuts):
        return ""
    return (
        f"{many}. Frames of one scene that were not recognized as copies count as separate "
        f"{noun_of(findings.paths)}s. The ranges may then be too narrow, and a property may "
        "predict a label by chance."
    )


def _count_copies(findings: Findings) -> str:
    """Return "At least 22 % of the images have two or more copies", or "" for few copies."""
    groups, _ = divide_duplicates(findings)
    n_copies = len({item for one in groups for item in one.items if len(one.items) > 2})
    if n_copies <= _MANY_COPIES * len(findings.columns):
        return ""
    share = percent(100 * n_copies // len(findings.columns) / 100)  # rounded down: at least
    least = "" if n_copies == len(findings.columns) else "At least "  # some copies are not found
    return f"{least}{share} of the {noun_of(findings.paths)}s have two or more copies"
