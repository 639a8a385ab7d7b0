"""Points, and one PyTorch thread."""

import numpy as np
import pytest


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(70, 5)) + 4 * rng.integers(2, size=(70, 1))).astype(np.float32)
