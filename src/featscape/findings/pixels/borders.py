"""Find images whose borders differ from the borders of most images.

A photograph among drawings on white, a picture with a frame or with black bars: such images may
come from another source, also if the network sees the same objects in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.spaces import blocks
from featscape.threads import map_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.pixels.survey import Survey

_BORDER_PX = 3  # of the gray squares of 48 pixels
_QUANTILES = (0.05, 0.95)  # of the gray levels of a border
_LEAST_SPREAD = 0.02  # gray levels; all borders may be white
_FARTHEST = 3.0  # spreads; levels that differ by more are equally unusual
_N_SAMPLED, _SHARE = 500, 0.05  # 2,000 sampled images find the same images
_LEAST_DISTANCE = 0.02  # spreads; borders that are closer are equal
_CUT = 2.0  # interquartile ranges above the third quartile
_LEAST_ITEMS = 20
_MOST_LISTED = 18


def find_unusual_borders(survey: Survey, *, random_state: int, n_threads: int) -> tuple[int, ...]:
    """Return the images whose borders differ most from the others, the most different first.

    A border is described by the mean, the standard deviation, the 5 % and the 95 % quantile of its
    gray levels. The distance of an image is the distance to the nearest 5 % of the borders, so that
    a few images with equal borders are found, too. At most 18 images are returned, and only images
    whose logarithmic distance is an outlier.

    Parameters
    ----------
    survey : Survey
        Of n images.
    random_state : int
        Seed of the random images that the borders are compared with.
    n_threads : int
    """
    n_images = len(survey.grays)
    if n_images < _LEAST_ITEMS:
        return ()
    values = _describe(survey.grays, n_threads)
    sample = np.random.default_rng(random_state).permutation(n_images)[:_N_SAMPLED]
    distances = np.log(np.maximum(_distances(values, values[sample], n_threads), _LEAST_DISTANCE))
    low, high = np.quantile(distances, [0.25, 0.75])
    order = np.argsort(-distances, kind="stable")[:_MOST_LISTED]
    return tuple(order[distances[order] > high + _CUT * (high - low)].tolist())


def _describe(grays: NDArray[np.uint8], n_threads: int) -> NDArray[np.float32]:
    """Return four values of the border of each image in units of their spread, (n, 4)."""
    is_border = np.ones(grays.shape[1:], dtype=bool)
    is_border[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = False
    values = np.empty((len(grays), 4), dtype=np.float32)

    def describe(block: slice) -> None:
        levels = grays[block][:, is_border].astype(np.float32) / 255
        values[block, 0], values[block, 1] = levels.mean(axis=1), levels.std(axis=1)
        values[block, 2:] = np.quantile(levels, _QUANTILES, axis=1).T

    map_parts(describe, blocks(len(grays)), n_threads=n_threads)
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
    scaled = (values - middle) / np.maximum(high - low, _LEAST_SPREAD)
    return np.asarray(np.clip(scaled, -_FARTHEST, _FARTHEST), dtype=np.float32)


def _distances(
    values: NDArray[np.float32], sample: NDArray[np.float32], n_threads: int
) -> NDArray[np.float64]:
    """Return the distance of each row to the nearest 5 % of the sample, (n,)."""
    from scipy.spatial.distance import cdist

    rank = max(3, int(_SHARE * len(sample)))  # 3: two images with equal borders are unusual, too
    distances = np.empty(len(values))

    def compare(block: slice) -> None:
        distances[block] = np.partition(cdist(values[block], sample), rank, axis=1)[:, rank]

    map_parts(compare, blocks(len(values), rows_at_once=512), n_threads=n_threads)
    return distances
