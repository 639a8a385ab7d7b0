"""Arrange the findings for the interactive page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from featscape.findings.records import DuplicateGroup, LabelError
from featscape.number_text import plural
from featscape.records.shown_findings import (
    FindingsSection,
    ShownColumn,
    ShownFinding,
    ShownFindings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featscape.findings.records import ClassFinding, Finding, Findings
    from featscape.records.shown_findings import SectionLayout

_COPIES = {"exact": "equal files", "pixels": "equal pixels", "near": "edited copies"}

_NOTES = {
    "suspicion": (
        "label suspicion",
        "Log-odds that another label is right; above 0, another label is more probable.",
    ),
    "off_topic": (
        "off topic",
        "Distance from the rest of the dataset; an image above 0 is off topic.",
    ),
    "torn": ("torn", "Share of the most similar images that are elsewhere on the map."),
    "false_friends": (
        "false friends",
        "Share of the nearest images on the map that are not similar.",
    ),
}
_THRESHOLDS = {"suspicion": 0.0, "off_topic": 0.0}

# the column with the scores of all items, by section
_COLUMNS = {
    "labels": "suspicion",
    "leaks": "duplicate_kind",
    "conflicts": "duplicate_kind",
    "duplicates": "duplicate_kind",
    "off_topic": "off_topic",
    "quality": "technical_faults",
    "reliability": "torn",
}


def arrange_findings(findings: Findings) -> ShownFindings:
    """Return what the page shows: sections, the most useful first, and columns.

    Parameters
    ----------
    findings : Findings
    """
    return ShownFindings(sections=tuple(_sections(findings)), columns=tuple(_columns(findings)))


def _sections(findings: Findings) -> Iterator[FindingsSection]:
    def section(
        kind: str, title: str, layout: SectionLayout, found: Sequence[Finding], text: str
    ) -> FindingsSection:
        reason = findings.not_computed.get(kind)
        return _section(kind, title, layout, found, text, reason=reason)

    yield section("labels", "Label errors", "items", findings.labels, _text_of_labels(findings))
    yield from _duplicates(findings)
    foreign = plural(len(findings.off_topic), "image resembles", "images resemble")
    text = f"{foreign} no large part of the dataset."
    yield section("off_topic", "Images off topic", "items", findings.off_topic, text)
    text = _text_of_quality(findings)
    yield section("quality", "Technical faults", "items", findings.quality, text)
    yield from _classes(findings)
    properties = plural(len(findings.shortcuts), "property", "properties")
    text = (
        f"{properties} other than the content can predict a label or order the map. A classifier "
        "may learn such a property instead of the content."
    )
    yield section("shortcuts", "Shortcuts", "groups", findings.shortcuts, text)
    text = (
        "How well the positions on the map represent the features. The colors “torn” and "
        "“false friends” show where the map is unreliable."
    )
    yield section("reliability", "Reliability of the map", "texts", findings.reliability, text)


def _section(
    name: str,
    title: str,
    layout: SectionLayout,
    found: Sequence[Finding],
    text: str,
    *,
    reason: str | None = None,
) -> FindingsSection:
    """Return a section; `reason` is why findings are missing."""
    if not found:
        text = reason or "None found."
    elif reason:
        text = f"{text} {reason}"
    return FindingsSection(
        name=name,
        title=title,
        text=text,
        layout=layout,
        findings=tuple(_shown(one) for one in found),
        method=found[0].evidence.method if found else None,
        column=_COLUMNS.get(name),
    )


def _shown(finding: Finding) -> ShownFinding:
    return ShownFinding(
        text=finding.text,
        items=getattr(finding, "items", ()) or finding.evidence.items,
        suggested=finding.suggested if isinstance(finding, LabelError) else None,
        neighbors=finding.evidence.neighbors,
    )


def _text_of_labels(findings: Findings) -> str:
    text = f"{plural(len(findings.labels), 'label is', 'labels are')} less probable than another"
    expected = findings.expected_errors
    if expected is None:
        return f"{text} label."
    return (
        f"{text} label. If the dataset has wrong labels, about {expected.low:,} to "
        f"{expected.high:,} of these are wrong."
    )


def _duplicates(findings: Findings) -> Iterator[FindingsSection]:
    """Yield the groups across splits, the groups with different labels, and the others."""
    groups = findings.duplicates
    leaks = [one for one in groups if one.leak]
    conflicts = [one for one in groups if one.conflict]
    others = [one for one in groups if not one.leak and not one.conflict]
    if leaks:
        number = plural(len(leaks), "group of duplicates has", "groups of duplicates have")
        text = (
            f"{number} images in different splits: a model is tested on images that it was "
            "trained on."
        )
        yield _section("leaks", "Leaks between splits", "pairs", leaks, text)
    if conflicts:
        number = plural(len(conflicts), "group of duplicates has", "groups of duplicates have")
        text = f"{number} different labels: at least one label is wrong."
        yield _section("conflicts", "Duplicates with different labels", "pairs", conflicts, text)
    reason = findings.not_computed.get("duplicates")
    if others or not groups or reason:
        title = "Other duplicates" if leaks or conflicts else "Duplicates"
        yield _section("duplicates", title, "pairs", others, _text_of_copies(others), reason=reason)


def _text_of_copies(groups: Sequence[DuplicateGroup]) -> str:
    counts = Counter(_COPIES[one.kind] for one in groups if one.kind in _COPIES)
    kinds = ", ".join(f"{number:,} of {name}" for name, number in counts.items())
    return f"{plural(len(groups), 'group')} of duplicates: {kinds}."


def _text_of_quality(findings: Findings) -> str:
    counts = Counter(name for one in findings.quality for name in one.kinds)
    kinds = ", ".join(f"{number:,} {name}" for name, number in counts.most_common())
    number = plural(len(findings.quality), "image has", "images have")
    return f"{number} technical faults: {kinds}."


def _classes(findings: Findings) -> Iterator[FindingsSection]:
    def of(*kinds: str) -> list[ClassFinding]:
        return [one for one in findings.classes if one.kind in kinds]

    close, split, exemplars = of("close pair", "group"), of("split"), of("exemplars")
    text = (
        "Classes that the network hardly separates, with the images at the border. Such classes "
        "are often confused."
    )
    reason = findings.not_computed.get("classes")
    yield _section("classes", "Close classes", "groups", close, text, reason=reason)
    if split:
        text = "Classes of two separate parts, with images of the smaller part."
        yield _section("split", "Split classes", "groups", split, text)
    if exemplars:
        text = "Each class in at most 10 images that represent the others."
        yield _section("exemplars", "Typical images", "groups", exemplars, text)


def _columns(findings: Findings) -> Iterator[ShownColumn]:
    for name, (title, note) in _NOTES.items():
        values = getattr(findings.columns, name)
        threshold = _THRESHOLDS.get(name)
        yield ShownColumn(
            name=name,
            title=title,
            note=note,
            values=values,
            is_share=threshold is None,
            threshold=threshold,
        )
    faults: list[str | None] = [None] * len(findings.columns)
    for problem in findings.quality:
        faults[problem.item] = ", ".join(problem.kinds)
    note = "Technical faults of the image."
    yield ShownColumn(name="technical_faults", title="technical faults", note=note, values=faults)
    copies: list[str | None] = [None] * len(findings.columns)
    for group in findings.duplicates:
        for item in group.items:
            copies[item] = _COPIES.get(group.kind)
    note = "Images that show the same picture as another image."
    yield ShownColumn(name="duplicate_kind", title="duplicates", note=note, values=copies)
