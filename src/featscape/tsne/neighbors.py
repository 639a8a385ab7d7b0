"""The k nearest neighbours of each item, by FAISS: every pair for few items, inverted lists above.

An inverted file cuts space into the cells of a k-means clustering (Jegou, Douze & Schmid 2011,
"Product quantization for nearest neighbor search", IEEE TPAMI 33:117, section IV) and compares a
query with the items of its nearest cells only. How many cells that must be is measured: the recall
of a sample of queries against the exact answer decides.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.records import Neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

METRICS = ("euclidean", "cosine", "correlation", "manhattan", "chebyshev")
_SYNONYMS = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}

RECALL_GOAL = 0.98

# Up to this many items every pair is compared.
EXACT_BELOW = 4_000

_SAMPLE = 500
_QUERIES_AT_ONCE = 16_384
_TRAINING_POINTS_PER_LIST = 40
_TRAINING_ITERATIONS = 6


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
    X : array or sparse matrix of numbers, shape (n, d)
    n_neighbors : int
        Below n.
    metric : str
        One of `METRICS`, or "l1", "l2", "cityblock".
    n_pca : int, optional
        Search in this many principal components where X is wider.
    random_state : int, RandomState or None
        Seeds the clustering behind the inverted lists.
    n_jobs : int, optional
        Threads; None and -1 mean all. The answer does not depend on it.

    Returns
    -------
    Neighbors
        Exact below 4,000 rows, and with a recall of at least .98 on a sample above.

    Raises
    ------
    InputError
        An unknown metric, too many neighbours, NaN or infinity in X.
    """
    from sklearn.utils import check_array, check_random_state

    from featscape.tsne.reduction import fit_reduction

    metric = canonical_metric(metric)
    X = check_array(X, accept_sparse="csr", ensure_all_finite=False)
    if not 1 <= n_neighbors < X.shape[0]:
        raise InputError(
            f"n_neighbors must be between 1 and n - 1 = {X.shape[0] - 1}; got {n_neighbors}. "
            "Ask for fewer, or add items."
        )
    generator = check_random_state(random_state)
    reduction = fit_reduction(X, n_components=n_pca, metric=metric, generator=generator)
    index = NeighborIndex(
        reduction.apply(X), metric=metric, seed=generator.randint(2**31 - 1), n_jobs=n_jobs
    )
    neighbors, _ = index.graph(n_neighbors, n_jobs=n_jobs)
    return Neighbors(neighbors.indices, in_metric(neighbors.distances, metric, reduction.scale))


def canonical_metric(metric: str) -> str:
    """Return the metric's one name; raises InputError with the names there are."""
    name = _SYNONYMS.get(metric, metric) if isinstance(metric, str) else metric
    if name not in METRICS:
        known = ", ".join([*METRICS, *_SYNONYMS, "precomputed"])
        raise InputError(f"metric must be one of {known}; got {metric!r}. Choose one of these.")
    return name


def in_metric(distances: NDArray[np.float32], metric: str, scale: float) -> NDArray[np.float32]:
    """Turn distances between reduced points into those of the metric between the items."""
    distances = distances / np.float32(scale)
    if metric in ("cosine", "correlation"):  # between rows of length one: d^2 = 2 (1 - cos)
        return np.asarray(distances**2 / 2, dtype=np.float32)
    return np.asarray(distances, dtype=np.float32)


def count_threads(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` asks for: None and negative numbers count from all cores.

    None is all cores, as -1; -2 is all but one, as in joblib.
    """
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    n_cores = n_cores or 1
    if n_jobs == 0:
        raise InputError("n_jobs must not be 0. Pass 1 for one thread, None for all cores.")
    if n_jobs is None:
        return n_cores
    return n_jobs if n_jobs > 0 else max(1, n_cores + 1 + n_jobs)


class NeighborIndex:
    """Points arranged for search; plain arrays, so that it can be pickled.

    Parameters
    ----------
    points : ndarray of float32, shape (n, m)
        Reduced features; kept, not copied.
    metric : str
        Canonical; spherical metrics expect rows of length one and are searched as euclidean.
    seed : int
        Of the clustering.
    n_jobs : int, optional
    """

    def __init__(
        self, points: NDArray[np.float32], *, metric: str, seed: int, n_jobs: int | None = None
    ) -> None:
        self.points = points
        self.metric = metric
        self.n_probes = 1
        self.recall = 1.0
        if len(points) < EXACT_BELOW:
            self.centroids = np.zeros((1, points.shape[1]), dtype=np.float32)
            self.cells = np.zeros(len(points), dtype=np.int64)
        else:
            with faiss_threads(n_jobs):
                self.centroids = _cluster(points, seed=seed)
                self.cells = _nearest_cells(points, self.centroids, 1)[:, 0]
            n_lists = len(self.centroids)
            self.n_probes = min(n_lists, max(4, n_lists // 24))
        self._sample = np.sort(np.random.RandomState(seed).permutation(len(points))[:_SAMPLE])
        self._faiss: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_faiss": None}

    def graph(self, k: int, *, n_jobs: int | None = None) -> tuple[Neighbors, float]:
        """Return the k nearest other points of every point, and the recall that was measured.

        Raises the number of probed cells until the recall reaches `RECALL_GOAL`.
        """
        with faiss_threads(n_jobs):
            self._raise_recall(k)
            n = len(self.points)
            indices = np.empty((n, k), dtype=np.int32)
            distances = np.empty((n, k), dtype=np.float32)
            order = np.argsort(self.cells, kind="stable")
            for start in range(0, n, _QUERIES_AT_ONCE):
                rows = order[start : start + _QUERIES_AT_ONCE]
                indices[rows], distances[rows] = self._others(rows, k, self.n_probes)
        return Neighbors(indices, distances), self.recall

    def search(
        self, queries: NDArray[np.float32], k: int, *, n_jobs: int | None = None
    ) -> Neighbors:
        """Return the k nearest points of each query, shape (m, k)."""
        with faiss_threads(n_jobs):
            cells = _nearest_cells(queries, self.centroids, 1)[:, 0]
            indices = np.empty((len(queries), k), dtype=np.int32)
            distances = np.empty((len(queries), k), dtype=np.float32)
            order = np.argsort(cells, kind="stable")
            for start in range(0, len(order), _QUERIES_AT_ONCE):
                rows = order[start : start + _QUERIES_AT_ONCE]
                indices[rows], distances[rows] = self._probe(queries[rows], k, self.n_probes)
        return Neighbors(indices, distances)

    def _raise_recall(self, k: int) -> None:
        """Probe more cells until a sample of the points finds its neighbours."""
        n_lists = len(self.centroids)
        if n_lists == 1:
            return
        _, exact = self._others(self._sample, k, n_lists)
        radius = exact[:, -1:] * np.float32(1 + 1e-6)
        while True:
            _, found = self._others(self._sample, k, self.n_probes)
            self.recall = float((found <= radius).mean())
            if self.recall >= RECALL_GOAL or self.n_probes == n_lists:
                return
            self.n_probes = min(n_lists, self.n_probes + max(1, self.n_probes // 2))

    def _others(
        self, rows: NDArray[np.int64], k: int, n_probes: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the k nearest points of the points `rows`, each without itself."""
        indices, distances = self._probe(self.points[rows], k + 1, n_probes)
        own = indices == rows[:, None]
        # Among many duplicates a point may miss itself: then the farthest is the one too many.
        own[~own.any(axis=1), k] = True
        return indices[~own].reshape(-1, k), distances[~own].reshape(-1, k)

    def _probe(
        self, queries: NDArray[np.float32], k: int, n_probes: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Search the nearest `n_probes` cells, and more for queries that find fewer than k."""
        import faiss

        index = self._inverted_lists()
        cells = _nearest_cells(queries, self.centroids, n_probes)
        index.nprobe = n_probes
        distances, indices = index.search_preassigned(
            queries, k, cells, np.zeros(cells.shape, np.float32)
        )
        short = np.flatnonzero(indices[:, -1] < 0)
        if len(short) and n_probes < len(self.centroids):
            more = min(len(self.centroids), 2 * n_probes)
            indices[short], squared = self._probe(queries[short], k, more)
            distances[short] = squared
        del faiss
        if self.metric not in ("manhattan", "chebyshev"):
            found = np.sqrt(np.maximum(distances, 0))
            if len(short) and n_probes < len(self.centroids):
                found[short] = distances[short]
            return indices.astype(np.int32), found
        return indices.astype(np.int32), distances

    def _inverted_lists(self) -> Any:
        """Return the FAISS index, built on first use from the cells that are known."""
        import faiss

        if self._faiss is None:
            n_lists, m = self.centroids.shape
            metric = {"manhattan": faiss.METRIC_L1, "chebyshev": faiss.METRIC_Linf}
            quantizer = faiss.IndexFlatL2(m)
            quantizer.add(self.centroids)
            index = faiss.IndexIVFFlat(
                quantizer, m, n_lists, metric.get(self.metric, faiss.METRIC_L2)
            )
            index.is_trained = True
            n = len(self.points)
            index.add_core(n, faiss.swig_ptr(self.points), None, faiss.swig_ptr(self.cells))
            self._faiss = index
        return self._faiss


def _cluster(points: NDArray[np.float32], *, seed: int) -> NDArray[np.float32]:
    """Return the centroids of about sqrt(n) cells, shape (n_lists, m), from a sample of points."""
    import faiss

    n, m = points.shape
    n_lists = 2 ** round(np.log2(np.sqrt(n) * 1.5))
    n_training = min(n, _TRAINING_POINTS_PER_LIST * n_lists)
    sample = np.sort(np.random.RandomState(seed).choice(n, n_training, replace=False))
    clustering = faiss.Clustering(m, n_lists)
    clustering.niter = _TRAINING_ITERATIONS
    clustering.seed = seed
    clustering.min_points_per_centroid = 1
    clustering.max_points_per_centroid = _TRAINING_POINTS_PER_LIST
    clustering.train(np.ascontiguousarray(points[sample]), faiss.IndexFlatL2(m))
    return faiss.vector_to_array(clustering.centroids).reshape(n_lists, m)


def _nearest_cells(
    queries: NDArray[np.float32], centroids: NDArray[np.float32], n_probes: int
) -> NDArray[np.int64]:
    """Return the nearest cells of each query, nearest first, shape (n, n_probes)."""
    import faiss

    if n_probes == len(centroids) == 1:
        return np.zeros((len(queries), 1), dtype=np.int64)
    return np.asarray(faiss.knn(queries, centroids, n_probes)[1])


@contextmanager
def faiss_threads(n_jobs: int | None) -> Iterator[None]:
    """Let FAISS use this many threads, and give it its own number back afterwards."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count_threads(n_jobs))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
