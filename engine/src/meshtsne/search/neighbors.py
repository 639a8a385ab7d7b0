"""The k nearest neighbours of each item: every pair for few items, inverted lists above.

An inverted file cuts space into the cells of a k-means clustering (Jegou, Douze & Schmid 2011,
"Product quantization for nearest neighbor search", IEEE TPAMI 33:117, section IV) and compares a
query with the items of its nearest cells only. How many cells that must be is measured: the recall
of a sample of queries against the exact answer decides. FAISS finds the cells; euclidean distances
are compared in native code, the other metrics by FAISS.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne import _native
from meshtsne.errors import InputError
from meshtsne.parameters import (
    as_matrix,
    canonical_metric,
    check_integer,
    count_threads,
    is_integer,
    random_generator,
)
from meshtsne.records import Neighbors
from meshtsne.reduction import SPHERICAL, fit_reduction
from meshtsne.search.partition import Partition
from meshtsne.search.recall import share_found, true_neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# At .98 the map of 70,000 points has a KL divergence .002 above what exact neighbours give it; at
# .995, for a seventh more time in the search, none.
RECALL_GOAL = 0.995

# Up to this many items every pair is compared.
EXACT_BELOW = 5_000

# Probed cells grow by this share until the recall is reached.
_MORE_PROBES = 0.03

# A few queries miss most of what is missed, so the recall of a small sample depends on the draw: at
# a million points 128 queries asked for 70 to 105 cells, and 1,024 for 72 to 74.
_LEAST_SAMPLE = 128
_MOST_SAMPLE = 1_024
_ITEMS_PER_SAMPLED = 64

# What the sample is compared with comes from so many times sqrt(n_cells) of the cells, six times
# what the recall takes; more of them until a part of the sample has this recall there.
_WIDE = 6.0
_WIDE_RECALL = 0.999
_QUERIES_AT_ONCE = 16_384


def nearest_neighbors(
    X: Any,
    n_neighbors: int,
    *,
    metric: str = "euclidean",
    n_pca: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
) -> Neighbors:
    """Return the nearest neighbours of each row of X among the other rows.

    Parameters
    ----------
    X : array-like or sparse matrix of numbers, shape (n, d)
    n_neighbors : int
        Below n.
    metric : str
        "euclidean", "cosine", "correlation", "manhattan" or "chebyshev"; also "l1", "l2",
        "cityblock".
    n_pca : int, optional
        Search in this many principal components where X is wider.
    random_state : int, RandomState or None
        Seeds the clustering behind the inverted lists.
    n_jobs : int, optional
        Threads, 256 at most; None and -1 mean all. The answer does not depend on it.

    Returns
    -------
    Neighbors
        Exact below 5,000 rows, and with a recall of at least .995 on a sample above.

    Raises
    ------
    InputError
        An unknown metric, too many neighbours, another parameter out of its range, or an X that
        does not hold finite numbers.
    """
    metric = canonical_metric(metric)
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
        X, n_components=n_pca, metric=metric, generator=generator, n_threads=n_threads
    )
    index = NeighborIndex(
        reduction.apply(X),
        n_neighbors,
        metric=metric,
        seed=generator.randint(2**31 - 1),
        n_jobs=n_jobs,
    )
    neighbors = index.graph(n_neighbors, n_jobs=n_jobs)
    return Neighbors(neighbors.indices, in_metric(neighbors.distances, metric, reduction.scale))


def in_metric(distances: NDArray[np.float32], metric: str, scale: float) -> NDArray[np.float32]:
    """Turn distances between reduced points into those of the metric between the items."""
    distances = np.asarray(distances / np.float64(scale), dtype=np.float32)
    if metric in SPHERICAL:  # between rows of length one: d^2 = 2 (1 - cos)
        return np.asarray(distances**2 / 2, dtype=np.float32)
    return distances


def out_of_metric(neighbors: Neighbors, metric: str) -> Neighbors:
    """Undo `in_metric`, but for the scale, which P does not hang on."""
    if metric not in SPHERICAL:
        return neighbors
    distances = np.sqrt(2 * np.maximum(neighbors.distances, 0), dtype=np.float32)
    return Neighbors(neighbors.indices, distances)


class NeighborIndex:
    """Points arranged in cells for search; plain arrays, so that it can be pickled.

    Parameters
    ----------
    points : ndarray of float32, shape (n, m)
        Reduced features; kept, not copied.
    k : int
        As many neighbours as will be asked for, which decides how many cells are probed.
    metric : str
        Canonical; spherical metrics expect rows of length one and are searched as euclidean.
    seed : int
        Of the clustering, and of the sample that recall is measured on.
    n_jobs : int, optional

    Attributes
    ----------
    recall : float
        Share of true neighbours found by `graph`, on a sample; 1.0 where every pair is compared.
    """

    def __init__(
        self,
        points: NDArray[np.float32],
        k: int,
        *,
        metric: str,
        seed: int,
        n_jobs: int | None = None,
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
        self._choose_probes(k, pool)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lists": None}  # rebuilt from the arrays on first use

    def graph(self, k: int, *, n_jobs: int | None = None) -> Neighbors:
        """Return the k nearest other points of every point, in the distances of the search."""
        n = len(self.points)
        indices = np.empty((n, k), dtype=np.int32)
        distances = np.empty((n, k), dtype=np.float32)
        pool = _native.Pool(count_threads(n_jobs))
        for rows in _cell_by_cell(self._cells):
            found = self._probe(self.points[rows], k + 1, self._n_probes, pool)
            indices[rows], distances[rows] = _without_self(rows, *found)
        return Neighbors(indices, self._root(distances))

    def search(
        self, queries: NDArray[np.float32], k: int, *, n_jobs: int | None = None
    ) -> Neighbors:
        """Return the k nearest points of each query, shape (m, k).

        Raises
        ------
        InputError
            A query is so far off that its squared distances leave float32's range.
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

    def _choose_probes(self, k: int, pool: _native.Pool) -> None:
        """Set the least number of probed cells that reaches `RECALL_GOAL`, and note the recall.

        The recall of a sample is its share of what a search of many more cells finds. That search
        in turn is held to the true neighbours of a part of the sample, found in another way than
        the search's, so that an error of its arithmetic shows.
        """
        n, n_cells = len(self.points), len(self._partition)
        if n_cells == 1:
            return
        n_sample = min(max(n // _ITEMS_PER_SAMPLED, _LEAST_SAMPLE), _MOST_SAMPLE)
        rows = np.random.RandomState(self._seed).permutation(n)[:n_sample]
        n_wide, found, limit, wide_recall = self._search_widely(rows, k, pool)
        self._n_probes = self._probes_by_rank(rows, found, n_wide, RECALL_GOAL / wide_recall, pool)
        while True:
            searched = self._probe(self.points[rows], k + 1, self._n_probes, pool)
            _, distances = _without_self(rows, *searched)
            self.recall = float((distances <= limit).mean()) * wide_recall
            if self.recall >= RECALL_GOAL or self._n_probes == n_wide:
                return
            self._n_probes = min(n_wide, ceil(self._n_probes * (1 + _MORE_PROBES)))

    def _search_widely(
        self, rows: NDArray[np.int64], k: int, pool: _native.Pool
    ) -> tuple[int, NDArray[np.int32], NDArray[np.float32], float]:
        """Search so many cells that the first rows find `_WIDE_RECALL` of their true neighbours.

        Returns the number of cells, the neighbours (s, k), the farthest one's distance (s, 1), and
        the first rows' recall.
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
        """Return how many cells hold this share of what was found in `n_wide`: at most these.

        A neighbour needs so many probes as its cell has rank among the query's cells.
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
        """Search the nearest `n_probes` cells, and more for the queries that find fewer than k."""
        cells = self._partition.nearest(queries, n_probes, pool)
        if self._lists is None:
            n_cells = len(self._partition)
            self._lists = _native.CellIndex(self.points, self._cells, n_cells, pool)
        options = {} if self._is_euclidean else {"metric": self._metric}
        indices, distances = self._lists.search(queries, cells, k, pool, **options)
        short = np.flatnonzero(indices[:, -1] < 0)
        if len(short) and n_probes < len(self._partition):  # all cells together hold k points
            more = min(2 * n_probes, len(self._partition))
            indices[short], distances[short] = self._probe(queries[short], k, more, pool)
        return indices, distances

    @property
    def _is_euclidean(self) -> bool:
        return self._metric not in ("manhattan", "chebyshev")

    def _root(self, distances: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return distances: those of a euclidean search are squared."""
        return np.sqrt(distances, out=distances) if self._is_euclidean else distances


def _cell_by_cell(cells: NDArray[np.int32]) -> Iterator[NDArray[np.int64]]:
    """Yield the queries in blocks, those of a cell together: they read the same lists."""
    order = np.argsort(cells, kind="stable")
    for start in range(0, len(order), _QUERIES_AT_ONCE):
        yield order[start : start + _QUERIES_AT_ONCE]


def _without_self(
    rows: NDArray[np.int64], indices: NDArray[np.int32], distances: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return k of k + 1 neighbours of the points `rows`: each but the point itself.

    Among many duplicates a point may miss itself; then the farthest is the one too many.
    """
    k = indices.shape[1] - 1
    own = indices == rows[:, None]
    own[~own.any(axis=1), k] = True
    return indices[~own].reshape(-1, k), distances[~own].reshape(-1, k)


def _too_far(row: int) -> InputError:
    return InputError(
        f"X must be within the range of the fitted features; row {row} lies further off than "
        "float32 can tell. Scale X as the fitted features."
    )
