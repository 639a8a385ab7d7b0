"""The exact formulas against finite differences and the definitions."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from meshtsne.forces import exact


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def random_affinities(rng, n):
    P = rng.random((n, n))
    P = P + P.T
    np.fill_diagonal(P, 0)
    return P / P.sum()


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_gradient_is_the_derivative_of_the_divergence(rng, n_components):
    P, Y = random_affinities(rng, 9), rng.normal(size=(9, n_components))
    A, F, Z = exact.forces(P, Y)
    numeric = np.zeros_like(Y)
    for at in np.ndindex(*Y.shape):
        step = np.zeros_like(Y)
        step[at] = 1e-5
        up, down = exact.kl_divergence(P, Y + step), exact.kl_divergence(P, Y - step)
        numeric[at] = (up - down) / 2e-5
    np.testing.assert_allclose(4 * (A - F / Z), numeric, rtol=1e-5, atol=1e-9)


def test_each_row_reaches_the_perplexity(rng):
    D = rng.random((20, 15)) * np.logspace(-3, 3, 20)[:, None]
    p = exact.conditional_probabilities(D, 5.0)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(-(p * np.log(p)).sum(axis=1)), 5.0, rtol=1e-6)


def test_equal_distances_give_equal_probabilities():
    np.testing.assert_allclose(exact.conditional_probabilities(np.full((2, 8), 3.0), 4.0), 1 / 8)


def test_joint_probabilities_are_symmetric_and_sum_to_one(rng):
    P = exact.joint_probabilities(rng.normal(size=(12, 4)), 3.0)
    np.testing.assert_allclose(P, P.T)
    assert P.sum() == pytest.approx(1)
    assert (np.diag(P) == 0).all()


def test_the_descent_lowers_the_divergence(rng):
    P = exact.joint_probabilities(rng.normal(size=(30, 4)), 5.0)
    descent = exact.ExactGradient(P, rng.normal(size=(30, 2)) * 1e-2)
    before = descent.kl_divergence()
    descent.advance(100, exaggeration=1.0, momentum=0.5, learning_rate=10.0)
    assert descent.kl_divergence() < before - 0.1
    np.testing.assert_allclose(descent.embedding().mean(axis=0), 0, atol=1e-6)


def test_the_kl_divergence_in_blocks_agrees_with_the_dense_formula(monkeypatch):
    monkeypatch.setattr(exact, "_ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(0)
    P, Y = exact.joint_probabilities(rng.normal(size=(30, 3)), 5.0), rng.normal(size=(30, 2))
    P[P < 1e-3] = 0
    for scale in (1.0, 1e4, 1e100):
        z = exact.normalization(scale * Y)
        found = exact.sparse_kl_divergence(csr_array(P), scale * Y, z=z)
        assert found == pytest.approx(exact.kl_divergence(P, scale * Y), rel=1e-12)
    assert exact.normalization(Y) == pytest.approx(exact.forces(P, Y).z, rel=1e-12)
