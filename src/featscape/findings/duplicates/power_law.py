"""The power law of the distances of an image to images that are not its duplicates.

Under a power law with exponent m, the share of the candidates that are nearer than a distance d is
``p = (d / scale) ** m``. The number of pairs that are expected to be so near by chance follows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]

# The scale of an image is its distance to the candidate of this rank, counted from 0 and without
# its duplicates. The exponent of the power law comes from the ranks between the two.
_FIRST_RANK, SCALE_RANK = 3, 10
# The limit of the expected number of false pairs, see `_overestimate`: pairs that are compared, and
# a margin that leaves datasets unchanged whose distances follow the power law.
_LEAST_COMPARED, _MARGIN = 30, 1.25


class Groups(NamedTuple):
    """Provisional groups of n images, whose members are duplicates of one another.

    Attributes
    ----------
    number : ndarray of intp, shape (n,)
        Equal for the members of a group.
    count_once : bool
        Whether the members of a group are one image for the images outside. If most images have
        many duplicates, so have the images at each rank, which are then equally far.
    """

    number: Indices
    count_once: bool = False

    @property
    def identity(self) -> Indices:
        """Equal for images that count once for an image outside, (n,)."""
        return self.number if self.count_once else np.arange(len(self.number))


def fit(
    pairs: Indices, log_distances: Floats, *, groups: Groups, of: Indices
) -> tuple[Floats, float]:
    """Return the scale of each of n images, and the exponent of the power law of the images `of`.

    The scale is the log distance at rank 10, and NaN for images with fewer pairs. Under a power law
    with exponent m, the log distance at rank 10 exceeds that at rank j by the harmonic number
    H(10) - H(j), divided by m, on average.

    Parameters
    ----------
    pairs : ndarray of intp, shape (m, 2)
    log_distances : ndarray of float32, shape (m,)
    groups : Groups
        The pairs of members of a group are left out.
    of : ndarray of intp
        Images.
    """
    n_images = len(groups.number)
    images, logs = _sort_by_image(pairs, log_distances, groups)
    counts = np.bincount(images, minlength=n_images)
    start = np.cumsum(counts) - counts
    enough = counts > SCALE_RANK
    scales = np.full(n_images, np.nan, dtype=np.float32)
    scales[enough] = logs[start[enough] + SCALE_RANK]
    used = of[enough[of]]
    if not len(used):
        return scales, math.nan
    ranks = np.arange(SCALE_RANK + 1)
    return scales, exponent_of(logs[start[used][:, None] + ranks])


def _sort_by_image(pairs: Indices, log_distances: Floats, groups: Groups) -> tuple[Indices, Floats]:
    """Return both images of the pairs that `fit` uses, ascending, and their log distances.

    The log distances of each image ascend too.
    """
    images, others = np.concatenate([pairs, pairs[:, ::-1]]).T
    used = np.flatnonzero(groups.number[images] != groups.number[others])
    if groups.count_once:
        n_numbers = groups.number.max(initial=0) + 1  # may exceed the number of images
        key = images[used] * n_numbers + groups.number[others[used]]
        used = used[np.unique(key, return_index=True)[1]]
    return order_by_image(images[used], np.tile(log_distances, 2)[used])


def order_by_image(images: Indices, log_distances: Floats) -> tuple[Indices, Floats]:
    """Return the images, ascending, and their log distances, which ascend for each image."""
    order = np.lexsort((log_distances, images))
    return images[order], log_distances[order]


def connect(n_images: int, pairs: Indices) -> Indices:
    """Return the number of the connected component of each image, shape (n_images,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(n_images, n_images))
    component: Indices = connected_components(links, directed=False)[1].astype(np.intp)
    return component


def exponent_of(log_distances: Floats) -> float:
    """Return the exponent of the power law by the log distances at the ranks from 0 to 10.

    Parameters
    ----------
    log_distances : ndarray of float32, shape (m, 11) or more
        Of m images, ascending in each row.
    """
    ranks = np.arange(_FIRST_RANK, SCALE_RANK)
    gap = np.median(log_distances[:, SCALE_RANK] - log_distances[:, ranks].mean(axis=1))
    harmonic = np.cumsum(1 / np.arange(1, SCALE_RANK + 2))
    exponent = np.mean(harmonic[SCALE_RANK] - harmonic[ranks]) / max(float(gap), 1e-6)
    return float(exponent)


def fill(scales: Floats, group: Indices, *, known: Indices) -> Floats:
    """Return scales without NaN: an image without a scale has the median scale of its group.

    If the group has no scale, an image that is `known` has the median of all scales, and another
    image has -inf.

    Parameters
    ----------
    scales : ndarray of float32, shape (n,)
        Scales of images that are not `known` are ignored: not all of their pairs are compared.
    group : ndarray of intp, shape (n,)
    known : ndarray of intp
        Images.
    """
    filled = np.full(len(scales), -np.inf, dtype=np.float32)
    finite = known[np.isfinite(scales[known])]
    if not len(finite):
        return filled
    filled[known] = np.median(scales[finite])
    ordered = finite[np.lexsort((scales[finite], group[finite]))]
    size = np.bincount(group[finite], minlength=group.max(initial=-1) + 1)
    start = np.cumsum(size) - size
    of_group = group[size[group] > 0]
    low = ordered[start[of_group] + (size[of_group] - 1) // 2]
    high = ordered[start[of_group] + size[of_group] // 2]
    filled[size[group] > 0] = (scales[low] + scales[high]) / 2
    filled[finite] = scales[finite]
    return filled


def choose(
    log_p: Floats,
    pairs: Indices,
    n_images: int,
    *,
    most_false: float,
    n_corrections: int = 0,
) -> Mask:
    """Return the nearest pairs of which at most the share `most_false` is expected to be false.

    The law expects ``n / 2 * 10 * p`` pairs at random, because p is a share of ten candidates. They
    are compared with half the number of images in pairs, because the many pairs of one large group
    must not excuse false pairs elsewhere.

    Parameters
    ----------
    log_p : ndarray of float32, shape (m,)
        NaN counts as a p of 1.
    pairs : ndarray of intp, shape (m, 2)
    n_images : int
    most_false : float
    n_corrections : int
        How often the expected numbers are divided by `_overestimate`: once by all pairs, and then
        without the pairs that are already chosen.
    """
    p = np.exp(np.minimum(np.where(np.isnan(log_p), 0, log_p), 0))
    order = np.argsort(p, kind="stable")
    expected = n_images / 2 * SCALE_RANK * p[order]
    first_seen = np.unique(pairs[order].ravel(), return_index=True)[1] // 2
    n_seen = np.cumsum(np.bincount(first_seen, minlength=len(order)))
    n_chosen, overestimate = 0, 1.0
    for correction in range(n_corrections + 1):
        if correction:
            n_left = 0 if correction == 1 else n_chosen
            n_false = expected[n_left - 1] / overestimate if n_left else 0.0
            overestimate = max(overestimate, _overestimate(expected, n_left, n_false))
        passing = np.flatnonzero(expected / overestimate <= most_false * n_seen / 2)
        n_before, n_chosen = n_chosen, passing[-1] + 1 if len(passing) else 0
        if correction > 1 and n_chosen == n_before:
            break
    chosen = np.zeros(len(p), dtype=bool)
    chosen[order[:n_chosen]] = True
    return chosen


def _overestimate(
    expected: NDArray[np.floating[Any]], n_chosen: int = 0, n_false: float = 0
) -> float:
    """Return how many times too high the expected numbers of false pairs are at least.

    The number of pairs up to a distance is an upper limit of the number of false pairs. The pairs
    that are already chosen are not counted, except for the number that is expected to be false. In
    datasets of images that all look alike, such as digits, there are fewer pairs than the power law
    expects.

    Parameters
    ----------
    expected : ndarray, shape (m,)
        The expected number of false pairs that are as near as each pair, ascending.
    n_chosen : int
        The number of the first pairs that are chosen.
    n_false : float
        The number of chosen pairs that are expected to be false.
    """
    count = np.maximum(np.arange(1, len(expected) + 1) - n_chosen, 0) + n_false
    highest = (count + 2 * np.sqrt(count)) / np.maximum(expected, 1e-9)
    lowest = highest[max(_LEAST_COMPARED - 1, n_chosen) :].min(initial=np.inf)
    return max(1.0, 1 / (_MARGIN * float(lowest)))
