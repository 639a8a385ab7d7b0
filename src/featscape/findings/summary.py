"""The most useful findings as a few plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.findings.copies import divide_duplicates, merge_copies, note_copies, note_duplicates
from featscape.findings.sections import list_sections
from featscape.findings.wording import (
    CLASS_SECTIONS,
    PATTERNS,
    count_nouns,
    count_wrong,
    join_names,
    name_item,
    noun_of,
)
from featscape.number_text import plural
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featscape.findings.records import DuplicateGroup, Findings, QualityProblem

N_SENTENCES = 7
_WITHOUT_FAULTS = {"groups", "exemplars", "reliability"}  # sections that list no faults
_MOST_FAULTY = 0.05  # share of the images
_CLEAR_ODDS = 1.5  # score of a shortcut; a lower score may be that of a few images


def summarize_findings(findings: Findings, n_sentences: int = N_SENTENCES) -> tuple[str, ...]:
    """Return the most useful findings as sentences, the most useful first.

    Findings that make a training or a test wrong are first: leaks, wrong labels and shortcuts. The
    last sentence names the sections of the page that have findings but no sentence.

    Parameters
    ----------
    findings : Findings
    n_sentences : int
        At most this number of sentences is returned; at least 1. The last place is reserved for the
        sentence that names the other sections.
    """
    sentences = tuple(_sentences(findings))[: n_sentences - 1]
    summarized = {section for section, _ in sentences}
    others = [
        one.title
        for one in list_sections(findings)
        if one.findings and one.name not in summarized and one.name not in _WITHOUT_FAULTS
    ]
    return tuple(filter(None, (*(text for _, text in sentences), _name_others(others))))


def _name_others(titles: list[str]) -> str:
    if not titles:
        return ""
    number = plural(len(titles), "kind of findings is", "kinds of findings are")
    names = join_names([title[:1].lower() + title[1:] for title in titles])
    return f"{number} not in this summary: {names}."


def _sentences(findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield the section and the text of each sentence."""
    groups, similar = divide_duplicates(findings)
    yield from _contradictions(findings, groups)
    for sentence in _labels(findings):
        yield "labels", sentence
    for sentence in _shortcuts(findings):
        yield "shortcuts", sentence
    if note := note_copies(findings):
        yield "labels", note
    certain, doubtful = _quality(findings)
    for sentence in _low_quality(findings, certain, n_noisy=len(doubtful)):
        yield "quality", sentence
    if findings.off_topic:
        first = findings.off_topic[0]
        number = count_nouns(len(findings.off_topic), noun_of(findings.paths), "is", "are")
        note = note_duplicates(findings.off_topic, merge_copies(findings, "off_topic"))
        name = _name(findings, first.item)
        yield "off_topic", f"{number} unlike the rest of the dataset{note}, first {name}."
    yield from _copies(findings, groups, similar)
    yield from _classes(findings)
    if not certain:
        for sentence in _noisy(findings, doubtful):
            yield "quality", sentence


def _contradictions(findings: Findings, groups: list[DuplicateGroup]) -> Iterator[tuple[str, str]]:
    """Yield the duplicates in different splits, and those with different labels."""
    leaks = [one for one in groups if one.leak]
    conflicts = [one for one in groups if one.conflict]
    if leaks:
        name = _name(findings, leaks[0].items[0])
        yield "leaks", f"{_count(leaks)} images in different splits, first {name}."
    if conflicts:
        name = _name(findings, conflicts[0].items[0])
        yield "conflicts", f"{_count(conflicts)} different labels, first {name}. Check the labels."


def _count(groups: list[DuplicateGroup]) -> str:
    """Return for example "3 groups of duplicates have"."""
    copies = "possible copies" if all(one.kind == "near" for one in groups) else "duplicates"
    return plural(len(groups), f"group of {copies} has", f"groups of {copies} have")


def _copies(
    findings: Findings, groups: list[DuplicateGroup], similar: list[DuplicateGroup]
) -> Iterator[tuple[str, str]]:
    """Yield the similar pictures in different splits, and duplicates that contradict nothing."""
    similar_leaks = [one for one in similar if one.leak]
    if similar_leaks:
        number = plural(len(similar_leaks), "group has", "groups have")
        name = _name(findings, similar_leaks[0].items[0])
        yield (
            "similar_leaks",
            f"{number} similar pictures in different splits, which may be copies, first {name}.",
        )
    if groups and not any(one.leak or one.conflict for one in groups):
        number = plural(len(groups), "group of duplicates", "groups of duplicates")
        yield "duplicates", f"{number}. The first: {groups[0].text}"


def _labels(findings: Findings) -> Iterator[str]:
    expected = findings.expected_errors
    if not findings.labels or expected is None:
        return
    first = findings.labels[0]
    number = count_nouns(len(findings.labels), noun_of(findings.paths), "resembles", "resemble")
    yield (
        f"{number} another class more than the labeled class. {count_wrong(expected)} The "
        f"first is {_name(findings, first.item)}: label {printable(first.label)}, suggested "
        f"{printable(first.suggested)}."
    )


def _quality(findings: Findings) -> tuple[list[QualityProblem], list[QualityProblem]]:
    """Return the images with faults, and those that are only noisy: these may be patterns.

    Both are empty if the faults are common: those describe the dataset.
    """
    if len(findings.quality) > _MOST_FAULTY * len(findings.columns):
        return [], []
    doubtful = [one for one in findings.quality if one.kinds == ("noisy",)]
    return [one for one in findings.quality if one.kinds != ("noisy",)], doubtful


def _low_quality(
    findings: Findings, faulty: list[QualityProblem], *, n_noisy: int
) -> Iterator[str]:
    if faulty:
        first = faulty[0]
        number = plural(len(faulty), "image has", "images have")
        others = plural(n_noisy, "other image", "other images")
        noisy = f" {others} may be noisy." if n_noisy else ""
        yield (
            f"{number} a low quality, first {_name(findings, first.item)} "
            f"({', '.join(first.kinds)}).{noisy}"
        )


def _noisy(findings: Findings, noisy: list[QualityProblem]) -> Iterator[str]:
    if noisy:
        number = plural(len(noisy), "image")
        yield f"{number} may be noisy, first {_name(findings, noisy[0].item)}. {PATTERNS}"


def _shortcuts(findings: Findings) -> Iterator[str]:
    """Yield the first column that equals the label, and of the other kinds the first clear one."""
    yielded = set()
    for one in sorted(findings.shortcuts, key=lambda one: one.kind != "column"):
        is_clear = one.kind != "label" or one.evidence.score >= _CLEAR_ODDS
        if one.kind in yielded or not is_clear:
            continue
        yielded.add(one.kind)
        note = " The property may be the content of the class." if one.kind == "label" else ""
        yield f"{one.text}{note}"


def _classes(findings: Findings) -> Iterator[tuple[str, str]]:
    for section in ("split", "classes"):
        kind, _ = CLASS_SECTIONS[section]
        for one in [one for one in findings.classes if one.kind == kind][:1]:
            yield section, one.text


def _name(findings: Findings, item: int) -> str:
    return name_item(item, findings.paths)
