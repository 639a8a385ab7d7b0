"""Find items whose label is probably wrong, most suspicious first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.labels.expected_errors import expect_errors
from featscape.findings.labels.model import LEAST_MEMBERS, LabelModel, count_voters
from featscape.findings.records import DetectorResult, Evidence, LabelError
from featscape.findings.wording import count_nouns, join_names, name_item, too_few_items
from featscape.number_text import percent
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.findings.labels.model import LabelOdds
    from featscape.findings.records import ExpectedErrors
    from featscape.findings.spaces import Components, NeighborSearch
    from featscape.labels.classes import Classes

LEAST_ITEMS = 10  # fewer items cannot show which labels are unusual
_N_SUPPORTING = 5  # neighbors in the evidence
_MOST_NAMED = 3  # labels of copies in a sentence
# mean log-probability in nats; labels that are permuted at random reach a third of this
_LEAST_GAIN = 0.01

_METHOD = (
    "The score is the log-odds that the suggested label is right rather than the given label: the "
    "average of a linear classifier (ridge regression) and of the nearest neighbors, both computed "
    "without the item's own label. The number of neighbors is 5 more than half of the mean size "
    "of a class, at most 50. The neighbors are found after a scaling of the features "
    "(half-whitening), and can differ from the nearest neighbors on the page of the map. An item "
    "of a class with few items must also be nearer to the mean of the suggested class than to the "
    "mean of the others of its class."
)


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """The label errors of a map.

    Attributes
    ----------
    result : DetectorResult of LabelError
    suspicion : ndarray of float32, shape (n,)
        See `ItemColumns.suspicion`.
    suggested : tuple of (str or None)
        See `ItemColumns.suggested`.
    expected : ExpectedErrors or None
    confidence : ndarray of float32, shape (n,)
        The probability of the given label; 0.5 where nothing is known.
    """

    result: DetectorResult[LabelError]
    suspicion: NDArray[np.float32]
    suggested: tuple[str | None, ...]
    expected: ExpectedErrors | None
    confidence: NDArray[np.float32]

    @classmethod
    def not_computed(cls, n_items: int, reason: str) -> LabelErrors:
        """Return the result without findings."""
        return cls(
            result=DetectorResult(reason=reason),
            suspicion=np.full(n_items, np.nan, np.float32),
            suggested=(None,) * n_items,
            expected=None,
            confidence=np.full(n_items, 0.5, np.float32),
        )


def find_label_errors(
    components: Components | None,
    classes: Classes | None,
    *,
    n_items: int,
    search: NeighborSearch,
    paths: Sequence[str] | None = None,
    noun: str,
    copies: NDArray[np.intp] | None = None,
    is_checked: NDArray[np.bool_] | None = None,
    random_state: int,
) -> LabelErrors:
    """Find items whose label is probably wrong.

    Each item is classified twice without its own label: by one-against-all ridge regression on
    the principal components, and by its nearest neighbors in half-whitened space. Both results are
    calibrated, and their probabilities are averaged. An item is listed if another label is more
    probable than the given label. See `LabelOdds` for classes with few items.

    Parameters
    ----------
    components : Components or None
        Of n items; None if all items have the same features.
    classes : Classes or None
        The labels of the items; None without labels.
    n_items : int
    search : callable
        (values, k) -> the k nearest neighbors by Euclidean distance.
    paths : sequence of str, optional
    noun : str
        "image", or "item" in a map without images.
    copies : ndarray of intp, shape (n,), optional
        The number of the group of copies with different labels, or -1. These labels contradict each
        other, so that the label of an item is checked without the copies of the item.
    is_checked : ndarray of bool, shape (n,), optional
        Items whose label a person has checked. These items are not listed.
    random_state : int
        Seed of samples and of planted errors.
    """
    reason = _why_not(components, classes, n_items, noun)
    if reason is not None or components is None or classes is None:
        return LabelErrors.not_computed(n_items, reason or "")
    n_classes = len(classes.names)
    neighbors = search(components.half_whitened(), count_voters(n_items, n_classes))
    model = LabelModel(components, neighbors, groups=copies, random_state=random_state)
    odds = model.odds(classes.codes, n_classes)
    if is_checked is None:
        is_checked = np.zeros(n_items, dtype=bool)
    is_unknown = np.isnan(odds.suspicion)
    suspicion = np.where(is_checked, np.float32(np.nan), odds.suspicion)
    errors = LabelErrors(
        result=DetectorResult(reason=_why_not_all(is_unknown, classes, noun)),
        suspicion=suspicion,
        suggested=tuple(
            None if unknown else classes.names[code]
            for unknown, code in zip(np.isnan(suspicion), odds.suggested, strict=True)
        ),
        expected=None,
        confidence=np.where(is_unknown, np.float32(0.5), odds.confidence),
    )
    if odds.gain < _LEAST_GAIN:
        reason = (
            f"The labels cannot be checked, because similar {noun}s do not have the same "
            "label more often than by chance: the features do not contain what the labels mean, or "
            "most labels are wrong."
        )
        return replace(LabelErrors.not_computed(n_items, reason), confidence=errors.confidence)
    listed = np.flatnonzero(suspicion > 0)
    listed = listed[np.lexsort((listed, -suspicion[listed]))]
    findings = tuple(
        _describe_label_error(
            int(item), odds, classes, neighbors.indices, paths=paths, noun=noun, copies=copies
        )
        for item in listed
    )
    expected = expect_errors(
        model,
        classes.codes,
        n_classes,
        odds,
        listed=listed,
        is_checked=is_checked,
        random_state=random_state,
    )
    return replace(errors, result=DetectorResult(findings, errors.result.reason), expected=expected)


def _why_not(
    components: Components | None, classes: Classes | None, n_items: int, noun: str
) -> str | None:
    if classes is None:
        return f"The {noun}s have no labels."
    if len(classes.names) < 2:
        return f"All {noun}s have the label {printable(classes.names[0])}."
    if n_items < LEAST_ITEMS:
        return too_few_items(n_items, LEAST_ITEMS)
    if components is None:
        return f"All {noun}s have the same features."
    most = classes.counts.max()
    if most < LEAST_MEMBERS:
        what = f"{noun} has a label of its own" if most == 1 else f"class has one or two {noun}s"
        return f"Each {what}."
    return None


def _why_not_all(is_unknown: NDArray[np.bool_], classes: Classes, noun: str) -> str | None:
    """Return why labels are not checked: small classes, also without contradicting copies."""
    if not is_unknown.any():
        return None
    is_small = classes.counts[classes.codes] < LEAST_MEMBERS
    counted = int(is_small.sum()), int((is_unknown & ~is_small).sum())
    few = f"classes with fewer than {LEAST_MEMBERS} {noun}s"
    parts = f"in {few}", f"in {few} besides copies with different labels"
    unknown = " ".join(
        f"{count_nouns(number, noun, 'is', 'are')} {part}."
        for number, part in zip(counted, parts, strict=True)
        if number
    )
    return (
        f"{unknown} Such labels cannot be checked, because too few other {noun}s show what the "
        "label means."
    )


def _describe_label_error(
    item: int,
    odds: LabelOdds,
    classes: Classes,
    neighbors: NDArray[np.int32],
    *,
    paths: Sequence[str] | None,
    noun: str,
    copies: NDArray[np.intp] | None = None,
) -> LabelError:
    """Return the finding of an item whose label is probably wrong, with the evidence in words.

    Parameters
    ----------
    item : int
    odds : LabelOdds
    classes : Classes
    neighbors : ndarray of int32, shape (n, k)
    paths : sequence of str or None
    noun : str
        "image" or "item".
    copies : ndarray of intp, shape (n,), optional
        The group of copies of each item, or a negative number. Copies of the item are no evidence.
    """
    suggested = int(odds.suggested[item])
    near = neighbors[item]
    others = ""
    if copies is not None and copies[item] >= 0:
        near = near[copies[near] != copies[item]]
        others = _name_copies(item, classes, copies)
    supporting = near[classes.codes[near] == suggested][:_N_SUPPORTING]
    label, other = classes.names[classes.codes[item]], classes.names[suggested]
    return LabelError(
        item=item,
        label=label,
        suggested=other,
        text=(
            f"{name_item(item, paths)} resembles {printable(other)} more than its label "
            f"{printable(label)}: {_support(item, odds, classes, near, noun)}."
            f"{others}"
        ),
        evidence=Evidence(
            items=(item,),
            neighbors=tuple(supporting.tolist()),
            score=float(odds.suspicion[item]),
            method=_METHOD,
        ),
    )


def _name_copies(item: int, classes: Classes, copies: NDArray[np.intp]) -> str:
    """Return the sentence about the copies with other labels, which were not compared."""
    codes = np.unique(classes.codes[copies == copies[item]])
    names = [classes.names[code] for code in codes if code != classes.codes[item]]
    if len(names) == 1:
        return f" A copy with the label {join_names(names)} was left out."
    labels = f"the labels {join_names(names)}"
    if len(names) > _MOST_NAMED:
        labels = f"{len(names):,} other labels"
    return f" Copies with {labels} were left out."


def _support(
    item: int, odds: LabelOdds, classes: Classes, near: NDArray[np.int32], noun: str
) -> str:
    """Return the numbers that support the suggested label: those of the neighbors if possible."""
    given, suggested = int(classes.codes[item]), int(odds.suggested[item])
    label, other = (printable(classes.names[code]) for code in (given, suggested))
    n_other, n_own = (int((classes.codes[near] == code).sum()) for code in (suggested, given))
    neighbors = (
        f"{n_other} of its {len(near)} nearest neighbors {'is' if n_other == 1 else 'are'} "
        f"{other}, and {n_own} {'is' if n_own == 1 else 'are'} {label}"
    )
    if n_other > n_own:
        return neighbors
    p_own = float(odds.confidence[item])
    p_other = p_own * float(np.exp(odds.suspicion[item]))
    own = "a little less" if percent(p_own) == percent(p_other) else percent(p_own)
    return (
        f"a classifier trained on the other {noun}s gives {other} {percent(p_other)} and {label} "
        f"{own}; {neighbors}"
    )
