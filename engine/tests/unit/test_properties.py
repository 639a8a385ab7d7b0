import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtsne import TSNE
from meshtsne.affinities import joint_probabilities
from meshtsne.forces import exact
from meshtsne.search.neighbors import nearest_neighbors

seeds = st.integers(0, 2**31 - 1)
few = settings(max_examples=15, deadline=None)


def points(seed, n=40, d=4, *, duplicates=False):
    X = np.random.RandomState(seed).normal(size=(n, d))
    if duplicates:
        X[n // 2 :] = X[0]
    return X.astype(np.float32)


def dense_joint(X, k=20, perplexity=6.0):
    return joint_probabilities(nearest_neighbors(X, k), (perplexity,), n_threads=1)


@few
@given(seed=seeds, perplexity=st.floats(1, 13), duplicates=st.booleans())
def test_p_is_symmetric_and_sums_to_one(seed, perplexity, duplicates):
    P = dense_joint(points(seed, duplicates=duplicates), 39, perplexity)
    assert (P != P.T).nnz == 0
    assert (P.data >= 0).all()
    assert P.data.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)


@few
@given(seed=seeds)
def test_the_exact_forces_sum_to_zero(seed):
    X = points(seed)
    A, F, _ = exact.forces(dense_joint(X).toarray(), X[:, :2])
    np.testing.assert_allclose(A.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(F.sum(axis=0), 0, atol=1e-9)


@few
@given(seed=seeds)
def test_p_follows_a_permutation_of_the_items(seed):
    X = points(seed)
    order = np.random.RandomState(seed).permutation(len(X))
    P, permuted = dense_joint(X).toarray(), dense_joint(X[order]).toarray()
    np.testing.assert_allclose(permuted, P[np.ix_(order, order)], rtol=1e-3, atol=1e-7)


@few
@given(seed=seeds, angle=st.floats(0, 6.28), shift=st.floats(-50, 50))
def test_forces_rotate_with_the_embedding_and_ignore_a_shift(seed, angle, shift):
    X = points(seed)
    P, Y = dense_joint(X).toarray(), X[:, :2].astype(np.float64)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    here, there = exact.forces(P, Y), exact.forces(P, Y @ turn + shift)
    np.testing.assert_allclose(there.attraction, here.attraction @ turn, atol=1e-9)
    np.testing.assert_allclose(there.repulsion, here.repulsion @ turn, atol=1e-7)
    assert there.z == pytest.approx(here.z)


@pytest.mark.parametrize(("n", "method"), [(200, "direct"), (3_000, "grid")])
def test_a_fit_is_the_same_to_the_bit_for_any_number_of_threads(n, method):
    X = points(0, n, 60)
    one, two = (
        TSNE(perplexity=10, max_iter=40, early_exaggeration_iter=20, method=method,
             device="cpu", random_state=3, n_jobs=n_jobs).fit(X)
        for n_jobs in (1, 2)
    )  # fmt: skip
    assert one.embedding_.tobytes() == two.embedding_.tobytes()
    assert one.kl_divergence_ == two.kl_divergence_
    assert one.transform(X[:50] + 0.1).tobytes() == two.transform(X[:50] + 0.1).tobytes()
