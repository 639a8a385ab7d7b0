"""Find near duplicates: edited copies of the same picture.

Candidates are the nearest images in feature space, and the nearest by a descriptor of 12 x 12 gray
levels, plain or mirrored. `alignment` compares the pixels of a pair. The threshold adapts to each
image: the distances of an image to images that are not its duplicates follow a power law, and a
pair is a duplicate if the law expects practically no pair so near among all images. So the digits
of a dataset of digits, which all look alike, are not duplicates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featscape.findings.duplicates.alignment import Aligner
from featscape.findings.duplicates.descriptors import (
    describe,
    descriptor_distances,
    nearest_descriptors,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.duplicates.subset import FeatureRows, Grays

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]

_N_FEATURE_NEIGHBORS = 15
_N_DESCRIPTOR_NEIGHBORS = 6
# The scale of an image is its distance to the candidate of this rank, counted from 0 and without
# its duplicates. The exponent of the power law comes from the ranks between the two.
_FIRST_RANK, _SCALE_RANK = 3, 10
# Most expected share of false pairs among the pairs found by the correlation of pixels, and by the
# geometric mean of the distances of pixels and of features. Estimates are too high by about ten.
_MOST_FALSE = (0.1, 0.01)
# The limit of the expected number of false pairs, see `_overestimate`: pairs that are compared, and
# a margin that leaves datasets unchanged whose distances follow the power law.
_LEAST_COMPARED, _MARGIN = 30, 1.25
_LEAST_PIXEL_DISTANCE, _LEAST_FEATURE_DISTANCE = 2e-5, 1e-4  # compression noise
# Pixels alone decide only if both images have contrast in this share of their blocks: any two
# pictures of a single edge are equal after alignment.
_LEAST_DETAIL = 0.3
_N_SAMPLE = 500  # images for the power law
_MOST_PAIRS = 30_000  # pairs to align, in addition to one per image
# Quantile of the scales that represents images without duplicates, also if most images have some
_USUAL = 0.9
_SUSPECT = 1.0  # images of pairs up to this expected share of false pairs get exact scales
# Most pairs of these images, in addition to two per image; the most likely images come first.
_MOST_OF_SUSPECTS = 60_000
_FINE = 4  # images of pairs up to this multiple of `_MOST_FALSE` are aligned finely
_ROWS = 4096  # pairs or images in one step, to limit memory
_COMPACT = 0.7  # share of near pairs in a group of duplicates; in a chain of look-alikes less


class NearPairs(NamedTuple):
    """Pairs of near duplicates.

    Attributes
    ----------
    pairs : ndarray of intp, shape (m, 2)
        Ascending in each row.
    correlation : ndarray of float32, shape (m,)
        Correlation of the aligned pixels.
    """

    pairs: Indices
    correlation: Floats


def find_near_pairs(
    grays: Grays,
    features: FeatureRows,
    neighbors: NDArray[np.int32],
    *,
    n_threads: int = 1,
    random_state: int = 0,
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
    close = nearest_descriptors(descriptors, _N_DESCRIPTOR_NEIGHBORS, random_state=random_state)
    pairs = unique_pairs(neighbors[:, :_N_FEATURE_NEIGHBORS], close)
    table = _PairTable(grays, features, pairs, n_threads=n_threads)
    sample = random.permutation(n_images)[:_N_SAMPLE]
    in_sample = np.isin(pairs, sample).any(axis=1)
    likely = np.argsort(np.argsort(_cheap_scores(table, descriptors), kind="stable"))
    table.align(in_sample | (likely < n_images + _MOST_PAIRS))
    if table.aligned.all():
        sample = np.arange(n_images)

    group, suspects = _group_provisionally(table, sample, random)
    table.add(_pairs_beyond(table, group, suspects, neighbors[:, _N_FEATURE_NEIGHBORS:]))
    table.align(table.touches(suspects) & ~table.aligned)
    known = np.union1d(sample, suspects)
    may_be_near = np.zeros(len(table.pairs), dtype=bool)
    for measure, most_false in enumerate(_MOST_FALSE):
        log_p = _fit_log_p(table, measure, group, sample, known)
        may_be_near |= _choose(log_p, table.pairs, n_images, most_false=_FINE * most_false)
    table.align(table.touches(np.unique(table.pairs[may_be_near])), is_fine=True)
    found = np.zeros(len(table.pairs), dtype=bool)
    for measure, most_false in enumerate(_MOST_FALSE):
        log_p = _fit_log_p(table, measure, group, sample, known)
        chosen = _choose(log_p, table.pairs, n_images, most_false=most_false, is_corrected=True)
        found |= chosen & table.detailed() if measure == 0 else chosen
    return NearPairs(table.pairs[found], table.correlations[1, found])


class _PairTable:
    """Pairs of images with their distances. Pairs are aligned and added on demand."""

    def __init__(
        self, grays: Grays, features: FeatureRows, pairs: Indices, *, n_threads: int
    ) -> None:
        self.n_images = len(grays)
        self.pairs = pairs
        # of all pixels, and without the pixels that differ most; NaN for pairs that are not aligned
        self.correlations = np.full((2, len(pairs)), np.nan, dtype=np.float32)
        self._features = features
        self._aligner = Aligner(grays)
        self._n_threads = n_threads
        self._detail = _measure_detail(grays)
        self.cosine = _cosine_distances(features, pairs)

    @property
    def aligned(self) -> Mask:
        """Whether the pixels of each of the m pairs were compared, shape (m,)."""
        aligned: Mask = ~np.isnan(self.correlations[0])
        return aligned

    def touches(self, items: Indices) -> Mask:
        """Return whether each pair has an image of `items`, shape (m,)."""
        is_item = np.zeros(self.n_images, dtype=bool)
        is_item[items] = True
        touches: Mask = is_item[self.pairs[:, 0]] | is_item[self.pairs[:, 1]]
        return touches

    def align(self, which: Mask, *, is_fine: bool = False) -> None:
        """Compare the pixels of the pairs of a mask, shape (m,)."""
        self.correlations[:, which] = self.correlate(self.pairs[which], is_fine=is_fine)

    def add(self, pairs: Indices) -> None:
        """Add pairs, shape (k, 2), that are not aligned yet; ignore pairs that are in the table."""
        key, own = (p[:, 0] * self.n_images + p[:, 1] for p in (pairs, self.pairs))
        pairs = pairs[~np.isin(key, own)]
        self.pairs = np.concatenate([self.pairs, pairs])
        self.cosine = np.concatenate([self.cosine, _cosine_distances(self._features, pairs)])
        unknown = np.full((2, len(pairs)), np.nan, dtype=np.float32)
        self.correlations = np.concatenate([self.correlations, unknown], axis=1)

    def log_distances(self, measure: int) -> Floats:
        """Return log distances, (m,): of pixels (0), or of both (1). NaN: not aligned."""
        return _log_distances(measure, self.correlations, self.cosine)

    def log_distances_of(self, measure: int, pairs: Indices, correlations: Floats) -> Floats:
        """Return log distances, (k,), of pairs, (k, 2), with correlations (2, k)."""
        return _log_distances(measure, correlations, _cosine_distances(self._features, pairs))

    def correlate(self, pairs: Indices, *, is_fine: bool = False) -> Floats:
        """Return the correlations of the aligned pixels of pairs, (2, m)."""
        aligned = self._aligner.align(pairs, is_fine=is_fine, n_threads=self._n_threads)
        return np.stack([aligned.plain, aligned.correlation])

    def detailed(self) -> Mask:
        """Return whether both images of each pair have enough detail for pixels alone, (m,)."""
        enough = self._detail[self.pairs] >= _LEAST_DETAIL
        both: Mask = enough[:, 0] & enough[:, 1]
        return both


def unique_pairs(*neighbors: NDArray[np.integer[Any]]) -> Indices:
    """Return the pairs of each row with its neighbors, (m, 2), ascending, each pair once."""
    n_images = len(neighbors[0])
    both = np.concatenate(neighbors, axis=1).astype(np.intp)
    item = np.repeat(np.arange(n_images), both.shape[1])
    low, high = np.minimum(item, both.ravel()), np.maximum(item, both.ravel())
    key = np.unique((low * n_images + high)[low < high])
    return np.stack([key // n_images, key % n_images], axis=1)


def _cheap_scores(table: _PairTable, descriptors: Floats) -> Floats:
    """Return a score of each pair without alignment; duplicates have low scores."""
    scores = []
    for distance in (table.cosine, descriptor_distances(descriptors, table.pairs)):
        logs = np.log(np.maximum(distance, 1e-3))
        scales, exponent = _fit(table.n_images, table.pairs, logs, of=np.arange(table.n_images))
        scales = np.where(np.isnan(scales), np.nanmedian(scales), scales)
        scores.append(exponent * (logs - scales[table.pairs].mean(axis=1)))
    lowest: Floats = np.minimum(*scores)
    return lowest


def _fit(
    n_images: int, pairs: Indices, log_distances: Floats, *, of: Indices
) -> tuple[Floats, float]:
    """Return the scale of each image, and the exponent of the power law of the images `of`.

    The scale is the log distance at rank 10, and NaN for images with fewer pairs. Under a power law
    with exponent m, the log distance at rank 10 exceeds that at rank j by the harmonic number
    H(10) - H(j), divided by m, on average.
    """
    items = pairs.T.ravel()
    logs = np.tile(log_distances, 2)
    order = np.lexsort((logs, items))
    items, logs = items[order], logs[order]
    start = np.searchsorted(items, np.arange(n_images))
    enough = np.bincount(items, minlength=n_images) > _SCALE_RANK
    scales = np.full(n_images, np.nan, dtype=np.float32)
    scales[enough] = logs[start[enough] + _SCALE_RANK]
    used = np.intersect1d(np.flatnonzero(enough), of)
    if not len(used):
        return scales, math.nan
    ranks = np.arange(_FIRST_RANK, _SCALE_RANK)
    gap = np.median(scales[used] - logs[start[used][:, None] + ranks].mean(axis=1))
    harmonic = np.cumsum(1 / np.arange(1, _SCALE_RANK + 2))
    exponent = np.mean(harmonic[_SCALE_RANK] - harmonic[ranks]) / max(gap, 1e-6)
    return scales, float(exponent)


def _fit_log_p(
    table: _PairTable, measure: int, group: Indices, sample: Indices, known: Indices
) -> Floats:
    """Return the logarithm of p of each pair, (m,), by the scales of its two images.

    The power law is fitted to the pairs of different groups. Images that are not `known` have no
    scale, and their pairs have a p of 1.
    """
    outside = table.aligned & (group[table.pairs[:, 0]] != group[table.pairs[:, 1]])
    distances = table.log_distances(measure)
    scales, exponent = _fit(table.n_images, table.pairs[outside], distances[outside], of=sample)
    scales = _fill(scales, group, known=known)
    return np.asarray(exponent * (distances - scales[table.pairs].mean(axis=1)), dtype=np.float32)


def _fill(scales: Floats, group: Indices, *, known: Indices) -> Floats:
    """Return scales without NaN: of the group, or of all images; -inf for images not `known`."""
    filled = np.full(len(scales), -np.inf, dtype=np.float32)
    filled[known] = scales[known]
    missing = np.flatnonzero(np.isnan(filled))
    usual = np.nanmedian(scales) if np.isfinite(scales).any() else -np.inf
    filled[missing] = usual
    for number in np.unique(group[missing]):
        members = np.flatnonzero(group == number)
        if np.isfinite(scales[members]).any():
            filled[np.intersect1d(members, missing)] = np.nanmedian(scales[members])
    return filled


def _choose(
    log_p: Floats,
    pairs: Indices,
    n_images: int,
    *,
    most_false: float,
    is_corrected: bool = False,
) -> Mask:
    """Return the nearest pairs of which at most the share `most_false` is expected to be false.

    The law expects ``n / 2 * 10 * p`` pairs at random, because p is a share of ten candidates. They
    are compared with half the number of images in pairs, because the many pairs of one large group
    must not excuse false pairs elsewhere.
    """
    p = np.exp(np.minimum(np.where(np.isnan(log_p), 0, log_p), 0))
    order = np.argsort(p, kind="stable")
    expected = n_images / 2 * _SCALE_RANK * p[order]
    if is_corrected:
        expected /= _overestimate(expected)
    first_seen = np.unique(pairs[order].ravel(), return_index=True)[1] // 2
    n_seen = np.cumsum(np.bincount(first_seen, minlength=len(pairs)))
    passing = np.flatnonzero(expected <= most_false * n_seen / 2)
    chosen = np.zeros(len(p), dtype=bool)
    chosen[order[: passing[-1] + 1 if len(passing) else 0]] = True
    return chosen


def _overestimate(expected: NDArray[np.floating[Any]]) -> float:
    """Return how many times too high the expected numbers of false pairs are at least.

    The number of all pairs up to a distance, duplicates included, is an upper limit of the number
    of false pairs. In datasets of images that all look alike, such as digits, there are fewer pairs
    than the power law expects.

    Parameters
    ----------
    expected : ndarray, shape (m,)
        The expected number of false pairs that are as near as each pair, ascending.
    """
    count = np.arange(1, len(expected) + 1)
    highest = (count + 2 * np.sqrt(count)) / np.maximum(expected, 1e-9)
    lowest = highest[_LEAST_COMPARED - 1 :].min(initial=np.inf)
    return max(1.0, 1 / (_MARGIN * float(lowest)))


def _group_provisionally(
    table: _PairTable, sample: Indices, random: np.random.Generator
) -> tuple[Indices, Indices]:
    """Group the images by one scale for all; the members of a group then do not set its scales.

    Returns
    -------
    group : ndarray of intp, shape (n,)
        Equal for members of a group. Chains of look-alikes, whose members are not all near one
        another, are no groups.
    suspects : ndarray of intp
        The images that may have duplicates.
    """
    n_images, aligned = table.n_images, table.aligned
    near = np.zeros(len(table.pairs), dtype=bool)
    may_be_near = near.copy()
    lowest = np.zeros(len(table.pairs))
    limits = []
    for measure, most_false in enumerate(_MOST_FALSE):
        distances = table.log_distances(measure)
        scales, exponent = _fit(n_images, table.pairs[aligned], distances[aligned], of=sample)
        known = scales[sample][np.isfinite(scales[sample])]
        usual = np.quantile(known, _USUAL) if len(known) else np.nan
        log_p = exponent * (distances - usual)
        chosen = _choose(log_p, table.pairs, n_images, most_false=most_false)
        limits.append(distances[chosen].max(initial=-np.inf))
        near |= chosen
        lowest = np.fmin(lowest, log_p)
        may_be_near |= _choose(log_p, table.pairs, n_images, most_false=_SUSPECT)
    group = connect(n_images, table.pairs[near])
    partners = _draw_partners(group, random)
    correlations = table.correlate(partners)
    is_near = np.zeros(len(partners), dtype=bool)
    for measure, limit in enumerate(limits):
        is_near |= table.log_distances_of(measure, partners, correlations) <= limit
    n_groups = group.max(initial=-1) + 1
    drawn = np.bincount(group[partners[:, 0]], minlength=n_groups)
    n_near = np.bincount(group[partners[:, 0]], is_near, minlength=n_groups)
    is_chain = n_near < _COMPACT * drawn
    group = np.where(is_chain[group], n_groups + np.arange(n_images), group)
    return group, _choose_suspects(table, np.flatnonzero(may_be_near), lowest)


def _choose_suspects(
    table: _PairTable, may_be_near: Indices, log_p: NDArray[np.floating[Any]]
) -> Indices:
    """Return the images of the pairs `may_be_near`, the most likely pairs first, up to a limit.

    The limit is the number of pairs of the images, which are all aligned: most images of a dataset
    may have a pair that is near by the common scale.
    """
    order = may_be_near[np.argsort(log_p[may_be_near], kind="stable")]
    images, first_seen = np.unique(table.pairs[order].ravel(), return_index=True)
    images = images[np.argsort(first_seen)]
    n_pairs = np.cumsum(np.bincount(table.pairs.ravel(), minlength=table.n_images)[images])
    limit = 2 * table.n_images + _MOST_OF_SUSPECTS
    suspects: Indices = np.sort(images[n_pairs <= limit])
    return suspects


def connect(n_images: int, pairs: Indices) -> Indices:
    """Return the number of the connected component of each image, shape (n_images,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(n_images, n_images))
    component: Indices = connected_components(links, directed=False)[1].astype(np.intp)
    return component


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


def _pairs_beyond(
    table: _PairTable, group: Indices, suspects: Indices, further: NDArray[np.int32]
) -> Indices:
    """Return pairs of suspects with further neighbors, so that each has enough outside its group.

    Members of a group as large as the number of candidates have no candidates outside.
    """
    outside = table.pairs[group[table.pairs[:, 0]] != group[table.pairs[:, 1]]]
    missing = _SCALE_RANK + 1 - np.bincount(outside.ravel(), minlength=table.n_images)
    needy = suspects[missing[suspects] > 0]
    is_outside = group[further[needy]] != group[needy][:, None]
    used = is_outside & (np.cumsum(is_outside, axis=1) <= missing[needy][:, None])
    pairs = np.stack([np.repeat(needy, used.sum(axis=1)), further[needy][used]], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.intp)


def _log_distances(measure: int, correlations: Floats, cosine: Floats) -> Floats:
    """Return log distances of pixels (0), or of pixels and features (1).

    A caption hardly changes the features. The pixels that differ most, such as those of a caption,
    are ignored only where the features support the pair.
    """
    pixels: Floats = np.log(np.maximum(1 - correlations[measure], _LEAST_PIXEL_DISTANCE))
    if measure == 0:
        return pixels
    both = (pixels + np.log(np.maximum(cosine, _LEAST_FEATURE_DISTANCE))) / 2
    return both.astype(np.float32, copy=False)


def _cosine_distances(features: FeatureRows, pairs: Indices) -> Floats:
    """Return 1 - the cosine similarity of each pair; the features may be a memory map."""
    distances = np.empty(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), _ROWS):
        first, second = (
            np.asarray(features[items], np.float32) for items in pairs[start : start + _ROWS].T
        )
        product = np.einsum("pd,pd->p", first, second)
        norm = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        distances[start : start + _ROWS] = 1 - product / np.maximum(norm, 1e-12)
    return distances


def _measure_detail(grays: Grays) -> Floats:
    """Return the share of an image's 64 blocks that have contrast, compared with the image."""
    detail = np.empty(len(grays), dtype=np.float32)
    for start in range(0, len(grays), _ROWS):
        block = grays[start : start + _ROWS]
        rows = block.reshape(len(block), 8, 6, 8, 6).astype(np.float32)
        contrast = rows.std(axis=(2, 4)).reshape(len(rows), -1)
        whole = rows.std(axis=(1, 2, 3, 4))
        detail[start : start + _ROWS] = (contrast > 0.15 * whole[:, None]).mean(axis=1)
    return detail
