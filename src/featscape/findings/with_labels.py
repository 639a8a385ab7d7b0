"""Find label errors and class relations among the items that have a label.

The nearest neighbors of a copy are other copies, which have the same label, right or wrong. Each
group of copies with one label therefore takes part as one item. Copies with different labels
contradict each other: one of the labels may be wrong. The label of such a copy is therefore checked
without the others.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.classes.relations import find_class_relations
from featscape.findings.labels.label_errors import LabelErrors, find_label_errors
from featscape.findings.records import DetectorResult
from featscape.findings.spaces import search_among
from featscape.findings.wording import name_item, noun_of
from featscape.labels.classes import count_classes
from featscape.number_text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.findings.records import ClassFinding, Evidence
    from featscape.findings.spaces import Components, NeighborSearch, RowSearch
    from featscape.labels.classes import Classes

    FoundWithLabels = tuple[LabelErrors, DetectorResult[ClassFinding]]

# Of more items, the labels are compared with those of the given neighbors, in the order of the
# half-whitened space: a search in this space takes minutes for a million items.
_MOST_SEARCHED = 200_000
# The least share of copies that are left out, because the neighbors are then searched again.
_LEAST_LEFT_OUT = 0.01


def find_with_labels(
    components: Components | None,
    neighbors: NDArray[np.int32],
    classes: Classes | None,
    *,
    originals: NDArray[np.intp] | None,
    is_copy: NDArray[np.bool_] | None,
    conflicts: NDArray[np.intp] | None,
    is_checked: NDArray[np.bool_],
    search: NeighborSearch,
    search_rows: RowSearch,
    paths: Sequence[str] | None,
    n_threads: int,
    random_state: int,
) -> FoundWithLabels:
    """Return the label errors and the class relations; items without a label take no part.

    A copy has the suspicion, the suggestion and the confidence of its original.

    Parameters
    ----------
    components : Components or None
        Of n items; None if all items have the same features.
    neighbors : ndarray of int32, shape (n, k)
    classes : Classes or None
    originals : ndarray of intp, shape (n,), or None
        The item that takes part for each item, see `find_originals`; None for the item itself.
    is_copy : ndarray of bool, shape (n,), or None
        Items that are no typical items of their class, see `find_class_relations`.
    conflicts : ndarray of intp, shape (n,), or None
        The number of the group of copies with different labels, or -1.
    is_checked : ndarray of bool, shape (n,)
        Items whose label a person has checked. If the label of a copy was checked, this is also the
        checked label of its original.
    search, paths, n_threads, random_state
        As in `compute_findings`.
    search_rows : callable
        See `RowSearch`; in the space of `neighbors`.
    """
    find = partial(
        _find,
        search=search,
        noun=noun_of(paths),
        n_threads=n_threads,
        random_state=random_state,
    )
    n = len(neighbors)
    if originals is None or (originals != np.arange(n)).mean() < _LEAST_LEFT_OUT:
        originals = np.arange(n)
    takes_part = originals == np.arange(n)
    is_settled = np.zeros(n, dtype=bool)
    is_settled[originals[is_checked]] = True
    if classes is not None:
        takes_part &= classes.label_codes >= 0
    rows = np.flatnonzero(takes_part)
    if len(rows) < min(2, n):
        return find(components, neighbors, None, paths=paths)
    if classes is None or components is None or len(rows) == n:
        return find(
            components,
            neighbors,
            classes,
            is_copy=is_copy,
            conflicts=conflicts,
            is_checked=is_settled,
            paths=paths,
        )
    labeled = components.select(rows)
    errors, relations = find(
        labeled,
        search_rows(rows, min(neighbors.shape[1], len(rows) - 1)),
        count_classes([classes.names[code] for code in classes.codes[rows]], len(rows)),
        is_copy=None if is_copy is None else is_copy[rows],
        conflicts=None if conflicts is None else conflicts[rows],
        is_checked=is_settled[rows],
        paths=[name_item(item, paths) for item in rows.tolist()],
    )
    return _scatter(errors, rows, originals), _renumber(relations, rows)


def _find(
    components: Components | None,
    neighbors: NDArray[np.int32],
    classes: Classes | None,
    *,
    is_copy: NDArray[np.bool_] | None = None,
    conflicts: NDArray[np.intp] | None = None,
    is_checked: NDArray[np.bool_] | None = None,
    search: NeighborSearch,
    paths: Sequence[str] | None,
    noun: str,
    n_threads: int,
    random_state: int,
) -> FoundWithLabels:
    """Return the label errors and the class relations of items that all have a label."""
    n = len(neighbors)
    label_search = search
    if n > _MOST_SEARCHED:
        label_search = partial(search_among, neighbors, n_threads=n_threads)
    errors = find_label_errors(
        components,
        classes,
        n_items=n,
        search=label_search,
        paths=paths,
        noun=noun,
        copies=conflicts,
        is_checked=is_checked,
        random_state=random_state,
    )
    relations = find_class_relations(
        components,
        neighbors,
        classes,
        confidence=errors.confidence,
        is_copy=is_copy,
        noun=noun,
        n_threads=n_threads,
        random_state=random_state,
    )
    return errors, relations


def _scatter(
    errors: LabelErrors, rows: NDArray[np.intp], originals: NDArray[np.intp]
) -> LabelErrors:
    """Extend the label errors of the items `rows` to all items; copies have those of originals."""
    n_items = len(originals)
    everywhere = LabelErrors.not_computed(n_items, "")
    suspicion, confidence = everywhere.suspicion, everywhere.confidence
    suspicion[rows], confidence[rows] = errors.suspicion, errors.confidence
    suggested = np.full(n_items, None, dtype=object)
    suggested[rows] = errors.suggested
    by_original = np.argsort(originals, kind="stable")
    ends = np.cumsum(np.bincount(originals, minlength=n_items))
    findings = []
    for one in errors.result.findings:
        item = int(rows[one.item])
        copies = by_original[ends[item - 1] if item else 0 : ends[item]]
        copies = copies[copies != item].tolist()
        evidence = replace(_in_items(one.evidence, rows), items=(item, *copies))
        text = _with_copies(one.text, len(copies))
        findings.append(replace(one, item=item, text=text, evidence=evidence))
    return LabelErrors(
        result=DetectorResult(tuple(findings), errors.result.reason),
        suspicion=suspicion[originals],
        suggested=tuple(suggested[originals].tolist()),
        expected=errors.expected,
        confidence=confidence[originals],
    )


def _with_copies(text: str, n_copies: int) -> str:
    """Return the text of a label error with the number of the copies that have the same label."""
    if n_copies == 0:
        return text
    return f"{text} The same label has {plural(n_copies, 'copy', 'copies')} of the image."


def _renumber(
    relations: DetectorResult[ClassFinding], rows: NDArray[np.intp]
) -> DetectorResult[ClassFinding]:
    """Return the findings with the numbers of all items instead of indices into `rows`."""
    findings = tuple(
        replace(
            one,
            items=tuple(rows[list(one.items)].tolist()),
            evidence=_in_items(one.evidence, rows),
        )
        for one in relations.findings
    )
    return DetectorResult(findings, relations.reason)


def _in_items(evidence: Evidence, rows: NDArray[np.intp]) -> Evidence:
    return replace(
        evidence,
        items=tuple(rows[list(evidence.items)].tolist()),
        neighbors=tuple(rows[list(evidence.neighbors)].tolist()),
    )
