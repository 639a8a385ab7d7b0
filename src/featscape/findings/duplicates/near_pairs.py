"""Find near duplicates: edited copies of the same picture.

Candidates are the nearest images in feature space, and the nearest by a descriptor of 12 x 12 gray
levels, plain or mirrored. `alignment` compares the pixels of a pair. The threshold adapts to each
image: the distances of an image to images that are not its duplicates follow a power law, and a
pair is a duplicate if the law expects practically no pair so near among all images. So the digits
of a dataset of digits, which all look alike, are not duplicates.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featscape.findings.duplicates.bursts import (
    find_bursts,
    pairs_outside,
    rank_in,
    represents,
    share_hidden,
    share_missed,
)
from featscape.findings.duplicates.candidates import Candidates
from featscape.findings.duplicates.descriptors import describe, nearest_descriptors
from featscape.findings.duplicates.pair_table import PairTable, touches
from featscape.findings.duplicates.power_law import (
    Groups,
    choose,
    connect,
    fill,
    fit,
)
from featscape.findings.spaces import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.duplicates.subset import FeatureRows, Grays

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]

_N_FEATURE_NEIGHBORS = 15
_N_DESCRIPTOR_NEIGHBORS = 6
# Most expected share of false pairs among the pairs found by the correlation of pixels, and by the
# geometric mean of the distances of pixels and of features. Estimates are too high by about ten.
_MOST_FALSE = (0.1, 0.01)
# Pixels alone decide only if both images have contrast in this share of their blocks: any two
# pictures of a single edge are equal after alignment.
_LEAST_DETAIL = 0.3
_MOST_WITH_BURSTS = 100_000  # images whose candidates are all compared if there are bursts
_MOST_MISSED = 0.1  # share of the images whose burst the usual law may miss
_N_SAMPLE = 500  # images for the power law
_MOST_PAIRS = 100_000  # pairs to align, in addition to one per image: all of some 8,000 images
# Quantile of the scales that represents images without duplicates, also if most images have some,
# and quantile above which the images probably have none
_USUAL, _HIGH = 0.9, 0.8
_SUSPECT = 1.0  # images of pairs up to this expected share of false pairs get exact scales
# Most pairs of these images, in addition to two per image; the most likely images come first.
_MOST_OF_SUSPECTS = 60_000
# Further pairs are possible up to these multiples of the share by pixels, after several corrections
_LOOSE, _MOST_CORRECTIONS = (8, 4, 2), 20
_FINE = 4  # images of pairs up to this multiple of `_MOST_FALSE` are aligned finely
_ROWS = 4096  # images in one step, to limit memory
_COMPACT = 0.7  # share of near pairs in a group of duplicates; in a chain of look-alikes less


class NearPairs(NamedTuple):
    """Pairs of near duplicates.

    Attributes
    ----------
    pairs : ndarray of intp, shape (m, 2)
        Ascending in each row.
    correlation : ndarray of float32, shape (m,)
        Correlation of the aligned pixels.
    doubt : ndarray of float32, shape (m,)
        1, or how many times as many of these pairs are expected to be false. A pair with a doubt of
        more than 1 needs further evidence.
    feature_distances : ndarray of float32, shape (m,)
        1 - the cosine similarity of the features.
    """

    pairs: Indices
    correlation: Floats
    doubt: Floats
    feature_distances: Floats


def find_near_pairs(
    grays: Grays,
    features: FeatureRows,
    neighbors: NDArray[np.int32],
    *,
    values: FeatureRows | None,
    n_threads: int,
    random_state: int,
) -> NearPairs:
    """Find the near duplicates among n images.

    Parameters
    ----------
    grays : ndarray or Subset of uint8, shape (n, 48, 48)
        The images as gray squares.
    features : ndarray or Subset of floats, shape (n, d)
        May be memory-mapped.
    neighbors : ndarray of int32, shape (n, k)
        The nearest items in feature space, nearest first. 30 or more find larger groups.
    values : ndarray or Subset of floats, shape (n, c), or None
        Principal components of the features, which rank the candidates in less time.
    n_threads : int
    random_state : int
        Seed of the sample of images for the power law.

    Returns
    -------
    NearPairs
        The pairs that were compared and are near duplicates. Two members of a group need not be a
        pair: connect the pairs.
    """
    n_images = len(grays)
    random = np.random.default_rng(random_state)
    descriptors = describe(grays)
    close = nearest_descriptors(
        descriptors, _N_DESCRIPTOR_NEIGHBORS, random_state=random_state, n_threads=n_threads
    )
    candidates = Candidates(np.concatenate([neighbors[:, :_N_FEATURE_NEIGHBORS], close], axis=1))
    is_complete = len(candidates) <= n_images + _MOST_PAIRS
    sample = random.permutation(n_images)[: n_images if is_complete else _N_SAMPLE]
    is_compared = candidates.is_pair
    if not is_complete:
        ranked = features if values is None else values
        is_compared = _choose_compared(candidates, sample, ranked, descriptors, n_threads=n_threads)
    table = PairTable(grays, features, n_threads=n_threads)
    table.add(candidates.pairs(is_compared))
    likely = _find_likely(table, Groups(np.arange(n_images)), sample)
    groups = Groups(_group_compactly(table, likely, random))
    if not is_complete and _hide_bursts(table, sample, groups, random):
        table.add(candidates.pairs(candidates.is_pair))
        sample = np.arange(n_images)
    bursts = find_bursts(table, random)
    if share_missed(bursts, groups.number) > _MOST_MISSED:
        groups = Groups(bursts.number, count_once=True)
        sample = sample[represents(bursts.number)[sample]]
        table.add(
            pairs_outside(bursts, descriptors, random_state=random_state, n_threads=n_threads)
        )
        likely = _find_likely(table, groups, sample)
    del descriptors  # the memory is needed for the pairs
    suspects = _choose_suspects(table, candidates, likely, groups.number)
    table.add(candidates.pairs_of(suspects))
    table.add(candidates.pairs_beyond(groups, suspects, neighbors[:, _N_FEATURE_NEIGHBORS:]))
    known = np.union1d(sample, suspects)
    if groups.count_once:
        known = known[represents(groups.number)[known]]
    doubt = _find(table, grays, _Law(groups, sample, known), is_complete=is_complete)
    found = np.isfinite(doubt)
    return NearPairs(
        table.pairs[found],
        table.correlations[1, found],
        doubt[found],
        table.feature_distances[found],
    )


def _choose_compared(
    candidates: Candidates,
    sample: Indices,
    values: FeatureRows,
    descriptors: Floats,
    *,
    n_threads: int,
) -> Mask:
    """Return the entries of the sample and the entries with the lowest scores, (n, k)."""
    scores = candidates.rank(values, descriptors, n_threads=n_threads)
    last = len(scores) + _MOST_PAIRS - 1
    limit = np.partition(scores, last, axis=None)[last]
    chosen: Mask = candidates.touch(sample) | (scores <= limit)
    return chosen


def _hide_bursts(
    table: PairTable, sample: Indices, groups: Groups, random: np.random.Generator
) -> bool:
    """Return whether all candidates must be compared, because many images may be in bursts."""
    if table.n_images > _MOST_WITH_BURSTS:
        return False
    return share_hidden(table, sample, groups.number, random) > _MOST_MISSED


class _Law(NamedTuple):
    """What the power law of each measure is fitted to.

    Attributes
    ----------
    groups : Groups
    sample : ndarray of intp
        The images of the exponent.
    known : ndarray of intp
        The images whose pairs are all compared, which have a scale of their own.
    """

    groups: Groups
    sample: Indices
    known: Indices


def _find(table: PairTable, grays: Grays, law: _Law, *, is_complete: bool) -> Floats:
    """Return the doubt that each pair of the table is a near duplicate, (m,): see `NearPairs`.

    The doubt of other pairs is infinite. Likely pairs are aligned finely. The number of aligned
    pairs limits the number of false pairs only if the table is complete.
    """
    n_images = table.n_images
    may_be_near = np.zeros(len(table.pairs), dtype=bool)
    for measure, most_false in enumerate(_MOST_FALSE):
        log_p = _fit_log_p(table, measure, law)
        may_be_near |= choose(log_p, table.pairs, n_images, most_false=_FINE * most_false)
    table.refine(touches(table.pairs, np.unique(table.pairs[may_be_near]), n_images))
    doubt = np.full(len(table.pairs), np.inf, dtype=np.float32)
    for measure, most_false in enumerate(_MOST_FALSE):
        log_p = _fit_log_p(table, measure, law)
        choose_pairs = partial(choose, log_p, table.pairs, n_images)
        chosen = choose_pairs(most_false=most_false, n_corrections=int(is_complete))
        if measure == 0:
            for loose in _LOOSE if is_complete else ():
                possible = choose_pairs(
                    most_false=loose * most_false, n_corrections=_MOST_CORRECTIONS
                )
                doubt[possible] = loose
            which = np.flatnonzero(chosen | np.isfinite(doubt))
            detailed = _are_detailed(grays, table.pairs[which])
            chosen[which] &= detailed
            doubt[which[~detailed]] = np.inf
        doubt[chosen] = 1
    return doubt


def _fit_log_p(table: PairTable, measure: int, law: _Law) -> Floats:
    """Return the logarithm of p of each pair, (m,), by the scales of its two images.

    Images without a scale have a p of 1 with all others.
    """
    distances = table.log_distances(measure)
    scales, exponent = fit(table.pairs, distances, groups=law.groups, of=law.sample)
    scales = fill(scales, law.groups.number, known=law.known)
    return np.asarray(exponent * (distances - scales[table.pairs].mean(axis=1)), dtype=np.float32)


class _Likely(NamedTuple):
    """Which pairs are near by one scale for all images.

    Attributes
    ----------
    is_near, may_be_near : ndarray of bool, shape (m,)
    log_p : ndarray of floats, shape (m,)
        The lower one of both measures.
    limits : list of float
        The largest log distance of the near pairs by each measure.
    """

    is_near: Mask
    may_be_near: Mask
    log_p: NDArray[np.floating[Any]]
    limits: list[float]


def _find_likely(table: PairTable, groups: Groups, sample: Indices) -> _Likely:
    is_near = np.zeros(len(table.pairs), dtype=bool)
    may_be_near = is_near.copy()
    lowest = np.zeros(len(table.pairs))
    limits = []
    for measure, most_false in enumerate(_MOST_FALSE):
        distances = table.log_distances(measure)
        usual, exponent = _usual_law(table, distances, groups, sample)
        log_p = exponent * (distances - usual)
        chosen = choose(log_p, table.pairs, table.n_images, most_false=most_false)
        limits.append(float(distances[chosen].max(initial=-np.inf)))
        is_near |= chosen
        lowest = np.fmin(lowest, log_p)
        may_be_near |= choose(log_p, table.pairs, table.n_images, most_false=_SUSPECT)
    return _Likely(is_near, may_be_near, lowest, limits)


def _group_compactly(table: PairTable, likely: _Likely, random: np.random.Generator) -> Indices:
    """Connect the near pairs; return a number for each image, (n,), equal in a group.

    Chains of look-alikes, whose members are not all near one another, are no groups.
    """
    n_images = table.n_images
    group = connect(n_images, table.pairs[likely.is_near])
    partners = _draw_partners(group, random)
    correlations = table.correlate(partners)
    is_near = np.zeros(len(partners), dtype=bool)
    for measure, limit in enumerate(likely.limits):
        is_near |= table.log_distances_of(measure, partners, correlations) <= limit
    n_groups = group.max(initial=-1) + 1
    drawn = np.bincount(group[partners[:, 0]], minlength=n_groups)
    n_near = np.bincount(group[partners[:, 0]], is_near, minlength=n_groups)
    is_chain = n_near < _COMPACT * drawn
    return np.where(is_chain[group], n_groups + np.arange(n_images), group)


def _usual_law(
    table: PairTable, distances: Floats, groups: Groups, sample: Indices
) -> tuple[float, float]:
    """Return the scale and the exponent of the power law of images without duplicates.

    In a dataset of large groups, most images of the sample have duplicates, which lower the
    exponent of all images: the images with the highest scales have none.
    """
    scales, exponent = fit(table.pairs, distances, groups=groups, of=sample)
    known = sample[np.isfinite(scales[sample])]
    if not len(known):
        return np.nan, exponent
    usual, high = np.quantile(scales[known], [_USUAL, _HIGH])
    alone = known[scales[known] >= high]
    exponent_alone = fit(table.pairs, distances, groups=groups, of=alone)[1]
    return float(usual), max(exponent, exponent_alone)


def _choose_suspects(
    table: PairTable, candidates: Candidates, likely: _Likely, group: Indices
) -> Indices:
    """Return the images that may have duplicates, up to a limit.

    The limit is the number of candidates of the images, which are all aligned: most images may
    have a pair that is near by the common scale. The first image of each group comes first, then
    the second, and of these the images of the most likely pairs.
    """
    may_be_near = np.flatnonzero(likely.may_be_near)
    order = may_be_near[np.argsort(likely.log_p[may_be_near], kind="stable")]
    images, first_seen = np.unique(table.pairs[order].ravel(), return_index=True)
    images = images[np.argsort(first_seen)]
    images = images[np.argsort(rank_in(group)[images], kind="stable")]
    n_pairs = np.cumsum(candidates.is_known[images].sum(axis=1))
    limit = 2 * table.n_images + _MOST_OF_SUSPECTS
    suspects: Indices = np.sort(images[n_pairs <= limit])
    return suspects


def _draw_partners(group: Indices, random: np.random.Generator) -> Indices:
    """Draw three random partners for each of up to 60 members of each group of 3 or more."""
    order = random.permutation(len(group))
    order = order[np.argsort(group[order], kind="stable")]  # by group, shuffled inside
    size = np.bincount(group)
    start = np.cumsum(size) - size
    rank = np.arange(len(group)) - start[group[order]]
    drawing = np.repeat(order[(size[group[order]] >= 3) & (rank < 60)], 3)
    offset = (random.random(len(drawing)) * size[group[drawing]]).astype(np.intp)
    partner = order[start[group[drawing]] + offset]
    pairs: Indices = np.stack([drawing, partner], axis=1)[drawing != partner]
    return pairs


def _are_detailed(grays: Grays, pairs: Indices) -> Mask:
    """Return whether both images of each pair, (m, 2), have enough detail for pixels alone."""
    images, rows = np.unique(pairs, return_inverse=True)
    enough = np.empty(len(images), dtype=bool)
    for block in blocks(len(images), rows_at_once=_ROWS):
        enough[block] = _measure_detail(grays[images[block]]) >= _LEAST_DETAIL
    both = enough[rows].reshape(pairs.shape)
    detailed: Mask = both[:, 0] & both[:, 1]
    return detailed


def _measure_detail(grays: NDArray[np.uint8]) -> Floats:
    """Return the share of an image's 64 blocks that have contrast, compared with the image."""
    rows = grays.reshape(len(grays), 8, 6, 8, 6).astype(np.float32)
    contrast = rows.std(axis=(2, 4)).reshape(len(rows), -1)
    whole = rows.std(axis=(1, 2, 3, 4))
    detail: Floats = (contrast > 0.15 * whole[:, None]).mean(axis=1, dtype=np.float32)
    return detail
