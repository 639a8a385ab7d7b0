"""Find the points that move between maps of subsamples."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from featscape import TSNE
from featscape.findings.spaces import search_all_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 30
N_MAPS, KEPT = 10, 0.8
FAR = 0.35  # radii of the map from the old neighbors, for an item that has moved


def find_moved(
    values: NDArray[np.float32], whole: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the 10 % with the least common neighbors in ten maps, and the points that moved.

    A point has moved if it is farther than .35 radii of the map from the median of its neighbors
    on the whole map, in at least 30 % of the maps.
    """
    random = np.random.default_rng(0)
    n = len(values)
    neighbors = search_all_pairs(whole, NEAR).indices
    maps = []
    moved, counted = np.zeros(n), np.zeros(n)
    for seed in range(N_MAPS):
        used = np.sort(random.permutation(n)[: int(KEPT * n)])
        positions = np.full((n, 2), np.nan)
        positions[used] = TSNE(perplexity=30, random_state=seed).fit_transform(values[used])
        near = used[search_all_pairs(positions[used].astype(np.float32), 2 * NEAR).indices]
        is_near = np.zeros((n, n), dtype=bool)
        is_near[used[:, None], near] = True
        maps.append((used, near[:, :NEAR], is_near))
        center = np.nanmedian(positions[neighbors[used]], axis=1)
        radius = np.sqrt(np.nanmean((positions - np.nanmean(positions, axis=0)) ** 2))
        moved[used] += np.linalg.norm(positions[used] - center, axis=1) > FAR * radius
        counted[used] += 1
    kept, compared = np.zeros(n), np.zeros(n)
    for one, other in permutations(maps, 2):
        used, near, _ = one
        both = np.isin(used, other[0])
        rows, known = used[both], np.isin(near[both], other[0])
        kept[rows] += (other[2][rows[:, None], near[both]] & known).sum(1) / known.sum(1).clip(1)
        compared[rows] += 1
    stability = kept / compared.clip(1)
    return stability <= np.quantile(stability, 0.1), moved / counted.clip(1) >= 0.3
