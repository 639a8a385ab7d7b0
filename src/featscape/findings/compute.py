"""Compute all findings of a map."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featscape.findings.duplicates.groups import (
    find_duplicates,
    find_originals,
    measure_bursts,
    number_groups,
)
from featscape.findings.labels.expected_errors import consider_bursts
from featscape.findings.off_topic import find_off_topic
from featscape.findings.pixels.borders import find_unusual_borders
from featscape.findings.pixels.quality import find_quality_problems
from featscape.findings.pixels.survey import survey_thumbnails
from featscape.findings.records import DetectorResult, Findings, ItemColumns
from featscape.findings.reliability import N_NEAR, WIDER, MapReliability, measure_reliability
from featscape.findings.shortcuts.cells import find_shortcuts
from featscape.findings.spaces import principal_components, searched_components
from featscape.findings.with_labels import find_with_labels
from featscape.labels.checked import CHECKED_LABEL, find_checked
from featscape.labels.classes import count_classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from featscape.findings.labels.label_errors import LabelErrors
    from featscape.findings.off_topic import OffTopicItems
    from featscape.findings.records import (
        ClassFinding,
        DuplicateGroup,
        QualityProblem,
        Shortcut,
    )
    from featscape.findings.spaces import Components, NeighborSearch, RowSearch
    from featscape.labels.classes import Classes
    from featscape.records import ImageSource

_N_RANKED = 128  # components that rank the candidates of duplicates


@dataclass(frozen=True, eq=False)
class ItemData:
    """The items of a map, as the detectors need them.

    Attributes
    ----------
    features : ndarray, shape (n, d)
        May be memory-mapped: the detectors read blocks of rows.
    positions : ndarray of float32, shape (n, 2) or (n, 3)
    neighbors : ndarray of int32, shape (n, k), or None
        The nearest items of each item in the space of `searched_components`, nearest first: the
        neighbors of t-SNE. None if they are unknown.
    landmarks : ndarray of intp, shape (l,), or None
        The items that t-SNE was fitted on; None if t-SNE was fitted on all items.
    labels, splits, paths : sequence of str, length n, or None
    digests : ndarray of uint8, shape (n, 32), or None
        The SHA-256 of each image file.
    thumbnails : ImageSource or None
        None for a map without images.
    sizes_px : ndarray of int32, shape (n, 2), or None
        Width and height of the originals.
    columns : mapping of str to ndarray
        Further values of each item: numbers, or objects that are str or None. The column
        `CHECKED_LABEL` has the labels that a person has checked.
    """

    features: NDArray[np.floating[Any]]
    positions: NDArray[np.float32]
    neighbors: NDArray[np.int32] | None
    landmarks: NDArray[np.intp] | None = None
    labels: Sequence[str] | None = None
    splits: Sequence[str] | None = None
    paths: Sequence[str] | None = None
    digests: NDArray[np.uint8] | None = None
    thumbnails: ImageSource | None = None
    sizes_px: NDArray[np.int32] | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def is_checked(self) -> NDArray[np.bool_]:
        """Whose label a person has checked, shape (n,)."""
        return find_checked(self.columns, self.labels, len(self))


def compute_findings(
    items: ItemData,
    *,
    search: NeighborSearch,
    n_threads: int,
    random_state: int,
) -> Findings:
    """Compute all findings of a map.

    Parameters
    ----------
    items : ItemData
    search : callable
        (values, k) -> the k nearest neighbors by Euclidean distance.
    n_threads : int
        Threads that decode and compare thumbnails.
    random_state : int
        Seed of all samples.

    Returns
    -------
    Findings
        Kinds that cannot be computed are empty, and `Findings.not_computed` has the reasons.
    """
    n = len(items)
    classes = count_classes(items.labels, n)
    components = principal_components(items.features, random_state=random_state) if n > 1 else None
    space = cache(
        partial(
            searched_components,
            items.features,
            landmarks=items.landmarks,
            random_state=random_state,
        )
    )

    def search_rows(rows: NDArray[np.intp], k: int) -> NDArray[np.int32]:
        return search(space()[rows], k).indices if k else np.empty((len(rows), 0), np.int32)

    neighbors = items.neighbors
    if neighbors is None:
        neighbors = search_rows(np.arange(n), min(WIDER * N_NEAR, n - 1))
    of_images = _find_in_images(
        items,
        neighbors,
        classes,
        values=np.zeros((n, 1), np.float32)
        if components is None
        else components.values[:, :_N_RANKED].astype(np.float16),
        n_threads=n_threads,
        random_state=random_state,
    )
    of_features = _find_in_features(
        items,
        neighbors,
        classes,
        components=components,
        duplicates=of_images.duplicates.findings,
        search=search,
        search_rows=search_rows,
        n_threads=n_threads,
        random_state=random_state,
    )
    return _assemble(items, of_features, of_images)


class _OfFeatures(NamedTuple):
    """The findings from the features, the positions, the labels and the duplicates."""

    labels: LabelErrors
    off_topic: OffTopicItems
    reliability: MapReliability
    relations: DetectorResult[ClassFinding]


def _find_in_features(
    items: ItemData,
    neighbors: NDArray[np.int32],
    classes: Classes | None,
    *,
    components: Components | None,
    duplicates: Sequence[DuplicateGroup],
    search: NeighborSearch,
    search_rows: RowSearch,
    n_threads: int,
    random_state: int,
) -> _OfFeatures:
    originals = is_copy = conflicts = None
    if classes is not None:
        originals = find_originals(duplicates, classes.label_codes)
        is_copy = originals != np.arange(len(items))
        contradicting = [one for one in duplicates if one.conflict and one.kind != "similar"]
        conflicts = number_groups(contradicting, len(items)).astype(np.intp)
    labels, relations = find_with_labels(
        components,
        neighbors,
        classes,
        originals=originals,
        is_copy=is_copy,
        conflicts=conflicts,
        is_checked=items.is_checked,
        search=search,
        search_rows=search_rows,
        paths=items.paths,
        n_threads=n_threads,
        random_state=random_state,
    )
    if labels.expected is not None:
        burst_share = measure_bursts(duplicates, len(items))
        expected = consider_bursts(labels.expected, burst_share=burst_share)
        labels = replace(labels, expected=expected)
    off_topic = find_off_topic(
        items.features,
        neighbors,
        components=components,
        classes=classes,
        paths=items.paths,
        random_state=random_state,
        n_threads=n_threads,
    )
    if components is None:
        reliability = MapReliability.not_computed(len(items), "All items have the same features.")
    else:
        reliability = measure_reliability(
            items.features,
            items.positions,
            neighbors,
            landmarks=items.landmarks,
            classes=classes,
            search=search,
            n_threads=n_threads,
            random_state=random_state,
        )
    return _OfFeatures(labels, off_topic, reliability, relations)


class _OfImages(NamedTuple):
    """The findings that need the thumbnails, or further columns of the images."""

    duplicates: DetectorResult[DuplicateGroup]
    quality: DetectorResult[QualityProblem]
    shortcuts: DetectorResult[Shortcut]
    unusual_borders: tuple[int, ...]


def _find_in_images(
    items: ItemData,
    neighbors: NDArray[np.int32],
    classes: Classes | None,
    *,
    values: NDArray[np.floating[Any]],
    n_threads: int,
    random_state: int,
) -> _OfImages:
    survey = None
    if items.thumbnails is not None:
        survey = survey_thumbnails(items.thumbnails, n_threads=n_threads)
    duplicates = find_duplicates(
        survey,
        features=items.features,
        neighbors=neighbors,
        values=values,
        digests=items.digests,
        labels=items.labels,
        splits=items.splits,
        paths=items.paths,
        is_checked=items.is_checked,
        n_threads=n_threads,
        random_state=random_state,
    )
    originals = None
    if classes is not None:
        # a group with different labels may not be copies, such as all images of a fixed camera
        agreeing = [one for one in duplicates.findings if not one.conflict]
        originals = find_originals(agreeing, classes.label_codes)
    return _OfImages(
        duplicates,
        find_quality_problems(survey, sizes_px=items.sizes_px, paths=items.paths),
        find_shortcuts(
            survey,
            classes,
            neighbors=neighbors,
            sizes_px=items.sizes_px,
            paths=items.paths,
            splits=items.splits,
            columns=_without_checks(items.columns),
            originals=originals,
            is_checked=items.is_checked,
            random_state=random_state,
        ),
        ()
        if survey is None
        else find_unusual_borders(survey, random_state=random_state, n_threads=n_threads),
    )


def _without_checks(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the columns without that of the checked labels, which is no property of an image."""
    return {name: values for name, values in columns.items() if name != CHECKED_LABEL}


def _assemble(items: ItemData, of_features: _OfFeatures, of_images: _OfImages) -> Findings:
    labels, off_topic, reliability, relations = of_features
    results: dict[str, DetectorResult[Any]] = {
        "labels": labels.result,
        "duplicates": of_images.duplicates,
        "off_topic": off_topic.result,
        "quality": of_images.quality,
        "classes": relations,
        "shortcuts": of_images.shortcuts,
        "reliability": reliability.result,
    }
    return Findings(
        columns=ItemColumns(
            suspicion=labels.suspicion,
            suggested=labels.suggested,
            off_topic=off_topic.score,
            torn=reliability.torn,
            false_friends=reliability.false_friends,
            duplicate_group=number_groups(of_images.duplicates.findings, len(items)),
        ),
        not_computed={kind: result.reason for kind, result in results.items() if result.reason},
        expected_errors=labels.expected,
        unusual_borders=of_images.unusual_borders,
        paths=items.paths,
        **{kind: result.findings for kind, result in results.items()},
    )
