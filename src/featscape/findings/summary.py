"""The most useful findings as a few plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.findings.wording import (
    count_nouns,
    count_wrong,
    divide_duplicates,
    name_item,
    note_copies,
    noun_of,
)
from featscape.number_text import plural
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featscape.findings.records import Finding, Findings

N_SENTENCES = 5
_MOST_FAULTY = 0.05  # share of the images


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
        yield f"{number} unlike the rest of the dataset, first {_name(findings, first.item)}."
    yield from _quality(findings)
    for found in (*findings.shortcuts[:1], *_classes(findings)):
        yield found.text


def _duplicates(findings: Findings) -> Iterator[str]:
    groups, _ = divide_duplicates(findings)
    leaks = [one for one in groups if one.leak]
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


def _quality(findings: Findings) -> Iterator[str]:
    """Yield a sentence unless the faults are common: those describe the dataset."""
    if not findings.quality or len(findings.quality) > _MOST_FAULTY * len(findings.columns):
        return
    first = findings.quality[0]
    yield (
        f"{plural(len(findings.quality), 'image')} of low quality, first "
        f"{_name(findings, first.item)}: {', '.join(first.kinds)}."
    )


def _classes(findings: Findings) -> tuple[Finding, ...]:
    split = [one for one in findings.classes if one.kind == "split"]
    pairs = [one for one in findings.classes if one.kind == "close pair"]
    return (*split[:1], *pairs[:1])


def _name(findings: Findings, item: int) -> str:
    return name_item(item, findings.paths)
