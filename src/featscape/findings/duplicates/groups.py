"""Find images that occur more than once, and what the copies contradict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.duplicates.near_pairs import connect, find_near_pairs
from featscape.findings.duplicates.subset import Subset
from featscape.findings.records import DetectorResult, DuplicateGroup, Evidence
from featscape.findings.wording import join_names, name_item
from featscape.number_text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.findings.pixels.survey import Survey

LEAST_ITEMS = 30  # fewer images cannot show how near other images usually are
_N_NAMED = 2  # items in the text
_METHODS = {
    "exact": "The files of the images have the same SHA-256.",
    "pixels": "The sizes and the pixels of the thumbnails are equal.",
    "near": (
        "The pixels correlate after alignment, and no other images are so near by chance. The "
        "score is the lowest correlation that connects the group."
    ),
}


def find_duplicates(
    survey: Survey | None,
    *,
    features: NDArray[np.floating[Any]],
    neighbors: NDArray[np.int32],
    digests: NDArray[np.uint8] | None = None,
    labels: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    paths: Sequence[str] | None = None,
    n_threads: int = 1,
    random_state: int = 0,
) -> DetectorResult[DuplicateGroup]:
    """Find groups of equal files, of equal pixels and of edited copies among n images.

    Parameters
    ----------
    survey : Survey or None
        None for a map without images: only equal files are then found.
    features : ndarray, shape (n, d)
        May be memory-mapped.
    neighbors : ndarray of int32, shape (n, k)
        The nearest items in feature space, nearest first.
    digests : ndarray of uint8, shape (n, 32), optional
        The SHA-256 of each file.
    labels, splits, paths : sequence of str, optional
        Of each item.
    n_threads : int
    random_state : int

    Returns
    -------
    DetectorResult of DuplicateGroup
        Groups with items in different splits first, then groups with different labels, then
        larger groups.
    """
    n_items = len(features)
    same_file = np.arange(n_items) if digests is None else _equal_rows(digests)
    same_pixels, reason = same_file, None
    near = np.zeros((0, 2), dtype=np.intp)
    correlation = np.zeros(0, dtype=np.float32)
    if survey is None:
        reason = "Without images, only equal files can be found."
        if digests is None:
            reason = "The map has neither images nor hashes of files."
    else:
        pixels = _equal_rows(survey.digests)
        links = np.stack([np.tile(np.arange(n_items), 2), np.r_[same_file, pixels]], axis=1)
        same_pixels = _first_members(connect(n_items, links))
        originals = np.flatnonzero(same_pixels == np.arange(n_items))
        if len(originals) < LEAST_ITEMS:
            reason = (
                f"The map has {plural(len(originals), 'different image')}; edited copies are "
                f"searched among {LEAST_ITEMS} or more."
            )
        else:
            near, correlation = find_near_pairs(
                Subset(survey.grays, originals),
                Subset(features, originals),
                _renumber(neighbors, same_pixels, originals),
                n_threads=n_threads,
                random_state=random_state,
            )
            near = originals[near]
    group = connect(n_items, np.concatenate([near, _links(same_pixels)]))
    return DetectorResult(
        tuple(
            _describe(
                members, same_file, same_pixels, weakest, labels=labels, splits=splits, paths=paths
            )
            for members, weakest in _ordered(group, near, correlation, labels, splits)
        ),
        reason,
    )


def number_groups(groups: Sequence[DuplicateGroup], n_items: int) -> NDArray[np.int32]:
    """Return the number of the group of each item, (n,); -1 for items without duplicates."""
    numbers = np.full(n_items, -1, dtype=np.int32)
    for number, group in enumerate(groups):
        numbers[list(group.items)] = number
    return numbers


def _equal_rows(rows: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return for each row the index of the first equal row."""
    return _first_members(np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel())


def _first_members(group: NDArray[Any]) -> NDArray[np.intp]:
    """Return for each item the index of the first item with the same value."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return first[inverse].astype(np.intp)


def _links(first: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the pairs of an item and the first member of its group, (m, 2)."""
    copies = np.flatnonzero(first != np.arange(len(first)))
    return np.stack([first[copies], copies], axis=1)


def _renumber(
    neighbors: NDArray[np.int32], same_pixels: NDArray[np.intp], originals: NDArray[np.intp]
) -> NDArray[np.int32]:
    """Return the neighbors of the originals as indices of originals.

    A copy is replaced by its original. Repetitions are replaced by the image itself, and moved to
    the end.
    """
    index = np.empty(len(same_pixels), dtype=np.int32)
    index[originals] = np.arange(len(originals), dtype=np.int32)
    found = index[same_pixels[neighbors[originals]]]
    own = np.arange(len(originals), dtype=np.int32)[:, None]
    order = np.argsort(found, axis=1, kind="stable")
    ranked = np.take_along_axis(found, order, axis=1)
    repeated = np.zeros(found.shape, dtype=bool)
    repeated[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    is_repeated = np.empty_like(repeated)
    np.put_along_axis(is_repeated, order, repeated, axis=1)
    found = np.where(is_repeated, own, found)
    order = np.argsort(found == own, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _ordered(
    group: NDArray[np.intp],
    near: NDArray[np.intp],
    correlation: NDArray[np.float32],
    labels: Sequence[str] | None,
    splits: Sequence[str] | None,
) -> list[tuple[list[int], float]]:
    """Return the members of each group and its lowest correlation, the worst group first."""
    size = np.bincount(group)
    weakest = np.ones(len(size))
    np.minimum.at(weakest, group[near[:, 0]], correlation)
    order = np.argsort(group, kind="stable")
    order = order[size[group[order]] > 1]
    members = np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(order) else []
    found = [(one.tolist(), float(weakest[group[one[0]]])) for one in members]
    return sorted(
        found,
        key=lambda one: (
            not _differ(splits, one[0]),
            not _differ(labels, one[0]),
            -len(one[0]),
            one[0],
        ),
    )


def _differ(values: Sequence[str] | None, items: list[int]) -> bool:
    return values is not None and len({values[item] for item in items}) > 1


def _describe(
    items: list[int],
    same_file: NDArray[np.intp],
    same_pixels: NDArray[np.intp],
    weakest: float,
    *,
    labels: Sequence[str] | None,
    splits: Sequence[str] | None,
    paths: Sequence[str] | None,
) -> DuplicateGroup:
    kind = "near"
    for name, first in (("pixels", same_pixels), ("exact", same_file)):
        if len(set(first[items].tolist())) == 1:
            kind = name
    leak, conflict = _differ(splits, items), _differ(labels, items)
    shown = ", ".join(name_item(item, paths) for item in items[:_N_NAMED])
    more = f" and {len(items) - _N_NAMED:,} more" if len(items) > _N_NAMED else ""
    what = {
        "exact": "are equal files",
        "pixels": "have equal pixels",
        "near": "show the same picture",
    }
    text = f"{shown}{more} {what[kind]}"
    if leak and splits is not None:
        text += f", in the splits {join_names(sorted({splits[item] for item in items}))}"
    if conflict and labels is not None:
        text += f", with the labels {join_names(sorted({labels[item] for item in items}))}"
    return DuplicateGroup(
        items=tuple(items),
        kind=kind,
        leak=leak,
        conflict=conflict,
        text=f"{text}.",
        evidence=Evidence(items=tuple(items), neighbors=(), score=weakest, method=_METHODS[kind]),
    )
