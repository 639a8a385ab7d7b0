"""Find images that occur more than once, and what the copies contradict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featscape.findings.duplicates.bursts import MOST_CANDIDATES, connect_copies
from featscape.findings.duplicates.foreground import PLAIN_SHARE, compare_foregrounds
from featscape.findings.duplicates.near_pairs import find_near_pairs
from featscape.findings.duplicates.power_law import connect
from featscape.findings.duplicates.subset import Subset
from featscape.findings.records import DetectorResult, DuplicateGroup, Evidence
from featscape.findings.spaces import blocks
from featscape.findings.wording import join_names, name_item
from featscape.labels.classes import NO_LABEL, NO_SPLIT
from featscape.number_text import percent, plural
from featscape.printable_names import separable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from featscape.findings.pixels.survey import Survey
    from featscape.findings.records import DuplicateKind

LEAST_ITEMS = 30  # fewer images cannot show how near other images usually are
_N_NAMED = 2  # items in the text
# Of aligned pixels: pairs below are near by their features only, for example in the features of a
# network that was trained for a short time.
_LEAST_CORRELATION = 0.7
# The least number of pairs of similar pictures between two groups of copies, per picture of the
# larger group, which counts as at most 20 pictures.
_LEAST_SUPPORT = 0.25
_KINDS = ("exact", "pixels", "near", "similar")  # the most certain first
_ALIGNED = (
    "The pictures are aligned, and the gray levels of their pixels are correlated: 1 is equal. "
    "Other pictures of the dataset are not so near. The score is the lowest correlation that "
    "connects the group."
)
_METHODS = {
    "exact": "The files of the images have the same SHA-256.",
    "pixels": "The sizes and the pixels of the thumbnails are equal.",
    "near": _ALIGNED,
    "similar": (
        f"{_ALIGNED} A plain background covers at least {percent(PLAIN_SHARE)} of the pictures, "
        "and the foregrounds differ in a part, in the gray levels or in the color, or are mirrored "
        "and may be other signs, such as b and d."
    ),
}
_TEXTS = {
    "exact": "are the same picture (equal files)",
    "pixels": "are the same picture (equal pixels)",
    "near": "may be {copies} (correlation {weakest:.4f})",
    "similar": "are similar and may be {copies} (correlation {weakest:.4f}, {other} foreground)",
}


class _Copies(NamedTuple):
    """Pairs of edited copies."""

    pairs: NDArray[np.intp]  # (m, 2), items
    correlation: NDArray[np.float32]  # (m,)
    feature_distance: NDArray[np.float32]  # (m,)
    is_certain: NDArray[np.bool_]  # (m,); other pairs are similar pictures, possibly copies
    is_mirrored: NDArray[np.bool_]  # (m,)

    def select(self, which: NDArray[np.bool_]) -> _Copies:
        """Return the pairs of a mask, (m,)."""
        return _Copies(
            self.pairs[which],
            self.correlation[which],
            self.feature_distance[which],
            self.is_certain[which],
            self.is_mirrored[which],
        )


_NO_COPIES = _Copies(
    np.zeros((0, 2), dtype=np.intp),
    *np.zeros((2, 0), dtype=np.float32),
    *np.zeros((2, 0), dtype=bool),
)


class _Group(NamedTuple):
    """The members of a group of duplicates."""

    items: list[int]
    kind: DuplicateKind
    weakest: float  # the lowest correlation
    has_mirrored: bool  # whether one of the pairs is mirrored
    equal_files: tuple[tuple[int, ...], ...] = ()
    equal_pixels: tuple[tuple[int, ...], ...] = ()


def find_duplicates(
    survey: Survey | None,
    *,
    features: NDArray[np.floating[Any]],
    neighbors: NDArray[np.int32],
    values: NDArray[np.floating[Any]] | None,
    digests: NDArray[np.uint8] | None,
    labels: Sequence[str] | None,
    splits: Sequence[str] | None,
    paths: Sequence[str] | None,
    is_checked: NDArray[np.bool_] | None = None,
    n_threads: int,
    random_state: int,
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
    values : ndarray, shape (n, c), or None
        Principal components of the features, which rank the candidates in less time.
    digests : ndarray of uint8, shape (n, 32), or None
        The SHA-256 of each file.
    labels, splits, paths : sequence of str or None
        Of each item.
    is_checked : ndarray of bool, shape (n,), optional
        Items whose label a person has checked.
    n_threads : int
    random_state : int

    Returns
    -------
    DetectorResult of DuplicateGroup
        Groups of the kind "similar" last. Before them, groups with items in different splits first,
        then groups with different labels. In each part the most certain kind first, then the
        highest correlation.
    """
    n_items = len(features)
    same_file = np.arange(n_items) if digests is None else _equal_rows(digests)
    same_pixels, reason, copies = same_file, None, _NO_COPIES
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
            copies = _find_copies(
                survey,
                features,
                _renumber(neighbors, same_pixels, originals),
                originals,
                values=values,
                n_threads=n_threads,
                random_state=random_state,
            )
    if is_checked is None:
        is_checked = np.zeros(n_items, dtype=bool)
    found = [
        _describe(group, labels=labels, splits=splits, paths=paths, is_checked=is_checked)
        for group in _group(copies, same_file=same_file, same_pixels=same_pixels)
    ]
    return DetectorResult(tuple(sorted(found, key=_rank)), reason)


def _find_copies(
    survey: Survey,
    features: NDArray[np.floating[Any]],
    neighbors: NDArray[np.int32],
    originals: NDArray[np.intp],
    *,
    values: NDArray[np.floating[Any]] | None,
    n_threads: int,
    random_state: int,
) -> _Copies:
    """Return the edited copies among the originals; `neighbors` are indices of originals."""
    near, correlation, doubt, distance = find_near_pairs(
        Subset(survey.grays, originals),
        Subset(features, originals),
        neighbors,
        values=None if values is None else Subset(values, originals),
        n_threads=n_threads,
        random_state=random_state,
    )
    pairs = originals[near]
    match = compare_foregrounds(survey.grays, survey.colors, pairs, n_threads=n_threads)
    is_near = correlation >= _LEAST_CORRELATION
    is_near &= (doubt <= 1) | match.is_equal(doubt)
    found = _Copies(pairs, correlation, distance, match.agrees(), match.is_mirrored)
    return found.select(is_near)


def number_groups(groups: Sequence[DuplicateGroup], n_items: int) -> NDArray[np.int32]:
    """Return the number of the first group of each item, (n,); -1 for items without duplicates."""
    numbers = np.full(n_items, -1, dtype=np.int32)
    for number, group in reversed(list(enumerate(groups))):
        numbers[list(group.items)] = number
    return numbers


def find_originals(groups: Sequence[DuplicateGroup], labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each item the first item of its group with the same label, (n,).

    Items outside of groups, of groups of similar pictures, and without a label are their own
    originals.

    Parameters
    ----------
    groups : sequence of DuplicateGroup
    labels : ndarray of intp, shape (n,)
        A number for the label of each item; negative for no label.
    """
    originals = np.arange(len(labels))
    for group in groups:
        if group.kind == "similar":
            continue
        items = np.array(group.items)
        for label in np.unique(labels[items]):
            copies = items[labels[items] == label]
            if label >= 0:
                originals[copies] = copies.min()
    return originals


def measure_bursts(groups: Sequence[DuplicateGroup], n_items: int) -> float:
    """Return the share of the items in groups of the kind "near", such as frames of a burst.

    Equal files and equal pixels are no sign of bursts.
    """
    return sum(len(one.items) for one in groups if one.kind == "near") / n_items


def _equal_rows(rows: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return for each row the index of the first equal row."""
    return _first_members(np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel())


def _first_members(group: NDArray[Any]) -> NDArray[np.intp]:
    """Return for each item the index of the first item with the same value."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return first[inverse].astype(np.intp)


def _renumber(
    neighbors: NDArray[np.int32], same_pixels: NDArray[np.intp], originals: NDArray[np.intp]
) -> NDArray[np.int32]:
    """Return the neighbors of the originals as indices of originals.

    A copy is replaced by its original. Repetitions are replaced by the image itself, and moved to
    the end.
    """
    index = np.empty(len(same_pixels), dtype=np.int32)
    index[originals] = np.arange(len(originals), dtype=np.int32)
    renumbered = np.empty((len(originals), neighbors.shape[1]), dtype=np.int32)
    for block in blocks(len(originals)):
        found = index[same_pixels[neighbors[originals[block]]]]
        own = np.arange(block.start, block.stop, dtype=np.int32)[:, None]
        order = np.argsort(found, axis=1, kind="stable")
        ranked = np.take_along_axis(found, order, axis=1)
        repeated = np.zeros(found.shape, dtype=bool)
        repeated[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
        is_repeated = np.empty_like(repeated)
        np.put_along_axis(is_repeated, order, repeated, axis=1)
        found = np.where(is_repeated, own, found)
        order = np.argsort(found == own, axis=1, kind="stable")
        renumbered[block] = np.take_along_axis(found, order, axis=1)
    return renumbered


def _group(
    copies: _Copies, *, same_file: NDArray[np.intp], same_pixels: NDArray[np.intp]
) -> Iterator[_Group]:
    """Yield the groups; an item of a group of copies may also be in a group of similar pictures."""
    near = copies.pairs
    n_items = len(same_pixels)
    group = connect_copies(n_items, near, copies.feature_distance, copies.is_certain)
    group = group[same_pixels]  # pairs are pairs of originals
    is_inside = group[near[:, 0]] == group[near[:, 1]]
    for found in _members(group, copies.select(copies.is_certain & is_inside), "near"):
        is_file, is_picture = (
            len(set(first[found.items].tolist())) == 1 for first in (same_file, same_pixels)
        )
        kind: DuplicateKind = "exact" if is_file else "pixels" if is_picture else "near"
        files = _equal_sets(found.items, same_file) if kind != "exact" else ()
        pixels = _equal_sets(found.items, same_pixels) if kind == "near" else ()
        known = set(files)
        pixels = tuple(one for one in pixels if one not in known)
        yield found._replace(kind=kind, equal_files=files, equal_pixels=pixels)
    between = ~copies.is_certain & ~is_inside
    is_different = same_pixels == np.arange(len(same_pixels))
    between[between] = _are_supported(group[near[between]], size=np.bincount(group[is_different]))
    group = connect(n_items, near[between])
    yield from _members(group, copies.select(between), "similar")


def _equal_sets(items: list[int], first: NDArray[np.intp]) -> tuple[tuple[int, ...], ...]:
    """Return the sets of two or more items with the same value in `first`, (n,)."""
    sets: dict[int, list[int]] = {}
    for item, key in zip(items, first[items].tolist(), strict=True):
        sets.setdefault(key, []).append(item)
    return tuple(tuple(one) for one in sets.values() if len(one) > 1)


def _name_equal(sets: tuple[tuple[int, ...], ...], noun: str) -> str:
    """Return for example "3 equal files" or "2 sets of equal files (5 images)"."""
    n_images = sum(map(len, sets))
    return (
        f"{n_images} {noun}"
        if len(sets) == 1
        else f"{len(sets)} sets of {noun} ({n_images} images)"
    )


def _are_supported(groups: NDArray[np.intp], *, size: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return whether enough pairs connect the two groups of each pair, (m,).

    A picture that is similar to one of 14 copies, but not to the others, is no copy; one wrong pair
    would join two large groups.

    Parameters
    ----------
    groups : ndarray of intp, shape (m, 2)
        The groups of copies of both pictures.
    size : ndarray of intp
        The number of different pictures of each group.
    """
    groups = np.sort(groups, axis=1)
    _, kind, count = np.unique(groups, axis=0, return_inverse=True, return_counts=True)
    largest = np.minimum(size[groups].max(axis=1, initial=1), MOST_CANDIDATES)
    supported: NDArray[np.bool_] = count[kind.ravel()] >= _LEAST_SUPPORT * largest
    return supported


def _members(group: NDArray[np.intp], copies: _Copies, kind: DuplicateKind) -> Iterator[_Group]:
    """Yield the groups of two or more members; `group` is the number of the group of each item."""
    size = np.bincount(group)
    weakest = np.ones(len(size))
    np.minimum.at(weakest, group[copies.pairs[:, 0]], copies.correlation)
    has_mirrored = np.zeros(len(size), dtype=bool)
    has_mirrored[group[copies.pairs[copies.is_mirrored, 0]]] = True
    order = np.argsort(group, kind="stable")
    order = order[size[group[order]] > 1]
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(order) else []
    for members in parts:
        number = group[members[0]]
        yield _Group(members.tolist(), kind, float(weakest[number]), bool(has_mirrored[number]))


def _rank(one: DuplicateGroup) -> tuple[Any, ...]:
    """Return the key that sorts the groups, the most important first."""
    section = 0 if one.leak else 1 if one.conflict else 2
    kind = _KINDS.index(one.kind)
    return (one.kind == "similar", section, kind, -one.evidence.score, one.items)


def _names_in(values: Sequence[str] | None, items: list[int]) -> list[str]:
    """Return the different splits or labels in the order of the items, except missing ones."""
    if values is None:
        return []
    names = dict.fromkeys(values[item] for item in items)
    return [name for name in names if name not in {NO_LABEL, NO_SPLIT}]


def _describe(
    group: _Group,
    *,
    labels: Sequence[str] | None,
    splits: Sequence[str] | None,
    paths: Sequence[str] | None,
    is_checked: NDArray[np.bool_],
) -> DuplicateGroup:
    items, kind, weakest = group.items, group.kind, group.weakest
    own_splits, own_labels = _names_in(splits, items), _names_in(labels, items)
    leak = len(own_splits) > 1
    conflict = len(own_labels) > 1 and not is_checked[items].all()
    shown = ", ".join(separable(name_item(item, paths) for item in items[:_N_NAMED]))
    more = f" and {len(items) - _N_NAMED:,} more" if len(items) > _N_NAMED else ""
    copies, other = "copies", "other"
    if group.has_mirrored:
        copies = "mirrored copies" if len(items) == 2 else "copies, some mirrored"
        other = "other or mirrored"
    text = _TEXTS[kind].format(copies=copies, weakest=weakest, other=other)
    text = f"{shown}{more} {text}"
    parts = {"equal files": group.equal_files, "images with equal pixels": group.equal_pixels}
    if equal := [_name_equal(sets, noun) for noun, sets in parts.items() if sets]:
        text += f", including {' and '.join(equal)}"
    if leak:
        text += f", in the splits {join_names(own_splits)}"
    if conflict:
        text += f", with the labels {join_names(own_labels)}"
    return DuplicateGroup(
        items=tuple(items),
        kind=kind,
        leak=leak,
        conflict=conflict,
        equal_files=group.equal_files,
        equal_pixels=group.equal_pixels,
        text=f"{text}.",
        evidence=Evidence(items=tuple(items), neighbors=(), score=weakest, method=_METHODS[kind]),
    )
