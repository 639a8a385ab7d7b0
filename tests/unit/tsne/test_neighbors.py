import re

import faiss
import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from featscape.errors import InputError
from featscape.tsne.neighbors import (
    EXACT_BELOW,
    RECALL_GOAL,
    NeighborIndex,
    count_threads,
    faiss_threads,
    nearest_neighbors,
)


def clustered(n, d=12, *, seed=0):
    rng = np.random.RandomState(seed)
    centers = rng.normal(scale=4, size=(20, d))
    return (centers[rng.randint(20, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


def exact_others(X, k, metric):
    D = pairwise_distances(X.astype(np.float64), metric=metric)
    np.fill_diagonal(D, np.inf)
    order = np.argsort(D, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(D, order, axis=1)


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
    _, distances = exact_others(X, 15, metric)
    found = nearest_neighbors(X, 15, metric=metric)
    hit = found.distances <= distances[:, -1:] * (1 + 1e-3) + 1e-6
    assert hit.mean() > RECALL_GOAL - 0.01


@pytest.mark.parametrize(("synonym", "name"), [("l2", "euclidean"), ("l1", "manhattan")])
def test_synonyms(synonym, name):
    X = clustered(50)
    np.testing.assert_array_equal(
        nearest_neighbors(X, 5, metric=synonym).distances,
        nearest_neighbors(X, 5, metric=name).distances,
    )


def test_recall_is_measured_truly():
    X = clustered(EXACT_BELOW + 500, 30)
    index = NeighborIndex(X, 30, metric="euclidean", seed=1)
    found = index.graph(30)
    truth, _ = exact_others(X, 30, "euclidean")
    recall = np.mean([len(np.intersect1d(a, b)) for a, b in zip(found.indices, truth, strict=True)])
    assert RECALL_GOAL <= index.recall < 1
    assert abs(recall / 30 - index.recall) < 0.01


def test_the_answer_does_not_depend_on_threads():
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


def test_cells_with_few_points_are_not_the_last_word():
    # Half the points lie far off, each alone in its cell: its own cell and the next few hold less
    # than k points.
    rng = np.random.RandomState(0)
    lonely = rng.normal(scale=1e4, size=(400, 3))
    X = np.concatenate([rng.normal(size=(EXACT_BELOW, 3)), lonely]).astype(np.float32)
    index = NeighborIndex(X, 60, metric="euclidean", seed=0)
    found = index.graph(60)
    index._n_probes = 1
    searched = index.search(X[-400:], 60)
    for neighbors in (found, searched):
        assert (neighbors.indices >= 0).all()
        assert np.isfinite(neighbors.distances).all()
        assert (np.diff(neighbors.distances, axis=1) >= 0).all()


def test_values_of_any_size_keep_their_distances():
    X = clustered(60).astype(np.float64)
    base = nearest_neighbors(X, 5)
    for factor in (1e-30, 1e30):
        scaled = nearest_neighbors(X * factor + factor, 5)
        np.testing.assert_array_equal(scaled.indices, base.indices)
        np.testing.assert_allclose(scaled.distances, base.distances * factor, rtol=1e-4)


def test_an_offset_does_not_drown_the_differences():
    X = clustered(100).astype(np.float64)
    np.testing.assert_array_equal(
        nearest_neighbors(X + 1e7, 5).indices, nearest_neighbors(X, 5).indices
    )


def test_faiss_gets_its_threads_back():
    before = faiss.omp_get_max_threads()
    with faiss_threads(1):
        assert faiss.omp_get_max_threads() == 1
    assert faiss.omp_get_max_threads() == before


def test_threads_are_counted_as_joblib_counts_them():
    cores = count_threads(None)
    assert count_threads(-1) == cores >= 1
    assert count_threads(3) == 3
    assert count_threads(-1_000) == 1
    with pytest.raises(InputError, match="n_jobs must not be 0"):
        count_threads(0)


def test_bad_arguments_say_what_to_do():
    X = clustered(20)
    with pytest.raises(InputError, match=r"metric must be one of euclidean, cosine.*got 'hamming'"):
        nearest_neighbors(X, 3, metric="hamming")
    with pytest.raises(InputError, match=re.escape("between 1 and n - 1 = 19; got 20")):
        nearest_neighbors(X, 20)
    X[4] = 0
    with pytest.raises(
        InputError, match=r"cosine distance is not defined for a row of zeros; row 4"
    ):
        nearest_neighbors(X, 3, metric="cosine")
    X[4] = 7
    with pytest.raises(InputError, match="not defined for a constant row; row 4"):
        nearest_neighbors(X, 3, metric="correlation")
