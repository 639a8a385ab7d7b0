"""Find the k nearest neighbors: over all pairs for few items, by an inverted file for many.

An inverted file divides space into the cells of a k-means clustering (Jegou, Douze & Schmid 2011,
"Product quantization for nearest neighbor search", IEEE TPAMI 33:117, section IV) and compares a
query with the items of its nearest cells only. The number of cells is the smallest that reaches the
recall goal on a sample of queries.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne.checks import (
    as_matrix,
    canonical_metric,
    check_integer,
    count_threads,
    is_integer,
    random_generator,
)
from meshtsne.errors import InputError
from meshtsne.native import _native
from meshtsne.records import Neighbors
from meshtsne.reduction import SPHERICAL, fit_reduction
from meshtsne.search.partition import Partition
from meshtsne.search.recall import share_found, true_neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from meshtsne.checks import Metric

# The recall of `nearest_neighbors`, which other results are measured against.
RECALL_GOAL = 0.995

# The recall of the neighbors of a fit: at a million points the KL divergence is the same as with
# .995, and the search takes half the time (measurements in docs/design.md).
FIT_RECALL_GOAL = 0.98

# Below this number of items the search compares all pairs: training the cells takes longer.
EXACT_BELOW = 12_000

# The number of probed cells grows by this share until the recall reaches the goal.
_MORE_PROBES = 0.03

# A few queries have most of the missed neighbors, so the recall of a small sample varies: at a
# million points, samples of 128 queries led to 70 to 105 cells, and samples of 1,024 to 72 to 74.
_LEAST_SAMPLE = 128
_MOST_SAMPLE = 1_024
_ITEMS_PER_SAMPLED = 64

# The reference of the sample is a wide search of _WIDE * sqrt(n_cells) cells, about six times as
# many as the goal needs. The number grows until a part of the sample has the recall _WIDE_RECALL.
_WIDE = 6.0
_WIDE_RECALL = 0.999
_QUERIES_AT_ONCE = 16_384

# The other metrics are Euclidean distances between the reduced points.
_NOT_EUCLIDEAN = ("manhattan", "chebyshev")

# The largest number of columns that a tree is searched in.
_MOST_IN_TREE = 3


def nearest_neighbors(
    X: Any,
    n_neighbors: int,
    *,
    metric: Metric = "euclidean",
    n_pca: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
) -> Neighbors:
    """Return the nearest neighbors of each row of X among the other rows.

    Parameters
    ----------
    X : array-like or sparse matrix of numbers, shape (n, d)
    n_neighbors : int
        Less than n.
    metric : str
        "euclidean", "cosine", "correlation", "manhattan" or "chebyshev"; also "l1", "l2",
        "cityblock".
    n_pca : int, optional
        Reduce wider X to this many principal components before the search.
    random_state : int, RandomState or None
        Seed of the clustering.
    n_jobs : int, optional
        Number of threads, at most 256, without effect on the result; None and -1 use all cores.

    Returns
    -------
    Neighbors
        Exact below 12,000 rows; above, with a recall of at least .995, measured on a sample. In
        one to three dimensions exact for every number of rows, except for the metrics manhattan
        and chebyshev. Neighbors at the same distance are in the order of their rows.

    Raises
    ------
    InputError
        The metric is unknown, a parameter is out of its range, or X contains NaN or infinity.
    """
    name = canonical_metric(metric)
    n_threads = count_threads(n_jobs)
    if n_pca is not None:
        check_integer("n_pca", n_pca, low=1, otherwise=" or None")
    generator = random_generator(random_state)
    X = as_matrix("X", X)
    if not is_integer(n_neighbors) or not 1 <= n_neighbors < X.shape[0]:
        raise InputError(
            f"n_neighbors must be an integer between 1 and n - 1 = {X.shape[0] - 1}; "
            f"got {n_neighbors!r}. Ask for fewer, or add items."
        )
    reduction = fit_reduction(
        X, n_components=n_pca, metric=name, generator=generator, n_threads=n_threads
    )
    points = reduction.apply(X)
    if points.shape[1] <= _MOST_IN_TREE and name not in _NOT_EUCLIDEAN:
        found = Neighbors(*_native.search_tree(points, n_neighbors, _native.Pool(n_threads)))
    else:
        seed = generator.randint(2**31 - 1)
        index = NeighborIndex(points, n_neighbors, metric=name, seed=seed, n_jobs=n_jobs)
        found = index.graph(n_neighbors, n_jobs=n_jobs)
    return Neighbors(found.indices, in_metric(found.distances, name, reduction.scale))


def in_metric(distances: NDArray[np.float32], metric: str, scale: float) -> NDArray[np.float32]:
    """Convert distances between reduced points to distances in the metric between the items.

    Parameters
    ----------
    distances : ndarray of float32, any shape
        Converted in place: the distances of ten million points take 3.6 GB.
    metric : str
        Canonical name.
    scale : float
        `Reduction.scale`.

    Returns
    -------
    ndarray of float32
        `distances`.
    """
    # In chunks, and so without a copy in float64; the scale may be too small for float32.
    np.divide(distances, np.float64(scale), dtype=np.float64, out=distances, casting="same_kind")
    if metric in SPHERICAL:  # between rows of length one: d^2 = 2 (1 - cos)
        np.multiply(distances, distances, out=distances)
        distances /= 2
    return distances


def out_of_metric(neighbors: Neighbors, metric: str) -> Neighbors:
    """Invert `in_metric`, except for the scale, which P does not depend on."""
    if metric not in SPHERICAL:
        return neighbors
    distances = np.sqrt(2 * np.maximum(neighbors.distances, 0), dtype=np.float32)
    return Neighbors(neighbors.indices, distances)


class NeighborIndex:
    """A search index: points arranged in cells. It consists of arrays and can be pickled.

    Parameters
    ----------
    points : ndarray of float32, shape (n, m)
        Reduced features; not copied.
    k : int
        Largest number of neighbors of later searches; it determines the number of probed cells.
    metric : str
        Canonical name. Cosine and correlation need rows of length one; their search is Euclidean.
    seed : int
        Seed of the clustering and of the sample that the recall is measured on.
    n_jobs : int, optional
    recall_goal : float
        Recall that the number of probed cells is chosen for.

    Attributes
    ----------
    recall : float
        Share of the true neighbors that `graph` finds, on a sample; 1.0 if it compares all pairs.
    """

    def __init__(
        self,
        points: NDArray[np.float32],
        k: int,
        *,
        metric: str,
        seed: int,
        n_jobs: int | None = None,
        recall_goal: float = RECALL_GOAL,
    ) -> None:
        self.points = points
        self.recall = 1.0
        self._metric = metric
        self._seed = seed
        self._n_probes = 1
        self._lists: _native.CellIndex | None = None
        pool = _native.Pool(count_threads(n_jobs))
        if len(points) < EXACT_BELOW:
            self._partition = Partition.whole(points.shape[1])
        else:
            self._partition = Partition.train(points, seed=seed, pool=pool)
        self._cells = np.ascontiguousarray(self._partition.nearest(points, 1, pool)[:, 0])
        self._choose_probes(k, recall_goal, pool)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lists": None}  # built again on first use

    def graph(self, k: int, *, n_jobs: int | None = None) -> Neighbors:
        """Return the k nearest other points of every point, in the distances of the search."""
        n = len(self.points)
        indices = np.empty((n, k), dtype=np.int32)
        distances = np.empty((n, k), dtype=np.float32)
        pool = _native.Pool(count_threads(n_jobs))
        for rows in _cell_by_cell(self._cells):
            found = self._probe(self.points[rows], k + 1, self._n_probes, pool)
            indices[rows], distances[rows] = _without_self(rows, *found)
        self._lists = None  # a copy of the points, built again on first use
        return Neighbors(indices, self._root(distances))

    def search(
        self, queries: NDArray[np.float32], k: int, *, n_jobs: int | None = None
    ) -> Neighbors:
        """Return the k nearest points of each query, shape (m, k).

        Raises
        ------
        InputError
            The squared distances of a query exceed float32.
        """
        indices = np.empty((len(queries), k), dtype=np.int32)
        distances = np.empty((len(queries), k), dtype=np.float32)
        pool = _native.Pool(count_threads(n_jobs))
        cells = self._partition.nearest(queries, 1, pool)[:, 0]
        if (cells < 0).any():
            raise _too_far(int(np.argmax(cells < 0)))
        for rows in _cell_by_cell(cells):
            indices[rows], distances[rows] = self._probe(queries[rows], k, self._n_probes, pool)
        unfound = indices[:, -1] < 0
        if unfound.any():
            raise _too_far(int(np.argmax(unfound)))
        return Neighbors(indices, self._root(distances))

    def _choose_probes(self, k: int, goal: float, pool: _native.Pool) -> None:
        """Set the smallest number of probed cells that reaches the goal, and the recall.

        The recall is the share of the neighbors of a wide search that a search of the sample finds,
        times the recall of the wide search. The latter is measured on a part of the sample against
        neighbors from other code, so that an error in the arithmetic of the search is noticed.
        """
        n, n_cells = len(self.points), len(self._partition)
        if n_cells == 1:
            return
        n_sample = min(max(n // _ITEMS_PER_SAMPLED, _LEAST_SAMPLE), _MOST_SAMPLE)
        rows = np.random.RandomState(self._seed).permutation(n)[:n_sample]
        n_wide, found, limit, wide_recall = self._search_widely(rows, k, pool)
        self._n_probes = self._probes_by_rank(rows, found, n_wide, goal / wide_recall, pool)
        while True:
            searched = self._probe(self.points[rows], k + 1, self._n_probes, pool)
            _, distances = _without_self(rows, *searched)
            self.recall = float((distances <= limit).mean()) * wide_recall
            if self.recall >= goal or self._n_probes == n_wide:
                return
            self._n_probes = min(n_wide, ceil(self._n_probes * (1 + _MORE_PROBES)))

    def _search_widely(
        self, rows: NDArray[np.int64], k: int, pool: _native.Pool
    ) -> tuple[int, NDArray[np.int32], NDArray[np.float32], float]:
        """Search enough cells that the first rows reach `_WIDE_RECALL`.

        Returns the number of cells, the neighbors (s, k), the distance of the farthest neighbor
        (s, 1), and the recall of the first rows.
        """
        n_cells = len(self._partition)
        checked = rows[:_LEAST_SAMPLE]
        true = true_neighbors(self.points, checked, k, metric=self._metric)
        n_probes = min(n_cells, ceil(_WIDE * sqrt(n_cells)))
        while True:
            searched = self._probe(self.points[rows], k + 1, n_probes, pool)
            found, distances = _without_self(rows, *searched)
            recall = share_found(
                self.points, checked, found[:_LEAST_SAMPLE], true, metric=self._metric
            )
            if recall >= _WIDE_RECALL or n_probes == n_cells:
                return n_probes, found, distances[:, -1:], recall
            n_probes = min(2 * n_probes, n_cells)

    def _probes_by_rank(
        self,
        rows: NDArray[np.int64],
        found: NDArray[np.int32],
        n_wide: int,
        goal: float,
        pool: _native.Pool,
    ) -> int:
        """Return the number of cells, at most `n_wide`, that contain the share `goal` of `found`.

        A neighbor is found if the number of probes is above the rank of its cell for the query.
        """
        nearest_first = self._partition.nearest(self.points[rows], n_wide, pool)
        rank = np.full((len(rows), len(self._partition)), n_wide, dtype=np.int32)
        np.put_along_axis(rank, nearest_first, np.arange(n_wide, dtype=np.int32)[None], axis=1)
        needed = np.take_along_axis(rank, self._cells[found], axis=1)
        within = np.bincount(needed.ravel(), minlength=n_wide)[:n_wide].cumsum() / needed.size
        return min(1 + int(np.searchsorted(within, goal)), n_wide)

    def _probe(
        self, queries: NDArray[np.float32], k: int, n_probes: int, pool: _native.Pool
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Search the `n_probes` nearest cells, and more if a query finds fewer than k points."""
        cells = self._partition.nearest(queries, n_probes, pool)
        if self._lists is None:
            n_cells = len(self._partition)
            self._lists = _native.CellIndex(self.points, self._cells, n_cells, pool)
        options = {} if self._is_euclidean else {"metric": self._metric}
        indices, distances = self._lists.search(queries, cells, k, pool, **options)
        short = np.flatnonzero(indices[:, -1] < 0)
        if len(short) and n_probes < len(self._partition):  # all cells together contain k points
            more = min(2 * n_probes, len(self._partition))
            indices[short], distances[short] = self._probe(queries[short], k, more, pool)
        return indices, distances

    @property
    def _is_euclidean(self) -> bool:
        return self._metric not in _NOT_EUCLIDEAN

    def _root(self, distances: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return distances: the root of the squared distances of a Euclidean search."""
        return np.sqrt(distances, out=distances) if self._is_euclidean else distances


def _cell_by_cell(cells: NDArray[np.int32]) -> Iterator[NDArray[np.int64]]:
    """Yield blocks of queries sorted by cell, because queries of one cell read the same lists."""
    order = np.argsort(cells, kind="stable")
    for start in range(0, len(order), _QUERIES_AT_ONCE):
        yield order[start : start + _QUERIES_AT_ONCE]


def _without_self(
    rows: NDArray[np.int64], indices: NDArray[np.int32], distances: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return k of k + 1 neighbors of the points `rows`, without the points themselves.

    A point with many duplicates may not find itself; its farthest neighbor is then dropped.
    """
    k = indices.shape[1] - 1
    own = indices == rows[:, None]
    own[~own.any(axis=1), k] = True
    return indices[~own].reshape(-1, k), distances[~own].reshape(-1, k)


def _too_far(row: int) -> InputError:
    return InputError(
        f"X must be within the range of the fitted features; the squared distances of row {row} "
        "exceed float32. Scale X as the fitted features."
    )
