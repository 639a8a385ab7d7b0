"""The GPU's gradient without a GPU, on PyTorch's CPU device."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from meshtsne.cuda import affinities, fit, repulsion
from meshtsne.cuda import gradient as module


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_the_exact_normalization_uses_the_given_number_of_threads(monkeypatch, n_jobs):
    used = []
    monkeypatch.setattr(module.CudaGradient, "_evaluate", lambda _self: True)
    for one in (module, affinities, repulsion):  # no kernel runs without a GPU
        monkeypatch.setattr(one, "launch", lambda *_args, **_options: None)
    monkeypatch.setattr(module, "LEAST_MEAN_OF_GRID", np.inf)
    monkeypatch.setattr(
        module, "normalization", lambda _Y, *, n_threads: used.append(n_threads) or 1.0
    )
    P = csr_array((1 - np.eye(3, dtype=np.float32)) / 6)
    Y = np.eye(3, 2, dtype=np.float32)
    module.CudaGradient(P, Y, device="cpu", n_jobs=n_jobs).kl_divergence()
    assert used == [n_jobs]


def test_the_gradient_of_a_fit_has_the_threads_of_the_request(monkeypatch):
    monkeypatch.setattr(fit, "CudaGradient", lambda *_args, n_jobs, **_options: n_jobs)
    stages = SimpleNamespace(
        _P=None, _order=None, _device=None, _request=SimpleNamespace(n_threads=3)
    )
    assert fit.DeviceStages.gradient(stages, None) == 3
