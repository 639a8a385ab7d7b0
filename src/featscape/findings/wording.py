"""Names and numbers in the sentences of the findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.number_text import percent, plural
from featscape.printable_names import printable, separable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.findings.records import ExpectedErrors, Findings

# the kind and the title of the findings in each section about classes; {noun} is "image", or "item"
# in a map without images
CLASS_SECTIONS = {
    "classes": ("close pair", "Close classes"),
    "groups": ("group", "Groups of classes"),
    "split": ("split", "Split classes"),
    "exemplars": ("exemplars", "Typical {noun}s"),
}
N_CHECKS = 30  # labels that a person checks to estimate the number of wrong labels
_WEAK = 0.5  # a classifier that agrees with fewer labels is called weak

PATTERNS = "A sharp image with a fine pattern, such as a knit fabric, may also be listed as noisy."


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


def count_wrong(expected: ExpectedErrors) -> str:
    """Return the sentences about how many of the listed labels are wrong."""
    if expected.n_checked == expected.n_listed > 0:
        return f"{expected.number} of the {expected.n_listed:,} labels are wrong: all were checked."
    if expected.n_checked:
        return (
            f"About {expected.number} of these labels are wrong, estimated from "
            f"{expected.n_checked:,} checked labels."
        )
    if expected.n_listed <= 1:
        return "The label may be right."
    is_limited = expected.high < expected.n_listed
    limit = (
        f"at most about {expected.high:,} of these labels are wrong. This limit assumes that no "
        "label was corrected and that no whole burst or scene has a wrong label."
    )
    if expected.n_listed <= N_CHECKS:
        every = f"Look at all {expected.n_listed}"
        if is_limited:
            return f"{every}: {limit}"
        return f"{every} to know how many are wrong."
    limit = f"A{limit[1:]}" if is_limited else "The number of wrong labels is not known."
    return f"{limit} Check {N_CHECKS} labels for an estimate."


def note_accuracy(expected: ExpectedErrors) -> str:
    """Return how many labels the classifier of the list gives; "" if the number is unknown.

    Labels that a person has checked, and labels of classes with one or two items, are not tested.
    """
    if expected.accuracy is None:
        return ""
    tested = plural(expected.n_classified, "tested label")
    note = f"The classifier of the list agrees with {percent(expected.accuracy)} of {tested}."
    if expected.accuracy < _WEAK:
        note = f"{note} A classifier that often disagrees also lists many right labels."
    return note


def name_farthest(findings: Findings) -> str | None:
    """Return where to see the farthest items below the limit; None without distances."""
    if not np.isfinite(findings.columns.off_topic).any():
        return None
    noun = noun_of(findings.paths)
    return (
        f"Only {noun}s that are clearly unlike the others are listed. The color “off topic” of the "
        f"page and the report (featscape report) also show the next farthest {noun}s."
    )


def too_few_items(n_items: int, least: int) -> str:
    """Return the reason why a map of `n_items` items has no findings of a kind."""
    return f"The map has {n_items} items; at least {least} are needed."
