import warnings
from contextlib import nullcontext

import numpy as np
import pytest
from scipy.sparse import block_diag, csr_array

from meshtsne.affinities import joint_probabilities
from meshtsne.descent import initial
from meshtsne.descent.initial import (
    START_SD,
    array_start,
    first_positions,
    pca_start,
    random_start,
    spectral_start,
)
from meshtsne.errors import InputError
from meshtsne.search.neighbors import nearest_neighbors


def generator(seed=0):
    return np.random.RandomState(seed)


def joint(X):
    return joint_probabilities(nearest_neighbors(X, 15), (5.0,), n_threads=1)


def test_pca_is_scaled_and_its_sign_is_fixed():
    X = (generator().normal(size=(200, 6)) * [1, 5, 2, 1, 1, 1]).astype(np.float32)
    Y = pca_start(X, 2, generator=generator())
    assert Y.dtype == np.float32
    assert Y[:, 0].std() == pytest.approx(START_SD, rel=1e-5)
    assert Y[:, 1].std() < Y[:, 0].std()
    assert np.corrcoef(Y[:, 0], X[:, 1])[0, 1] > 0.99
    np.testing.assert_array_equal(Y, pca_start(X, 2, generator=generator(5)))


def test_pca_in_blocks_of_rows_equals_pca_of_all_rows(monkeypatch):
    X = (3 + generator().normal(size=(101, 6)) * [1, 5, 2, 1, 1, 1]).astype(np.float32)
    at_once = pca_start(X, 2, generator=generator())
    monkeypatch.setattr(initial, "_BLOCK_ROWS", 20)
    np.testing.assert_allclose(pca_start(X, 2, generator=generator()), at_once, rtol=1e-5)


def test_pca_of_wide_points():
    X = (generator().normal(size=(120, 400)) * ([9, 5] + [1] * 398)).astype(np.float32)
    Y = pca_start(X, 2, generator=generator())
    U, S, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    for axis in range(2):
        assert abs(np.corrcoef(Y[:, axis], U[:, axis] * S[axis])[0, 1]) > 0.999


@pytest.mark.parametrize("width", [1, 2, 5])
def test_identical_points_get_random_initial_positions(width):
    Y = pca_start(np.full((50, width), 3, dtype=np.float32), 3, generator=generator())
    np.testing.assert_allclose(Y.std(axis=0), START_SD, rtol=0.4)
    flat = np.zeros((50, width), dtype=np.float32)
    flat[:, 0] = np.arange(50)
    Y = pca_start(flat, 2, generator=generator())
    assert Y[:, 1].std() == pytest.approx(START_SD, rel=0.4)


def test_random_positions_depend_on_the_seed():
    Y = random_start(2_000, 2, generator=generator())
    np.testing.assert_allclose(Y.std(axis=0), START_SD, rtol=0.1)
    assert (random_start(2_000, 2, generator=generator()) == Y).all()
    assert (random_start(2_000, 2, generator=generator(1)) != Y).any()


@pytest.mark.parametrize("n", [150, 600])
def test_spectral_orders_a_circle(n):
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    Y = spectral_start(joint(X), 2, generator=generator())
    assert Y[:, 0].std() == pytest.approx(START_SD, rel=0.05)
    turn = np.unwrap(np.arctan2(Y[:, 1], Y[:, 0]))
    assert abs(np.corrcoef(turn, angle)[0, 1]) > 0.999


@pytest.mark.parametrize("size", [40, 200])
def test_spectral_accepts_a_disconnected_graph(size):
    pieces = [joint(generator(i).normal(size=(size, 3)).astype(np.float32)) for i in range(4)]
    P = csr_array(block_diag(pieces) / 4).astype(np.float32)
    Y = spectral_start(P, 2, generator=generator())
    assert np.isfinite(Y).all()
    np.testing.assert_array_equal(Y, spectral_start(P, 2, generator=generator()))


@pytest.mark.parametrize(
    "message",
    ["eigh failed at iteration 3", "Exited with 0.1\nnot reaching the requested tolerance 1e-05"],
)
def test_spectral_ignores_only_the_warning_that_it_has_not_converged(monkeypatch, message):
    def warn(_matrix, block, **_parameters):
        warnings.warn(message, UserWarning, stacklevel=2)
        return None, block

    monkeypatch.setattr("scipy.sparse.linalg.lobpcg", warn)
    P = joint(generator().normal(size=(250, 3)).astype(np.float32))
    expected = nullcontext() if message.startswith("Exited") else pytest.warns(match=message)
    with expected:
        spectral_start(P, 2, generator=generator())


def test_an_unknown_name_is_an_error():
    X = generator().normal(size=(50, 3)).astype(np.float32)
    with pytest.raises(InputError, match=r"one of pca, random, spectral or an array .* got 'PCA'"):
        first_positions(
            "PCA",
            (50, 2),
            pca=lambda: pca_start(X, 2, generator=generator()),
            join=lambda: joint(X),
            generator=generator(),
        )


def test_an_array_keeps_its_scale_and_is_copied():
    given = np.arange(10.0).reshape(5, 2)
    Y = array_start(given, shape=(5, 2))
    np.testing.assert_array_equal(Y, given)
    Y[0] = 9
    assert given[0, 0] == 0


def test_an_invalid_array_is_an_error():
    with pytest.raises(InputError, match=r"must have the shape .*\(5, 2\); got \(5, 3\)"):
        array_start(np.zeros((5, 3)), shape=(5, 2))
    with pytest.raises(InputError, match="1 rows contain NaN or infinity, the first is row 2"):
        array_start([[0, 0], [1, 1], [np.nan, 0]], shape=(3, 2))
