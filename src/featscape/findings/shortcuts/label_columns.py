"""Recognize columns that repeat the label, and the rows in which such a column contradicts it."""

from __future__ import annotations

from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.records import Evidence, Shortcut
from featscape.findings.shortcuts.orders import measure_assortativity
from featscape.findings.shortcuts.properties import names_label
from featscape.findings.wording import name_item, noun_of
from featscape.labels.classes import NO_LABEL
from featscape.number_text import plural
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.findings.shortcuts.properties import Property
    from featscape.labels.classes import Classes

_LABEL_NAMES = 0.8  # share of the values of a column that are names of classes: another label
_NAME_THEIR_LABEL = 0.8  # share of the labeled items whose value names the label: its tags
_ARE_THEIR_LABEL = 0.5  # the same for numbers, which name the label of few items by chance
_LEAST_AGREEMENT = 0.95  # of a column that repeats the label except in few rows
_LEAST_OF_LABEL = 5  # items with the second label; a column of few known values agrees by chance
_N_SHOWN = 50  # rows that contradict the label
_METHOD = (
    "Each label is paired with its most frequent value, and each value with its most frequent "
    "label. The score is the agreement of the pairs less that expected by chance (Cohen's kappa): "
    "1 if all agree."
)


def is_label(one: Property, labels: Sequence[str], is_checked: NDArray[np.bool_]) -> bool:
    """Return whether the property is another label, or the folders that give the label.

    Such a property is no shortcut, nor are the tags from which the labels were made. The values of
    another label, for example of another annotator, are names of classes. A value from which the
    label was made, such as the tags of an image, names the label. A column of numbers is another
    label if at least half of the numbers are the label of their image. Labels that a person has
    checked may differ from those of the source, and are compared only if all labels were checked.
    """
    if one.levels is None:
        return False
    named = {label.casefold() for label in labels}
    n_named = sum(level.casefold() in named for level in one.levels)
    if one.numbers is None and n_named >= _LABEL_NAMES * len(one.levels):
        return True
    rows = list(zip(one.values.tolist(), labels, strict=True))
    pairs = Counter(compress(rows, ~is_checked)) or Counter(rows)
    compared = {
        (one.levels[code], label): count
        for (code, label), count in pairs.items()
        if code >= 0 and label != NO_LABEL
    }
    n_naming = sum(count for pair, count in compared.items() if names_label(*pair))
    least = _NAME_THEIR_LABEL if one.numbers is None else _ARE_THEIR_LABEL
    return bool(compared) and n_naming >= least * sum(compared.values())


def find_near_labels(
    properties: Sequence[Property],
    classes: Classes,
    neighbors: NDArray[np.int32],
    *,
    is_checked: NDArray[np.bool_],
    paths: Sequence[str] | None,
) -> dict[str, Shortcut | None]:
    """Return by name the categories that equal the label, also under other names.

    Such a category would otherwise be a shortcut for each of the labels. Its finding has the few
    items in which the category does not equal the label. Another label without such items has the
    finding None. Categories that are no other label are first, then the highest agreement.

    Parameters
    ----------
    properties : sequence of Property
        Of n items.
    classes : Classes
        The labels of the items.
    neighbors : ndarray of int32, shape (n, k)
    is_checked : ndarray of bool, shape (n,)
        Items whose label a person has checked; they are not compared.
    paths : sequence of str, optional
    """
    found: list[tuple[bool, float, str, Shortcut | None]] = []
    names = [classes.names[code] for code in classes.codes]
    is_compared = (classes.label_codes >= 0) & ~is_checked
    for one in properties:
        if one.levels is None:
            continue
        compared = np.flatnonzero(one.known & is_compared)
        values, labels = one.values[compared], classes.codes[compared]
        agreement, is_equal = _compare(values, labels)
        if agreement < _LEAST_AGREEMENT or np.sort(np.bincount(labels))[-2] < _LEAST_OF_LABEL:
            continue
        repeats = is_label(one, names, is_checked)
        odd = compared[~is_equal].tolist()
        if repeats and not odd:
            found.append((repeats, -agreement, one.name, None))
            continue
        shown = tuple(odd[:_N_SHOWN])
        shortcut = Shortcut(
            property_name=one.name,
            kind="column",
            label="",
            items=shown,
            assortativity=measure_assortativity(one, neighbors),
            text=_describe(
                one,
                classes,
                compared,
                odd,
                repeats=repeats,
                has_checked=bool(is_checked.any()),
                paths=paths,
            ),
            evidence=Evidence(items=shown, neighbors=(), score=agreement, method=_METHOD),
        )
        found.append((repeats, -agreement, one.name, shortcut))
    return {name: shortcut for *_, name, shortcut in sorted(found, key=lambda one: one[:3])}


def _describe(
    one: Property,
    classes: Classes,
    compared: NDArray[np.intp],
    odd: list[int],
    *,
    repeats: bool,
    has_checked: bool,
    paths: Sequence[str] | None,
) -> str:
    """Return the sentences about a category that equals the label except in the items `odd`."""
    name, noun = printable(one.name), noun_of(paths)
    first = odd[0] if odd else compared[0]
    label = printable(classes.names[classes.codes[first]])
    value = printable((one.levels or ())[one.values[first]])
    number = plural(len(compared), noun)
    if not odd:
        known = "a value and an unchecked label" if has_checked else "a value"
        return (
            f"{name} has one value for each label in all {number} with {known}, such as {value} "
            f"for {label}. A network can learn {name} instead of the content, unless {name} is "
            "another name of the label."
        )
    these = f"these {noun}s" if len(odd) > 1 else f"this {noun}"
    meaning = "The label or the value may be wrong."
    if not repeats:
        meaning = (
            f"A network can learn {name} instead of the content, or the label or the value of "
            f"{these} is wrong."
        )
    with_label = " with an unchecked label" if has_checked else ""
    return (
        f"Each label has one value of {name}, except for {len(odd):,} of {number}{with_label}. The "
        f"first is {name_item(first, paths)}: label {label}, {name} {value}. {meaning}"
    )


def _compare(values: NDArray[np.intp], labels: NDArray[np.intp]) -> tuple[float, NDArray[np.bool_]]:
    """Return Cohen's kappa of the pairs of values and labels, and which items have such a pair."""
    from scipy.sparse import csr_array

    n = len(values)
    if n == 0:
        return 0.0, np.zeros(0, dtype=bool)
    counts = csr_array((np.ones(n), (values, labels)))
    label_of, value_of = counts.argmax(axis=1), counts.argmax(axis=0)
    is_equal = (label_of[values] == labels) & (value_of[labels] == values)
    pairs = np.flatnonzero(value_of[label_of] == np.arange(len(label_of)))
    shares = np.bincount(values, minlength=len(label_of)) / n
    label_shares = np.bincount(labels, minlength=len(value_of)) / n
    by_chance = float(shares[pairs] @ label_shares[label_of[pairs]])
    if by_chance >= 1:
        return 0.0, is_equal
    return (float(is_equal.mean()) - by_chance) / (1 - by_chance), is_equal
