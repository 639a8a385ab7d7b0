"""The engine starts no more threads than asked, also beside PyTorch and scikit-learn."""

import subprocess
import sys

import pytest

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
