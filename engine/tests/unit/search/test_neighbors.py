import re

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from meshtsne.checks import MOST_THREADS, count_threads
from meshtsne.errors import InputError
from meshtsne.search import neighbors as neighbors_module
from meshtsne.search.neighbors import RECALL_GOAL, NeighborIndex, nearest_neighbors

EXACT_BELOW = 5_000


@pytest.fixture(autouse=True)
def cells_from_fewer_items(monkeypatch):
    """Lower the number of items from which the search uses cells, to keep the tests quick."""
    monkeypatch.setattr(neighbors_module, "EXACT_BELOW", EXACT_BELOW)


def clustered(n, d=12, *, seed=0):
    rng = np.random.RandomState(seed)
    centers = rng.normal(scale=4, size=(20, d))
    return (centers[rng.randint(20, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


def exact_others(X, k, metric, rows=None):
    """Return the indices and distances of the k nearest others of the rows, or of all rows."""
    rows = np.arange(len(X)) if rows is None else rows
    D = pairwise_distances(X[rows].astype(np.float64), X.astype(np.float64), metric=metric)
    D[np.arange(len(rows)), rows] = np.inf
    nearest = np.argpartition(D, k, axis=1)[:, :k]
    distances = np.take_along_axis(D, nearest, axis=1)
    order = np.argsort(distances, axis=1)
    return np.take_along_axis(nearest, order, axis=1), np.take_along_axis(distances, order, axis=1)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "manhattan", "chebyshev"])
def test_every_metric_agrees_with_scikit_learn(metric):
    X = clustered(300)
    indices, distances = exact_others(X, 10, metric)
    found = nearest_neighbors(X, 10, metric=metric)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev", "cosine"])
def test_cells_reach_the_recall_goal_in_other_metrics(metric):
    X = clustered(EXACT_BELOW)
    rows = np.random.RandomState(4).permutation(len(X))[:1_000]
    _, distances = exact_others(X, 15, metric, rows)
    found = nearest_neighbors(X, 15, metric=metric)
    hit = found.distances[rows] <= distances[:, -1:] * (1 + 1e-3) + 1e-6
    assert hit.mean() > RECALL_GOAL - 0.01


@pytest.mark.parametrize(("synonym", "name"), [("l2", "euclidean"), ("l1", "manhattan")])
def test_synonyms_of_metrics_are_accepted(synonym, name):
    X = clustered(50)
    np.testing.assert_array_equal(
        nearest_neighbors(X, 5, metric=synonym).distances,
        nearest_neighbors(X, 5, metric=name).distances,
    )


def noise(n, d):
    """Return points without clusters: only a search of all cells finds all neighbors."""
    return np.random.RandomState(3).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize("X", [clustered(EXACT_BELOW + 500, 30), noise(EXACT_BELOW + 500, 60)])
def test_the_measured_recall_is_the_true_recall(X):
    index = NeighborIndex(X, 30, metric="euclidean", seed=2)
    found = index.graph(30)
    rows = np.random.RandomState(4).permutation(len(X))[:1_500]
    truth, _ = exact_others(X, 30, "euclidean", rows)
    pairs = zip(found.indices[rows], truth, strict=True)
    recall = np.mean([len(np.intersect1d(a, b)) for a, b in pairs])
    assert RECALL_GOAL <= index.recall < 1
    assert abs(recall / 30 - index.recall) < 0.005


def test_the_index_reaches_the_recall_goal_if_the_wide_search_is_too_narrow(monkeypatch):
    monkeypatch.setattr("meshtsne.search.neighbors._WIDE", 0.3)
    index = NeighborIndex(noise(EXACT_BELOW, 20), 30, metric="euclidean", seed=1)
    assert index.recall >= RECALL_GOAL


@pytest.mark.parametrize("n", [400, EXACT_BELOW + 1_000])
def test_tight_clusters_far_apart_keep_their_neighbors(n):
    # In float32 the difference of two squares loses all digits of these distances.
    rng = np.random.RandomState(0)
    X = rng.normal(scale=1e-4, size=(n, 10)) + np.where(np.arange(n) % 2, 1, -1)[:, None]
    X = X.astype(np.float32)
    index = NeighborIndex(X, 20, metric="euclidean", seed=0)
    found = index.graph(20).indices
    rows = rng.permutation(n)[:200]
    squared = ((X[rows, None].astype(np.float64) - X[found[rows]]) ** 2).sum(axis=2)
    truth = ((X[rows, None].astype(np.float64) - X[None]) ** 2).sum(axis=2)
    truth[np.arange(200), rows] = np.inf
    limit = np.sort(truth, axis=1)[:, 19:20]
    recall = (squared <= limit * (1 + 1e-6)).mean()
    assert index.recall >= RECALL_GOAL
    assert recall >= RECALL_GOAL - (0 if n < EXACT_BELOW else 0.01)  # not the sample of the index
    if n < EXACT_BELOW:
        assert recall == index.recall == 1


def test_a_lower_recall_goal_needs_fewer_cells():
    X = noise(EXACT_BELOW + 500, 20)
    exact, fast = (
        NeighborIndex(X, 30, metric="euclidean", seed=2, recall_goal=goal) for goal in (0.995, 0.9)
    )
    assert 0.9 <= fast.recall < 0.98
    assert exact.recall >= 0.995
    assert fast._n_probes < exact._n_probes


def test_an_error_of_the_search_lowers_the_recall(monkeypatch):
    X = clustered(EXACT_BELOW)
    probe = NeighborIndex._probe

    def careless(self, queries, k, n_probes, pool):
        indices, distances = probe(self, queries, k + 5, n_probes, pool)
        return indices[:, 5:], distances[:, 5:]

    monkeypatch.setattr(NeighborIndex, "_probe", careless)
    assert NeighborIndex(X, 20, metric="euclidean", seed=0).recall < 0.9


def test_the_neighbors_do_not_depend_on_the_number_of_threads():
    X = clustered(EXACT_BELOW + 500, 50)
    one, two = (
        NeighborIndex(X, 40, metric="euclidean", seed=1, n_jobs=j).graph(40, n_jobs=j)
        for j in (1, 2)
    )
    assert one.indices.tobytes() == two.indices.tobytes()
    assert one.distances.tobytes() == two.distances.tobytes()


def test_an_item_is_never_its_own_neighbor_even_among_duplicates():
    X = np.repeat(clustered(6), 1_000, axis=0)
    found = nearest_neighbors(X, 20)
    assert (found.indices != np.arange(len(X))[:, None]).all()
    assert (found.indices >= 0).all()
    assert (found.distances == 0).all()


def test_a_search_of_small_cells_finds_k_neighbors():
    # 400 points are far away, each alone in a cell: the cells near such a point have few points.
    rng = np.random.RandomState(0)
    lonely = rng.normal(scale=1e4, size=(400, 3))
    X = np.concatenate([rng.normal(size=(EXACT_BELOW, 3)), lonely]).astype(np.float32)
    index = NeighborIndex(X, 60, metric="euclidean", seed=0)
    found = index.graph(60)
    index._n_probes = 1
    searched = index.search(X[-400:], 60)
    for result in (found, searched):
        assert (result.indices >= 0).all()
        assert np.isfinite(result.distances).all()
        assert (np.diff(result.distances, axis=1) >= 0).all()


def test_values_of_any_size_keep_their_distances():
    X = clustered(60).astype(np.float64)
    base = nearest_neighbors(X, 5)
    for factor in (1e-30, 1e30):
        scaled = nearest_neighbors(X * factor + factor, 5)
        np.testing.assert_array_equal(scaled.indices, base.indices)
        np.testing.assert_allclose(scaled.distances, base.distances * factor, rtol=1e-4)


def test_an_offset_does_not_change_the_neighbors():
    X = clustered(100).astype(np.float64)
    np.testing.assert_array_equal(
        nearest_neighbors(X + 1e7, 5).indices, nearest_neighbors(X, 5).indices
    )


def test_n_jobs_has_the_meaning_of_joblib():
    cores = count_threads(None)
    assert count_threads(-1) == cores >= 1
    assert count_threads(3) == 3
    assert count_threads(-1_000) == 1
    assert count_threads(2_000) == MOST_THREADS
    for wrong in (0, 1.5, "2", True):
        with pytest.raises(InputError, match=f"n_jobs must be an integer .* got {wrong!r}"):
            count_threads(wrong)


def test_invalid_arguments_are_errors_with_a_remedy():
    X = clustered(20)
    with pytest.raises(InputError, match=r"metric must be one of euclidean, cosine.*got 'hamming'"):
        nearest_neighbors(X, 3, metric="hamming")
    with pytest.raises(InputError, match=r"cityblock; got 'precomputed'"):
        nearest_neighbors(X, 3, metric="precomputed")
    for wrong in (20, 0, "3", 2.5):
        message = f"between 1 and n - 1 = 19; got {wrong!r}"
        with pytest.raises(InputError, match=re.escape(message)):
            nearest_neighbors(X, wrong)
    with pytest.raises(InputError, match="X must be an array of numbers"):
        nearest_neighbors([["a", "b"]] * 20, 3)
    with pytest.raises(InputError, match=r"random_state must be .* got 'a'"):
        nearest_neighbors(X, 3, random_state="a")
    with pytest.raises(InputError, match="n_pca must be an integer"):
        nearest_neighbors(X, 3, n_pca="2")
    X[4] = 0
    with pytest.raises(
        InputError, match=r"cosine distance is not defined for a row of zeros; row 4"
    ):
        nearest_neighbors(X, 3, metric="cosine")
    X[4] = 7
    with pytest.raises(InputError, match="not defined for a constant row; row 4"):
        nearest_neighbors(X, 3, metric="correlation")
