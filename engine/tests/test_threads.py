"""The engine starts at most `n_jobs` threads, also if PyTorch and scikit-learn are loaded."""

import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from meshtsne import TSNE, blas
from meshtsne.blas import one_blas_thread

CODE = """
import os
import sklearn, torch
import numpy as np
from meshtsne import TSNE

def count():
    return len(os.listdir("/proc/self/task"))

torch.set_num_threads(2)
torch.ones(500, 500) @ torch.ones(500, 500)
X = np.random.default_rng(0).normal(size=(6000, 20)).astype(np.float32)
TSNE(random_state=0, n_jobs=3, max_iter=5).fit(X)  # every library has its threads now
before, during = count(), []
TSNE(
    random_state=0, n_jobs=3, max_iter=60, callback=lambda *_: during.append(count()),
    callback_every=20,
).fit(X)
print(before, *during, count())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_a_descent_starts_n_jobs_minus_one_threads():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=120
    )
    before, *during, after = map(int, done.stdout.split())
    # The caller is the first of the three threads.
    assert during == [before + 2] * 3
    assert after == before


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
        return {pool["num_threads"] for pool in blas._blas().info()}

    with threadpool_limits(3, user_api="blas"):
        with one_blas_thread:
            with one_blas_thread:
                assert widths() == {1}
            assert widths() == {1}
        assert widths() == {3}
