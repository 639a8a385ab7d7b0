"""Space cut into cells: the centroids of a k-means clustering, and which are nearest to a point.

With many cells, comparing a query with each centroid would cost more than comparing it with the
points of the cells that it probes. The centroids then are clustered in groups themselves, each from
the points of one cluster of a coarser clustering, and those of the nearest groups are compared.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from meshtsne import _native

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# A smaller cell wastes more of the 16 points that are compared at a time, and of the queries that
# share a cell's probes; of larger ones a query sees more points that are far away. At a million
# points in 50 dimensions, a recall of .995 takes 9,500 comparisons with cells of 125 points,
# 13,500 with 250, and 24,000 with 1,000.
POINTS_PER_CELL = 128

_TRAINING_POINTS_PER_CELL = 25
_TRAINING_ITERATIONS = 4

# From so many cells on, groups of sqrt(n_cells) pay.
_GROUPED_FROM = 1_024

# Groups to look in, and more of them for each group's worth of cells that is asked for. Of 7,800
# cells in 88 groups the nearest lies in the nearest two for 97 % of the points; and the nearest 70,
# taken from 10 groups, hold .9940 of the neighbours that those taken from 16 groups hold .9946 of.
# The recall is measured behind the whole search.
_GROUPS = 2
_GROUPS_PER_GROUP_ASKED = 10


@dataclass(frozen=True, eq=False)
class Partition:
    """Cells, each given by its centroid.

    Attributes
    ----------
    centroids : ndarray of float32, shape (n_cells, m)
    group : ndarray of int32, shape (n_cells,)
        The group of each centroid.
    group_centroids : ndarray of float32, shape (n_groups, m)
    """

    centroids: NDArray[np.float32]
    group: NDArray[np.int32]
    group_centroids: NDArray[np.float32]

    @classmethod
    def whole(cls, n_dimensions: int) -> Partition:
        """Return the partition of one cell."""
        origin = np.zeros((1, n_dimensions), dtype=np.float32)
        return cls(origin, np.zeros(1, dtype=np.int32), origin)

    @classmethod
    def train(cls, points: NDArray[np.float32], *, seed: int) -> Partition:
        """Cluster a sample of the points into cells of about `POINTS_PER_CELL`."""
        n = len(points)
        n_cells = max(1, round(n / POINTS_PER_CELL))
        n_training = min(n, _TRAINING_POINTS_PER_CELL * n_cells)
        sample = points[np.sort(np.random.RandomState(seed).permutation(n)[:n_training])]
        if n_cells < _GROUPED_FROM:
            centroids = _cluster(sample, n_cells, seed=seed)
            group_centroids = centroids.mean(axis=0, keepdims=True)
            return cls(centroids, np.zeros(len(centroids), dtype=np.int32), group_centroids)
        n_groups = round(np.sqrt(n_cells))
        coarse = sample[:: max(1, n_cells // n_groups)]
        group_centroids = _cluster(coarse, n_groups, seed=seed)
        nearest = _nearest(sample, group_centroids, 1, _native.Pool(1))[:, 0]
        members = [sample[nearest == g] for g in range(n_groups)]
        parts = [
            _cluster(own, max(1, round(n_cells * len(own) / n_training)), seed=seed)
            for own in members
            if len(own)
        ]
        held = [g for g in range(n_groups) if len(members[g])]
        group = np.repeat(np.arange(len(held), dtype=np.int32), [len(part) for part in parts])
        return cls(np.concatenate(parts), group, group_centroids[held])

    def __len__(self) -> int:
        return len(self.centroids)

    def nearest(
        self, queries: NDArray[np.float32], n_cells: int, pool: _native.Pool
    ) -> NDArray[np.int32]:
        """Return the nearest cells of each query, nearest first, shape (n, n_cells).

        A query so far off that its squared distances leave float32's range has -1 throughout.
        """
        n_groups = len(self.group_centroids)
        if n_groups == 1:
            return _nearest(queries, self.centroids, n_cells, pool)
        asked = n_cells * n_groups / len(self)
        return self._nearest_in(
            queries, n_cells, min(n_groups, _GROUPS + ceil(_GROUPS_PER_GROUP_ASKED * asked)), pool
        )

    def _nearest_in(
        self, queries: NDArray[np.float32], n_cells: int, n_groups: int, pool: _native.Pool
    ) -> NDArray[np.int32]:
        """Search so many groups, and more for the queries that find too few centroids there."""
        groups = _nearest(queries, self.group_centroids, n_groups, pool)
        near = np.flatnonzero((groups >= 0).all(axis=1))
        index = _native.CellIndex(self.centroids, self.group, len(self.group_centroids), pool)
        cells = np.full((len(queries), n_cells), -1, dtype=np.int32)
        cells[near] = index.search(
            np.ascontiguousarray(queries[near]), np.ascontiguousarray(groups[near]), n_cells, pool
        )[0]
        short = near[cells[near, -1] < 0]
        if len(short) and n_groups < len(self.group_centroids):
            more = min(2 * n_groups, len(self.group_centroids))
            cells[short] = self._nearest_in(queries[short], n_cells, more, pool)
        return cells


def _cluster(points: NDArray[np.float32], n_cells: int, *, seed: int) -> NDArray[np.float32]:
    """Return the centroids of k-means, shape (n_cells, m)."""
    import faiss

    n_cells = min(n_cells, len(points))
    clustering = faiss.Clustering(points.shape[1], n_cells)
    clustering.niter = _TRAINING_ITERATIONS
    clustering.seed = seed
    clustering.min_points_per_centroid = 1  # FAISS would warn of few points
    clustering.max_points_per_centroid = len(points)
    # The tasks are short: OpenMP's threads would wait for one another longer than they work.
    with faiss_threads(1):
        clustering.train(np.ascontiguousarray(points), faiss.IndexFlatL2(points.shape[1]))
    return np.asarray(faiss.vector_to_array(clustering.centroids)).reshape(n_cells, -1)


def _nearest(
    queries: NDArray[np.float32], centroids: NDArray[np.float32], k: int, pool: _native.Pool
) -> NDArray[np.int32]:
    """Return the nearest centroids of each query, nearest first, by comparing all."""
    everywhere = np.zeros(len(centroids), dtype=np.int32)
    index = _native.CellIndex(centroids, everywhere, 1, pool)
    return index.search(queries, np.zeros((len(queries), 1), dtype=np.int32), k, pool)[0]


@contextmanager
def faiss_threads(n_threads: int) -> Iterator[None]:
    """Let FAISS use this many threads, and give it its own number back afterwards."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(n_threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
