"""Find images that resemble no large part of the dataset.

Images off topic often come as a group, whose members are near each other. The distance to the
nearest items therefore does not find them; the distance to a share of the dataset does. If such a
group is a class of its own, its images are not off topic, and the class is named once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.records import DetectorResult, Evidence, OffTopic
from featscape.findings.spaces import blocks, shuffled_members, unit_rows
from featscape.findings.wording import join_names, name_item, noun_of, too_few_items
from featscape.threads import map_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from featscape.findings.spaces import Components
    from featscape.labels.classes import Classes

_MOST_EXACT = 5_000  # items whose distances are computed from the features
_N_SAMPLED = 2_000
# Above this number of items, a quarter of the items are compared, to limit the time: the share of
# the nearest items is the same.
_MANY_ITEMS, _FEWER = 200_000, 4
_SHARE = 0.05  # of the sample that the item is compared with
_N_OF_CLASSES = 4_000  # items of all classes together
_LEAST_OF_CLASS, _MOST_OF_CLASS = 5, 200
_MOST_OF_ODD_CLASS = 0.5  # a class is unlike the dataset if a larger share is above the limit
_SMALL_CLASS = 0.1  # of all items; a larger class is a large part of the dataset
_CUT = 2.0  # interquartile ranges above the third quartile
_LEAST_ITEMS = 20
_LEAST_DISTANCE = 1e-6  # before the logarithm; smaller distances are those of equal features
# The largest share of distances below `_LEAST_DISTANCE`. With more, the first quartile is that
# constant, and the score in interquartile ranges depends on the constant.
_MOST_EQUAL = 0.25
_N_SUPPORTING = 5

_METHOD = (
    "The score is the logarithm of the cosine distance to the nearest 5 % of {n_sampled:,} random "
    "{noun}s{classes}, in interquartile ranges above the third quartile, less 2."
)
_WITH_CLASSES = ", averaged with that of the median distance to the {noun}s of the nearest class"


@dataclass(frozen=True, eq=False)
class OffTopicItems:
    """The items off topic.

    Attributes
    ----------
    result : DetectorResult of OffTopic
    score : ndarray of float32, shape (n,)
        See `ItemColumns.off_topic`; at most 0 in a class most of whose items are above the limit.
        There, the score is the larger of those with and without the distance to the classes.
    """

    result: DetectorResult[OffTopic]
    score: NDArray[np.float32]


def find_off_topic(
    features: NDArray[np.floating[Any]],
    neighbors: NDArray[np.int32],
    *,
    components: Components | None = None,
    classes: Classes | None = None,
    paths: Sequence[str] | None = None,
    random_state: int,
    n_threads: int,
) -> OffTopicItems:
    """Find items that resemble no large part of the dataset.

    The distance of an item is the cosine distance to the nearest 5 % of a sample. The score is the
    logarithm of the distance, in interquartile ranges above the third quartile, less 2. With
    classes, the scaled logarithms of two distances are averaged and scaled again.

    Parameters
    ----------
    features : ndarray, shape (n, d)
        May be memory-mapped; the rows are read in blocks.
    neighbors : ndarray of int32, shape (n, k)
        The nearest items of each item, for the evidence.
    components : Components, optional
        Of the features. The distances between more than 5,000 items are computed from the
        components and the lengths of the rows, in an eighth of the time: only the product of what
        the components of two rows leave out is neglected.
    classes : Classes or None
    paths : sequence of str, optional
    random_state : int
        Seed of the random images.
    n_threads : int
    """
    n = len(features)
    if n < _LEAST_ITEMS:
        return _not_computed(n, too_few_items(n, _LEAST_ITEMS))
    generator = np.random.default_rng(random_state)
    sample = np.sort(generator.permutation(n)[: _N_SAMPLED // _fewer(n)])
    of_classes = list(_sample_classes(classes, generator))
    rows = _Rows(features, components if n > _MOST_EXACT else None)
    distances, distance_to_others = _distances(
        rows, sample, of_classes, _codes_of_small(classes, n), n_threads=n_threads
    )
    noun = noun_of(paths)
    if distances is None:
        return _not_computed(
            n, f"More than a quarter of the {noun}s have the same features as others."
        )
    scaled = [_in_ranges(np.log(one)) for one in distances.T]
    score = _in_ranges(np.mean(scaled, axis=0)) - _CUT
    to_others = _in_ranges(np.log(distance_to_others), np.log(distances[:, 0])) - _CUT
    if not np.isfinite(score).all():  # an interquartile range is 0
        return _not_computed(n, f"Half of the {noun}s or more are equally far from the others.")
    score, reason = _leave_out_odd_classes(score, to_others, classes, noun)
    listed = np.flatnonzero(score > 0)
    listed = listed[np.lexsort((listed, -score[listed]))]
    classes_text = _WITH_CLASSES.format(noun=noun) if of_classes else ""
    method = _METHOD.format(n_sampled=len(sample), noun=noun, classes=classes_text)
    median = float(np.median(distances[:, 0]))
    findings = tuple(
        OffTopic(
            item=item,
            text=(
                f"{name_item(item, paths)} is unlike the rest of the dataset: its cosine distance "
                f"to the nearest 5 % of the {noun}s is {distances[item, 0]:.2f}, and {median:.2f} "
                f"for a typical {noun}."
            ),
            evidence=Evidence(
                items=(item,),
                neighbors=tuple(neighbors[item, :_N_SUPPORTING].tolist()),
                score=float(score[item]),
                method=method,
            ),
        )
        for item in listed.tolist()
    )
    return OffTopicItems(DetectorResult(findings, reason), score.astype(np.float32))


def _not_computed(n_items: int, reason: str) -> OffTopicItems:
    return OffTopicItems(DetectorResult(reason=reason), np.full(n_items, np.nan, np.float32))


def _leave_out_odd_classes(
    score: NDArray[np.float64],
    to_others: NDArray[np.float64],
    classes: Classes | None,
    noun: str,
) -> tuple[NDArray[np.float64], str | None]:
    """Return the scores, at most 0 in classes that are unlike the dataset, and which these are.

    Most items of such a class are above the limit. The class is part of the dataset, because its
    items have a label of their own. Items that resemble one another are near to their own class,
    however far the class is from the others: the score of their distance to the nearest 5 % of the
    other items, `to_others`, also counts.
    """
    if classes is None:
        return score, None
    codes, n_classes = classes.label_codes, len(classes.names)

    def most_are_above(values: NDArray[np.float64]) -> NDArray[np.bool_]:
        n_above = np.bincount(codes[(codes >= 0) & (values > 0)], minlength=n_classes)
        return n_above > _MOST_OF_ODD_CLASS * classes.counts

    is_odd = most_are_above(score) | most_are_above(to_others)
    is_odd &= classes.counts >= _LEAST_OF_CLASS
    if not is_odd.any():
        return score, None
    names = [name for name, odd in zip(classes.names, is_odd, strict=True) if odd]
    of, this = ("class", "this class") if len(names) == 1 else ("classes", "these classes")
    reason = (
        f"Most {noun}s of the {of} {join_names(names)} are unlike the rest of the dataset: the "
        f"{noun}s of {this} are not listed."
    )
    in_odd = (codes >= 0) & is_odd[codes]
    return np.where(in_odd, np.minimum(np.maximum(score, to_others), 0), score), reason


def _codes_of_small(classes: Classes | None, n_items: int) -> NDArray[np.intp]:
    """Return the class of each item if the class is small, and -1 otherwise."""
    if classes is None:
        return np.full(n_items, -1)
    codes = classes.label_codes
    is_small = classes.counts < _SMALL_CLASS * n_items
    return np.where((codes >= 0) & is_small[codes], codes, -1)


def _sample_classes(
    classes: Classes | None, generator: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Yield random items of each class with enough items; nothing if there are many classes."""
    if classes is None or len(classes.names) < 2:
        return
    n_of_classes = _N_OF_CLASSES // _fewer(len(classes.codes))
    size = min(_MOST_OF_CLASS, n_of_classes // len(classes.names))
    for items in shuffled_members(classes, generator):
        if min(size, len(items)) >= _LEAST_OF_CLASS:
            yield np.sort(items[:size])


def _fewer(n_items: int) -> int:
    return _FEWER if n_items > _MANY_ITEMS else 1


class _Rows:
    """Vectors whose products give the cosine distances of the items.

    The distance of two items is the sum of their halves, less the product of their vectors.
    """

    def __init__(self, features: NDArray[np.floating[Any]], components: Components | None) -> None:
        self._features = features
        self._components = components

    def __len__(self) -> int:
        return len(self._features)

    def vectors(self, which: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the vectors of some items, (m, d)."""
        if self._components is None:
            return unit_rows(self._features[which])
        return self._components.values[which] * np.float32(self._components.scale)

    def halves(self, which: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Return half of the squared length of some items, (m,)."""
        if self._components is None:
            return np.full(len(self), 0.5, np.float32)[which]
        return self._components.squares[which] * np.float32(self._components.scale**2 / 2)


def _distances(
    rows: _Rows,
    sample: NDArray[np.intp],
    of_classes: list[NDArray[np.intp]],
    codes: NDArray[np.intp],
    *,
    n_threads: int,
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
    """Return the distance of each item to the sample, and to its nearest class if there are any.

    Returns
    -------
    ndarray, shape (n, 1) or (n, 2), or None
        Cosine distances; None if more than `_MOST_EQUAL` of them are 0.
    ndarray, shape (n,)
        The distance to the sample without the items that have the same code, if not -1.
    """
    groups = [(sample, _SHARE), *((items, 0.5) for items in of_classes)]
    all_items = np.concatenate([items for items, _ in groups])
    references, halves = rows.vectors(all_items).T, rows.halves(all_items)
    ends = np.cumsum([len(items) for items, _ in groups])
    distances = np.empty((len(rows), 2 if of_classes else 1))
    to_others = np.empty(len(rows))

    def compare(block: slice) -> None:
        all_pairs = rows.vectors(block) @ references
        np.subtract(rows.halves(block)[:, None] + halves, all_pairs, out=all_pairs)
        inside = np.flatnonzero((all_items >= block.start) & (all_items < block.stop))
        # an item has distance 0 to itself
        all_pairs[all_items[inside] - block.start, inside] = np.inf
        of_groups = []
        for (items, share), pairs in zip(
            groups, np.split(all_pairs, ends[:-1], axis=1), strict=True
        ):
            rank = min(max(3, int(share * len(items))), len(items) - 1)
            of_groups.append(np.partition(pairs, rank, axis=1)[:, rank])
        distances[block, 0] = of_groups[0]
        to_others[block] = of_groups[0]
        small = np.flatnonzero(codes[block] >= 0)
        is_own = codes[block][small, None] == codes[sample]
        others = np.where(is_own, np.inf, all_pairs[small, : len(sample)])
        rank = max(3, int(_SHARE * len(sample)))
        to_others[block.start + small] = np.partition(others, rank, axis=1)[:, rank]
        if of_classes:
            distances[block, 1] = np.min(of_groups[1:], axis=0)

    map_parts(compare, blocks(len(rows), rows_at_once=512), n_threads=n_threads)
    if (distances < _LEAST_DISTANCE).mean() > _MOST_EQUAL:
        return None, to_others
    return np.maximum(distances, _LEAST_DISTANCE), np.maximum(to_others, _LEAST_DISTANCE)


def _in_ranges(
    values: NDArray[np.float64], scale: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the values in interquartile ranges above the third quartile, of `scale` if given."""
    low, high = np.quantile(values if scale is None else scale, [0.25, 0.75])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((values - high) / (high - low))
