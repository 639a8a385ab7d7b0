"""The most useful findings as a few plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.findings.copies import divide_duplicates, merge_copies, note_copies, note_duplicates
from featscape.findings.wording import (
    PATTERNS,
    count_nouns,
    count_wrong,
    name_item,
    noun_of,
)
from featscape.number_text import plural
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featscape.findings.records import Finding, Findings, QualityProblem

N_SENTENCES = 5
_MOST_FAULTY = 0.05  # share of the images
_CLEAR_ODDS = 1.5  # score of a shortcut; a lower score may be that of a few images


def summarize_findings(findings: Findings, n_sentences: int = N_SENTENCES) -> tuple[str, ...]:
    """Return the most useful findings as sentences, the most useful first.

    Parameters
    ----------
    findings : Findings
    n_sentences : int
        At most this number of sentences is returned.
    """
    return tuple(_sentences(findings))[:n_sentences]


def _sentences(findings: Findings) -> Iterator[str]:
    yield from _duplicates(findings)
    yield from _labels(findings)
    if findings.off_topic:
        first = findings.off_topic[0]
        number = count_nouns(len(findings.off_topic), noun_of(findings.paths), "is", "are")
        note = note_duplicates(findings.off_topic, merge_copies(findings, "off_topic"))
        yield f"{number} unlike the rest of the dataset{note}, first {_name(findings, first.item)}."
    certain, doubtful = _quality(findings)
    yield from _low_quality(findings, certain, n_noisy=len(doubtful))
    yield from _shortcuts(findings)
    for found in _classes(findings):
        yield found.text
    if not certain:
        yield from _noisy(findings, doubtful)


def _duplicates(findings: Findings) -> Iterator[str]:
    groups, similar = divide_duplicates(findings)
    leaks = [one for one in groups if one.leak]
    similar_leaks = [one for one in similar if one.leak]
    conflicts = [one for one in groups if one.conflict]
    if leaks:
        number = plural(len(leaks), "group of duplicates has", "groups of duplicates have")
        yield f"{number} images in different splits, first {_name(findings, leaks[0].items[0])}."
    if conflicts:
        number = plural(len(conflicts), "group of duplicates has", "groups of duplicates have")
        yield (
            f"{number} different labels, first {_name(findings, conflicts[0].items[0])}. Check the "
            "labels."
        )
    if similar_leaks:
        number = plural(len(similar_leaks), "group has", "groups have")
        yield (
            f"{number} similar pictures in different splits, which may be copies, first "
            f"{_name(findings, similar_leaks[0].items[0])}."
        )
    if groups and not leaks and not conflicts:
        number = plural(len(groups), "group of duplicates", "groups of duplicates")
        yield f"{number}. The first: {groups[0].text}"
    if note := note_copies(findings):
        yield note


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
    """Yield the first column that equals the label, and the first other shortcut that is clear."""
    columns = [one for one in findings.shortcuts if one.kind == "column"]
    if columns:
        yield columns[0].text
    for one in findings.shortcuts:
        if one.kind == "column":
            continue
        if one.kind == "order":
            yield one.text
            return
        if one.evidence.score >= _CLEAR_ODDS:
            yield f"{one.text} The property may be the content of the class."
            return


def _classes(findings: Findings) -> tuple[Finding, ...]:
    split = [one for one in findings.classes if one.kind == "split"]
    pairs = [one for one in findings.classes if one.kind == "close pair"]
    return (*split[:1], *pairs[:1])


def _name(findings: Findings, item: int) -> str:
    return name_item(item, findings.paths)
