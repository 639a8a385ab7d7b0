"""The engine starts at most `n_jobs` threads, also if PyTorch and scikit-learn are loaded."""

import sys

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from meshtsne import TSNE, blas
from meshtsne.blas import one_blas_thread
from meshtsne.descent.initial import spectral_start


@pytest.mark.parametrize("shape", [(150, 700), (900, 400)])
def test_the_bits_do_not_depend_on_the_threads_of_blas(shape):
    # Wide enough that OpenBLAS shares the products of the principal components.
    X = np.random.default_rng(0).normal(size=shape) / (1 + np.arange(shape[1]))
    found = []
    for n_threads in (1, 3):
        with threadpool_limits(n_threads, user_api="blas"):
            found.append(TSNE(random_state=0, n_jobs=n_threads, max_iter=30).fit_transform(X))
    np.testing.assert_array_equal(*found)


def test_one_blas_thread_can_be_nested_and_restores_the_limit():
    def widths():
        is_loaded = "scipy.linalg" in sys.modules
        return {pool["num_threads"] for pool in blas._blas(is_scipy_loaded=is_loaded).info()}

    with threadpool_limits(3, user_api="blas"):
        with one_blas_thread:
            with one_blas_thread:
                assert widths() == {1}
            assert widths() == {1}
        assert widths() == {3}


def test_the_spectral_start_limits_the_threads_of_scipys_blas(monkeypatch):
    import scipy.sparse.linalg

    found = []

    def lobpcg(_smooth, block, **_options):
        pools = ThreadpoolController().select(user_api="blas").info()
        found.extend(pool["num_threads"] for pool in pools)
        return None, block

    monkeypatch.setattr(scipy.sparse.linalg, "lobpcg", lobpcg)
    P = scipy.sparse.csr_array(1 - np.eye(300)) / (300 * 299)
    with threadpool_limits(3, user_api="blas"):
        spectral_start(P, 2, generator=np.random.RandomState(0))
    assert set(found) == {1}
