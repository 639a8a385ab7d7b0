import numpy as np
import pytest

from meshtsne.affinities import conditional_probabilities, joint_probabilities
from meshtsne.forces import exact
from meshtsne.records import Neighbors
from meshtsne.search.neighbors import nearest_neighbors


def points(n, d=5):
    return np.random.RandomState(0).normal(size=(n, d)).astype(np.float32)


def test_all_neighbors_give_the_exact_joint_probabilities():
    X = points(40)
    P = joint_probabilities(nearest_neighbors(X, 39), (8.0,), n_threads=1)
    expected = exact.joint_probabilities(X.astype(np.float64), 8.0)
    np.testing.assert_allclose(P.toarray(), expected, rtol=2e-3, atol=1e-8)


def test_p_is_a_symmetric_csr_array():
    P = joint_probabilities(nearest_neighbors(points(100), 15), (5.0,), n_threads=2)
    assert (P.data.dtype, P.indices.dtype) == (np.float32, np.int32)
    assert P.has_sorted_indices
    assert not P.diagonal().any()
    assert (P != P.T).nnz == 0
    assert P.data.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)


def test_several_perplexities_give_the_mean_of_the_conditionals():
    neighbors = nearest_neighbors(points(80), 60)
    both = conditional_probabilities(neighbors, (4.0, 20.0), n_threads=1)
    small, large = (
        exact.conditional_probabilities(neighbors.distances.astype(np.float64) ** 2, perplexity)
        for perplexity in (4.0, 20.0)
    )
    np.testing.assert_allclose(both, (small + large) / 2, rtol=2e-3, atol=1e-6)


def test_missing_neighbors_have_probability_zero():
    neighbors = nearest_neighbors(points(50), 12)
    indices, distances = neighbors.indices.copy(), neighbors.distances.copy()
    indices[7, 5:], distances[7, 5:] = -1, np.inf
    indices[9], distances[9] = -1, np.inf
    neighbors = Neighbors(indices, distances)
    p = conditional_probabilities(neighbors, (4.0,), n_threads=1)
    assert not p[7, 5:].any()
    assert p[7].sum() == pytest.approx(1, abs=1e-5)
    assert not p[9].any()
    P = joint_probabilities(neighbors, (4.0,), n_threads=1)
    assert np.isfinite(P.data).all()
    assert P.data.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)


def test_equal_distances_give_equal_probabilities():
    indices = np.stack([np.delete(np.arange(10), i) for i in range(10)]).astype(np.int32)
    for distance in (0.0, 3.0):
        neighbors = Neighbors(indices, np.full((10, 9), distance, dtype=np.float32))
        p = conditional_probabilities(neighbors, (2.0,), n_threads=1)
        np.testing.assert_allclose(p, 1 / 9, rtol=1e-5)
