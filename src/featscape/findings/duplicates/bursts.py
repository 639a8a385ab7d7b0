"""Find bursts: groups of many near duplicates, such as the frames of a film.

The power law of a dataset is that of images without duplicates. In a dataset of bursts, no image is
without duplicates, and the power law cannot separate the duplicates. A gap can: the log distance of
an image to the farthest image of its burst is much less than that to the nearest image outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from featscape.findings.duplicates.descriptors import nearest_descriptors
from featscape.findings.duplicates.pair_table import unique_pairs
from featscape.findings.duplicates.power_law import SCALE_RANK, connect, order_by_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.duplicates.pair_table import PairTable

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]

# The distance is at least e times as large after the gap. A power law with an exponent of 3 has
# such a gap after the fourth image with a probability of exp(-3 * 4).
_LEAST_GAP = 1.0
# The least gap if all pairs of an image are before it. The images of a class that look alike, such
# as trousers, are nearer to one another than two images of the dataset, but less so.
_LEAST_FAR_GAP = 2.5
_LEAST_BURST = 4  # images: smaller groups hardly change the exponent
_N_DRAWN = 300  # random pairs, for the usual distance
_N_COMPARED = 3  # images of a burst that are compared with images outside
_N_OUTSIDE = SCALE_RANK + 2
MOST_CANDIDATES = 20  # a picture is compared with about 21 others
# A pair is far if its cosine distance is this multiple of that to the nearest copies: twice the
# Euclidean distance. Smaller distances are noise.
_FAR, _LEAST_DISTANCE = 4.0, 1e-4
_LEAST_SUPPORT = 0.5  # of the pairs of two bursts that are compared if the bursts are copies


class Bursts(NamedTuple):
    """The bursts of n images. An image without a burst counts as a burst of one image.

    Attributes
    ----------
    number : ndarray of intp, shape (n,)
        The number of the burst of each image, from 0 to b - 1.
    first : ndarray of intp, shape (b,)
        The first image of each burst.
    size : ndarray of intp, shape (b,)
        The number of images of each burst.
    """

    number: Indices
    first: Indices
    size: Indices

    @classmethod
    def of(cls, burst: Indices) -> Self:
        """Return the bursts of images with any number, (n,), that is equal in a burst."""
        _, first, number, size = np.unique(
            burst, return_index=True, return_inverse=True, return_counts=True
        )
        return cls(number, first, size)


def find_bursts(table: PairTable, random: np.random.Generator) -> Bursts:
    """Return the bursts of the images; an image with too few pairs is in no burst."""
    far = _usual_distance(table, random)
    logs = table.log_distances(1)
    return Bursts.of(connect_before_gaps(table.n_images, table.pairs, logs, far=far))


def share_hidden(
    table: PairTable, images: Indices, group: Indices, random: np.random.Generator
) -> float:
    """Return the share of some images that may be in a burst, but are in no large group.

    Parameters
    ----------
    table : PairTable
    images : ndarray of intp
        Images whose pairs are all in the table.
    group : ndarray of intp, shape (n,)
        Equal for the members of a group.
    random : Generator
    """
    logs = table.log_distances(1)
    far = _usual_distance(table, random)
    limit = _limits_before_gaps(table.n_images, table.pairs, logs, far=far)
    is_near = logs[:, None] <= limit[table.pairs]
    n_near = np.bincount(table.pairs[is_near], minlength=table.n_images)
    is_hidden = (n_near >= _LEAST_BURST - 1) & (np.bincount(group)[group] < _LEAST_BURST)
    return float(is_hidden[images].mean())


def _usual_distance(table: PairTable, random: np.random.Generator) -> float:
    """Return the median log distance of random pairs."""
    drawn = random.integers(table.n_images, size=(_N_DRAWN, 2)).astype(np.intp)
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    return float(np.median(table.log_distances_of(1, drawn, table.correlate(drawn))))


def connect_before_gaps(
    n_images: int, pairs: Indices, log_distances: Floats, *, far: float
) -> Indices:
    """Return a number for each image, (n_images,), that is equal for the images of a burst.

    Parameters
    ----------
    n_images : int
    pairs : ndarray of intp, shape (m, 2)
    log_distances : ndarray of float32, shape (m,)
    far : float
        The usual log distance of two images. A gap before this distance is a gap too: all pairs of
        an image of a large burst may be in the burst.
    """
    limit = _limits_before_gaps(n_images, pairs, log_distances, far=far)
    burst = connect(n_images, pairs[log_distances <= limit[pairs].min(axis=1)])
    size = np.bincount(burst)
    return np.where(size[burst] >= _LEAST_BURST, burst, len(size) + np.arange(n_images))


def _limits_before_gaps(
    n_images: int, pairs: Indices, log_distances: Floats, *, far: float
) -> Floats:
    """Return the log distance before the last gap of each image, (n,); -inf without a gap."""
    images, logs = order_by_image(pairs.T.ravel(), np.minimum(np.tile(log_distances, 2), far))
    is_last = np.append(images[1:] != images[:-1], True)[: len(images)]
    gap = np.where(is_last, far, np.append(logs[1:], far)[: len(images)]) - logs
    before_gap = np.flatnonzero(gap >= np.where(is_last, _LEAST_FAR_GAP, _LEAST_GAP))
    limit = np.full(n_images, -np.inf, dtype=np.float32)
    limit[images[before_gap]] = logs[before_gap]  # of several gaps of an image, the last one
    limit[np.bincount(images, minlength=n_images) <= SCALE_RANK] = -np.inf
    return limit


def connect_copies(
    n_images: int, pairs: Indices, feature_distances: Floats, is_certain: Mask
) -> Indices:
    """Return a number for each image, (n_images,), equal for those that certain pairs connect.

    Two bursts of other things with the same outline, such as a pot lid and a peach on white, have
    some pairs that correlate like copies. Their features are farther than those of the frames of
    either burst. Such far pairs connect two bursts only if many pairs of the bursts are near, as
    for a burst and its mirror images.

    Parameters
    ----------
    n_images : int
    pairs : ndarray of intp, shape (m, 2)
        All near pairs.
    feature_distances : ndarray of float32, shape (m,)
        1 - the cosine similarity of the features of each pair.
    is_certain : ndarray of bool, shape (m,)
        Whether the pair connects two images; the other pairs only support a connection.
    """
    nearest = np.full(n_images, np.inf, dtype=np.float32)
    for images in pairs[is_certain].T:
        np.minimum.at(nearest, images, np.maximum(feature_distances[is_certain], _LEAST_DISTANCE))
    is_far = feature_distances > _FAR * nearest[pairs].max(axis=1)
    core = connect(n_images, pairs[is_certain & ~is_far])
    cores = np.sort(core[pairs], axis=1)
    _, number, count = np.unique(cores, axis=0, return_inverse=True, return_counts=True)
    size = np.bincount(core)[cores]
    # all candidates of an image of a large burst may be in the burst
    n_outside = (size * np.maximum(MOST_CANDIDATES - size, 0)).sum(axis=1)
    least = _LEAST_SUPPORT * np.minimum(size.prod(axis=1), n_outside)
    is_supported = count[number.ravel()] >= np.maximum(least, _LEAST_BURST)
    is_supported |= size.min(axis=1, initial=_LEAST_BURST) < _LEAST_BURST
    return connect(n_images, pairs[is_certain & (~is_far | is_supported)])


def share_missed(bursts: Bursts, group: Indices) -> float:
    """Return the share of the images that are in a burst, and in another group than the burst."""
    number, first, size = bursts
    is_missed = (size[number] > 1) & (group != group[first[number]])
    return float(is_missed.mean())


def pairs_outside(
    bursts: Bursts, descriptors: Floats, *, random_state: int, n_threads: int
) -> Indices:
    """Return pairs of some images of each burst and images outside, (m, 2), ascending.

    All candidates of the images of a large burst may be in the burst. The images outside are the
    nearest by descriptor among one image of each burst and all images without a burst.
    """
    number, first, size = bursts
    nearest = nearest_descriptors(
        descriptors[first],
        _N_OUTSIDE,
        of=size > 1,
        random_state=random_state,
        n_threads=n_threads,
    )  # (b, 12)
    compared = np.flatnonzero(represents(number) & (size[number] > 1))
    others = first[nearest[number[compared]]]
    pairs = np.stack([np.repeat(compared, others.shape[1]), others.ravel()], axis=1)
    return unique_pairs(pairs[number[pairs[:, 0]] != number[pairs[:, 1]]])


def represents(burst: Indices) -> Mask:
    """Return a mask of the first three images of each burst, shape (n,).

    Only these images of a burst are compared with images outside the burst.
    """
    return rank_in(burst) < _N_COMPARED


def rank_in(group: Indices) -> Indices:
    """Return how many earlier elements have the same group as each element."""
    order = np.argsort(group, kind="stable")
    size = np.bincount(group)
    rank = np.empty(len(group), dtype=np.intp)
    rank[order] = np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)
    return rank
