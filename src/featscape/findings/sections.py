"""Arrange the findings for the interactive page."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.copies import (
    divide_duplicates,
    merge_copies,
    note_copies,
    note_duplicates,
    note_scenes,
)
from featscape.findings.records import (
    DuplicateGroup,
    LabelError,
    QualityProblem,
    Reliability,
    Shortcut,
)
from featscape.findings.wording import (
    CLASS_SECTIONS,
    PATTERNS,
    count_nouns,
    count_wrong,
    name_farthest,
    note_accuracy,
    noun_of,
)
from featscape.number_text import plural
from featscape.records.shown_findings import (
    FindingsSection,
    ShownColumn,
    ShownFinding,
    ShownFindings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featscape.findings.records import Finding, Findings
    from featscape.records.shown_findings import SectionLayout

_COPIES = {
    "exact": "equal files",
    "pixels": "equal pixels",
    "near": "possible copies",
    "similar": "similar pictures",
}
_SHORTCUTS = {
    "column": "a column that equals the label in all or most rows",
    "label": "a property that predicts a label",
    "order": "a property that orders the map",
}

# title and explanation of each column; {noun} is "image", or "item" in a map without images
_NOTES = {
    "suspicion": (
        "label suspicion",
        "Above 0, the {noun} resembles another class more than its labeled class (log-odds).",
    ),
    "off_topic": (
        "off topic",
        "Distance from the rest of the dataset; above 0, the {noun} may not belong to it.",
    ),
    "torn": ("torn", "Share of the most similar {noun}s that are elsewhere on the map."),
    "false_friends": (
        "false friends",
        "Share of the nearest {noun}s on the map that are not similar.",
    ),
}
_THRESHOLDS = {"suspicion": 0.0, "off_topic": 0.0}

# the column with the scores of all items, by section
_COLUMNS = {
    "labels": "suspicion",
    "similar": "duplicate_kind",
    "leaks": "duplicate_kind",
    "similar_leaks": "duplicate_kind",
    "conflicts": "duplicate_kind",
    "duplicates": "duplicate_kind",
    "off_topic": "off_topic",
    "quality": "technical_faults",
    "reliability": "torn",
}


def arrange_findings(findings: Findings, *, for_report: bool = False) -> ShownFindings:
    """Return what the page or the report shows: sections, the most useful first, and columns.

    Parameters
    ----------
    findings : Findings
    for_report : bool
        Omit the reference to the report.
    """
    return ShownFindings(
        sections=tuple(list_sections(findings, for_report=for_report)),
        columns=tuple(_columns(findings)),
        unusual_borders=findings.unusual_borders,
    )


def list_sections(findings: Findings, *, for_report: bool = False) -> Iterator[FindingsSection]:
    """Yield the sections of the page or the report, the most useful first; some have no finding."""

    def section_of(
        kind: str, title: str, layout: SectionLayout, found: Sequence[Finding], text: str
    ) -> FindingsSection:
        reason = findings.not_computed.get(kind)
        return _section(kind, title, layout, found, text, reason=reason)

    noun = noun_of(findings.paths)
    numbered = [
        replace(one, text=f"Number {number}: {one.text}")
        for number, one in enumerate(findings.labels)
    ]
    labels = section_of("labels", "Labels to check", "items", numbered, _text_of_labels(findings))
    if labels.method and findings.expected_errors:
        labels = replace(labels, method=f"{labels.method} {findings.expected_errors.assumption}")
    yield labels
    if findings.paths is not None:
        yield from _duplicates(findings)
    yield _off_topic(findings, for_report=for_report)
    if findings.paths is not None:
        merged = merge_copies(findings, "quality")
        note = note_duplicates(findings.quality, merged)
        text = _text_of_quality(findings, note)
        if note:
            text = f"{text} Duplicates with the same faults are listed once."
        yield section_of("quality", "Image quality", "items", merged, text)
    yield from _classes(findings)
    text = _text_of_shortcuts(findings)
    yield section_of("shortcuts", "Shortcuts", "groups", findings.shortcuts, text)
    text = (
        f"How well the positions on the map show which {noun}s are similar. The color “torn” marks "
        f"{noun}s whose similar {noun}s are elsewhere on the map, and “false friends” marks "
        f"{noun}s whose neighbors on the map are not similar."
    )
    yield section_of("reliability", "Reliability of the map", "texts", findings.reliability, text)


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
        method=_methods(found) if found else None,
        column=_COLUMNS.get(name),
    )


def _shown(finding: Finding) -> ShownFinding:
    return ShownFinding(
        text=finding.text,
        items=getattr(finding, "items", ()) or finding.evidence.items,
        suggested=finding.suggested if isinstance(finding, LabelError) else None,
        neighbors=finding.evidence.neighbors,
        faults=finding.kinds if isinstance(finding, QualityProblem) else (),
    )


def _text_of_labels(findings: Findings) -> str:
    number = count_nouns(len(findings.labels), noun_of(findings.paths), "resembles", "resemble")
    text = f"{number} another class more than the labeled class."
    expected = findings.expected_errors
    notes = (count_wrong, note_accuracy)
    wrong = () if expected is None else tuple(note(expected) for note in notes)
    return " ".join(filter(None, (text, *wrong, note_copies(findings))))


def _off_topic(findings: Findings, *, for_report: bool) -> FindingsSection:
    noun = noun_of(findings.paths)
    merged = merge_copies(findings, "off_topic")
    number = count_nouns(len(findings.off_topic), noun, "is", "are")
    note = note_duplicates(findings.off_topic, merged)
    text = f"{number} unlike the rest of the dataset{note}, and may not belong to it."
    if note:
        text = f"{text} Duplicates are listed once."
    title = f"{noun.capitalize()}s off topic"
    reason = findings.not_computed.get("off_topic")
    section = _section("off_topic", title, "items", merged, text, reason=reason)
    farthest = name_farthest(findings)
    if farthest and not for_report:
        return replace(section, text=f"{section.text} {farthest}")
    if farthest and not findings.off_topic:
        # the report shows the farthest items; a reason names classes above the limit
        left_out, other = ("", "") if reason is None else (f"{reason} ", "other ")
        text = (
            f"{left_out}No {other}{noun} is clearly unlike the others. The farthest {noun}s are "
            "shown below, but not counted."
        )
        return replace(section, text=text)
    return section


def _duplicates(findings: Findings) -> Iterator[FindingsSection]:
    """Yield the groups across splits, with different labels, others, and of similar pictures.

    Similar pictures across splits may be no copies, and are a section apart from the leaks.
    """
    groups, all_similar = divide_duplicates(findings)
    similar_leaks = [one for one in all_similar if one.leak]
    similar = [one for one in all_similar if not one.leak]
    leaks = [one for one in groups if one.leak]
    conflicts = [one for one in groups if one.conflict]
    others = [one for one in groups if not one.leak and not one.conflict]
    if leaks:
        number = plural(len(leaks), "group of duplicates has", "groups of duplicates have")
        text = (
            f"{number} images in different splits ({_kinds_of(leaks)}): a model is tested on "
            "images that it was trained on."
        )
        yield _section("leaks", "Leaks between splits", "pairs", leaks, text)
    if similar_leaks:
        number = plural(len(similar_leaks), "group has", "groups have")
        text = (
            f"{number} similar pictures in different splits{_conflicting(similar_leaks)}: leaks if "
            "they are copies or frames of a film, and no leaks if they are different drawings with "
            "similar outlines. The images have a plain background, and differ in small parts or "
            "in color only."
        )
        title = "Similar pictures in different splits"
        yield _section("similar_leaks", title, "pairs", similar_leaks, text)
    if conflicts:
        number = plural(len(conflicts), "group of duplicates has", "groups of duplicates have")
        text = (
            f"{number} different labels ({_kinds_of(conflicts)}). Check the labels: both can be "
            "right if a picture belongs to two classes."
        )
        yield _section("conflicts", "Duplicates with different labels", "pairs", conflicts, text)
    reason = findings.not_computed.get("duplicates")
    if others or not groups or reason:
        title = "Other duplicates" if leaks or conflicts else "Duplicates"
        number = plural(len(others), "group", "groups")
        kinds = _kinds_of(others)
        text = f"{number} of duplicates{', ' if kinds.startswith('all ') else ': '}{kinds}."
        yield _section("duplicates", title, "pairs", others, text, reason=reason)
    if similar:
        number = plural(len(similar), "group", "groups")
        text = (
            f"{number} of pictures with a plain background that differ in small parts or in color "
            f"only{_conflicting(similar)}. They may be copies, or different drawings with similar "
            "outlines."
        )
        title = "Other similar pictures" if similar_leaks else "Similar pictures"
        yield _section("similar", title, "pairs", similar, text)


def _conflicting(groups: Sequence[DuplicateGroup]) -> str:
    """Return for example " (2 with different labels)", or "" if no group has different labels."""
    conflicts = sum(one.conflict for one in groups)
    return f" ({conflicts:,} with different labels)" if conflicts else ""


def _kinds_of(groups: Sequence[DuplicateGroup]) -> str:
    """Return for example "4 of equal files, 8 of possible copies"."""
    counts = Counter(_COPIES[one.kind] for one in groups if one.kind in _COPIES)
    kinds = ", ".join(f"{number:,} of {name}" for name, number in counts.items())
    if len(counts) == 1:
        (name,) = counts
        kinds = name if len(groups) == 1 else f"all of them {name}"
    n_mixed = sum(bool(one.equal_files or one.equal_pixels) for one in groups)
    if n_mixed:
        kinds += f"; {plural(n_mixed, 'group includes', 'groups include')} equal files or pixels"
    return kinds


def _text_of_quality(findings: Findings, note: str) -> str:
    counts = Counter(name for one in findings.quality for name in one.kinds)
    kinds = ", ".join(f"{number:,} {name}" for name, number in counts.most_common())
    number = plural(len(findings.quality), "image")
    text = f"{number}{note}: {kinds}."
    return f"{text} {PATTERNS}" if counts["noisy"] else text


def _text_of_shortcuts(findings: Findings) -> str:
    marks = " Local marks, such as a text or a logo, are not measured."
    if findings.paths is None:
        marks = ""
    text = (
        f"{plural(len(findings.shortcuts), 'property', 'properties')} can predict a label or order "
        "the map. Such a property may be the content of the class, or a shortcut that a classifier "
        f"learns instead of the content: look at the {noun_of(findings.paths)}s.{marks}"
    )
    return " ".join(filter(None, (text, note_scenes(findings))))


def _methods(found: Sequence[Finding]) -> str:
    """Return the method of each kind of finding; several methods follow the names of their kinds.

    The method of a kind is that of its first finding: the others may differ in a number.
    """
    by_kind: dict[str, str] = {}
    for one in found:
        by_kind.setdefault(_kind(one), one.evidence.method)
    methods = dict.fromkeys(by_kind.values())
    if len(methods) == 1:
        return next(iter(methods))
    named = (f"{kind}: {method}" if kind else method for kind, method in by_kind.items())
    return " ".join(name[:1].upper() + name[1:] for name in named)


def _kind(finding: Finding) -> str:
    if isinstance(finding, DuplicateGroup):
        return _COPIES[finding.kind]
    if isinstance(finding, Reliability):
        return finding.measure
    if isinstance(finding, Shortcut):
        return _SHORTCUTS[finding.kind]
    return ""


def _classes(findings: Findings) -> Iterator[FindingsSection]:
    noun = noun_of(findings.paths)
    texts = {
        "classes": (
            "Pairs of classes that are closer to each other than to the other classes, with the "
            f"{noun}s at the border. The higher the percentage, the less the features separate the "
            "two classes."
        ),
        "groups": "Several classes that are closer to each other than to the other classes.",
        "split": f"Classes of at least two separate parts, with {noun}s of the smaller part.",
        "exemplars": f"For each class, at most 10 {noun}s that represent the class.",
    }
    for name, (kind, title) in CLASS_SECTIONS.items():
        found = [one for one in findings.classes if one.kind == kind]
        if found or name == "classes":
            reason = findings.not_computed.get(name)
            text = texts[name]
            yield _section(name, title.format(noun=noun), "groups", found, text, reason=reason)


def _columns(findings: Findings) -> Iterator[ShownColumn]:
    noun = noun_of(findings.paths)
    for name, (title, note) in _NOTES.items():
        values = getattr(findings.columns, name)
        threshold = _THRESHOLDS.get(name)
        yield ShownColumn(
            name=name,
            title=title,
            note=note.format(noun=noun),
            values=values,
            is_share=threshold is None,
            threshold=threshold,
        )
    suggested: list[str | None] = [None] * len(findings.columns)
    for error in findings.labels:
        for item in error.evidence.items:  # with the copies that have the same label
            suggested[item] = error.suggested
    note = f"The class that the {noun} resembles more than its labeled class."
    yield ShownColumn(name="suggested", title="suggested label", note=note, values=suggested)
    faults: list[str | None] = [None] * len(findings.columns)
    for problem in findings.quality:
        faults[problem.item] = ", ".join(problem.kinds)
    note = "Dark, blurred, noisy and other problems of the image."
    yield ShownColumn(name="technical_faults", title="image quality", note=note, values=faults)
    copies: list[str | None] = [None] * len(findings.columns)
    for group in reversed(findings.duplicates):  # an item has the kind of its first group
        for kind, sets in (
            (group.kind, [group.items]),
            ("pixels", group.equal_pixels),
            ("exact", group.equal_files),
        ):
            for item in chain(*sets):
                copies[item] = kind
    kinds = ", ".join(f"{kind} ({name})" for kind, name in _COPIES.items())
    note = f"Images that are, or may be, copies of another image: {kinds}."
    yield ShownColumn(name="duplicate_kind", title="duplicates", note=note, values=copies)
    groups = findings.columns.duplicate_group
    yield ShownColumn(
        name="duplicate_group",
        title="duplicate group",
        note="The number of the group of duplicates or of similar pictures, from 0.",
        values=np.where(groups < 0, np.nan, groups).astype(np.float32),
    )
