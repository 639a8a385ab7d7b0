"""Names in the sentences of the findings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.number_text import percent, plural
from featscape.printable_names import printable, separable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.findings.records import (
        DuplicateGroup,
        ExpectedErrors,
        Findings,
        OffTopic,
        QualityProblem,
    )

# the kind and the title of the findings in each section about classes; {noun} is "image", or "item"
# in a map without images
CLASS_SECTIONS = {
    "classes": ("close pair", "Close classes"),
    "groups": ("group", "Groups of classes"),
    "split": ("split", "Split classes"),
    "exemplars": ("exemplars", "Typical {noun}s"),
}
N_CHECKS = 30  # labels that a person checks to estimate the number of wrong labels

PATTERNS = "A sharp image with a fine pattern, such as a knit fabric, may also be listed as noisy."

# Share of the images with copies that makes the label agreement too high
_MANY_COPIES = 0.2


def name_item(item: int, paths: Sequence[str] | None) -> str:
    """Return the path of an item, or "item 17" in a map without paths."""
    return f"item {item}" if paths is None else printable(paths[item])


def noun_of(paths: Sequence[str] | None) -> str:
    """Return "image", or "item" in a map without images, which has no paths."""
    return "item" if paths is None else "image"


def count_nouns(n_items: int, noun: str, singular: str, several: str) -> str:
    """Return for example "1 image is" or "3 items are", with the verb of the number."""
    return plural(n_items, f"{noun} {singular}", f"{noun}s {several}")


def join_names(names: Sequence[str]) -> str:
    """Return for example "cat, dog and horse", or names in quotes if one contains a comma."""
    shown = separable(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


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
    groups, _ = divide_duplicates(findings)
    n_copies = len({item for one in groups for item in one.items if len(one.items) > 2})
    if not findings.labels or n_copies <= _MANY_COPIES * len(findings.columns):
        return ""
    return (
        f"{percent(n_copies / len(findings.columns))} of the {noun_of(findings.paths)}s have two "
        "or more copies, so the label agreement is too high: the nearest neighbors of a copy are "
        "copies."
    )


def count_wrong(expected: ExpectedErrors) -> str:
    """Return the sentences about how many of the listed labels are wrong."""
    if expected.n_checked:
        return (
            f"About {expected.number} of the labels are wrong, estimated from "
            f"{expected.n_checked:,} checked labels."
        )
    limit = (
        f"At most about {expected.high:,} of these are wrong, or more after corrections with this "
        "list."
    )
    if expected.n_listed == 1:
        limit = "The label may be right."
    elif expected.high >= expected.n_listed:
        limit = "Any number of these may be wrong."
    purpose = "for an estimate" if expected.n_listed > N_CHECKS else "to know the number"
    return f"{limit} Check {name_checks(expected.n_listed)} {purpose}."


def name_farthest(findings: Findings) -> str | None:
    """Return where to see the farthest items below the limit; None without distances."""
    if findings.columns is None or not np.isfinite(findings.columns.off_topic).any():
        return None
    return (
        "The limit is cautious: the color “off topic” of the page and the report (featscape "
        f"report) also show the farthest {noun_of(findings.paths)}s below the limit."
    )


def name_checks(n_listed: int) -> str:
    """Return how many of the listed labels a person should check, as words."""
    if n_listed <= 1:
        return "the label"
    return f"{N_CHECKS} labels" if n_listed > N_CHECKS else f"all {n_listed} labels"


def too_few_items(n_items: int, least: int) -> str:
    """Return the reason why a map of `n_items` items has no findings of a kind."""
    return f"The map has {n_items} items; at least {least} are needed."
