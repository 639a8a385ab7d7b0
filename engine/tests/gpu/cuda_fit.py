"""Fits on the GPU against fits on the CPU; test_fit.py runs this file in a subprocess."""

import pickle
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from meshtsne import TSNE
from meshtsne.errors import DeviceError
from meshtsne.fit.request import FitRequest

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"


@pytest.fixture(scope="module")
def few(points):
    """Return fewer points than a block of the search has, for fast fits."""
    return points[:60]


@pytest.fixture
def no_check(monkeypatch):
    """Skip the check before a fit, which has its own test."""
    from meshtsne.cuda import fit

    monkeypatch.setattr(fit, "check_device", lambda _device: None)


@pytest.fixture
def on_gpu(no_check, monkeypatch):  # noqa: ARG001 - set up first
    """Make TSNE run on the GPU or in the interpreter, for any `device`."""
    from meshtsne import estimator

    place = "cuda" if HAS_GPU else "cpu:0"
    monkeypatch.setattr(estimator, "resolve_device", lambda *_args, **_options: place)


@pytest.fixture(scope="module")
def seen():
    """Return a list, which `fitted` extends by the arguments of its callback."""
    return []


@pytest.fixture(scope="module")
def fitted(few, seen):
    """Return a model that was fitted on the GPU or in the interpreter."""
    from meshtsne import estimator
    from meshtsne.cuda import fit

    place = "cuda" if HAS_GPU else "cpu:0"
    with (
        mock.patch.object(fit, "check_device"),
        mock.patch.object(estimator, "resolve_device", return_value=place),
    ):
        model = TSNE(**SHORT, callback=lambda *now: seen.append(now), callback_every=4).fit(few)
    model.callback = None  # a function of a function cannot be pickled
    return model


SHORT = {"perplexity": 7, "max_iter": 4, "early_exaggeration_iter": 2, "random_state": 0}


def test_a_fit_on_the_gpu_agrees_with_a_fit_on_the_cpu(few, fitted, seen):
    host, model = TSNE(**SHORT, device="cpu").fit(few), fitted
    assert model.device_.startswith("cuda (" if HAS_GPU else "cpu:0")
    assert host.device_ == "cpu"
    np.testing.assert_array_equal(model.neighbors_indices_, host.neighbors_indices_)
    np.testing.assert_allclose(
        model.neighbors_distances_, host.neighbors_distances_, rtol=1e-4, atol=1e-6
    )
    assert model.neighbors_recall_ == 1
    assert np.abs((model.affinities_ - host.affinities_).toarray()).max() < 1e-6
    assert np.linalg.norm(model.embedding_ - host.embedding_) < 0.05 * np.linalg.norm(
        host.embedding_
    )
    assert model.kl_divergence_ == pytest.approx(host.kl_divergence_, rel=1e-2)
    assert set(model.timings_) == set(host.timings_)
    done, kl, embedding = seen[0]
    assert (done, kl) == (4, model.kl_divergence_)
    np.testing.assert_array_equal(embedding, model.embedding_)


@pytest.mark.usefixtures("on_gpu")
def test_a_fit_whose_copies_finish_after_the_descent_has_the_same_bits(few, fitted, monkeypatch):
    from meshtsne.cuda import fit, host_copy

    descent_ended = threading.Event()

    def copy_late(take, *arguments):
        def take_late(rows):
            assert descent_ended.wait(60)
            return take(rows)

        return host_copy.copy_to_host(take_late, *arguments)

    monkeypatch.setattr(fit, "copy_to_host", copy_late)
    model = TSNE(**SHORT, callback=lambda *_: descent_ended.set(), callback_every=4).fit(few)
    np.testing.assert_array_equal(model.embedding_, fitted.embedding_)
    np.testing.assert_array_equal(model.neighbors_indices_, fitted.neighbors_indices_)
    np.testing.assert_array_equal(model.neighbors_distances_, fitted.neighbors_distances_)
    np.testing.assert_array_equal(model.transform(few[:5]), fitted.transform(few[:5]))


@pytest.mark.usefixtures("on_gpu")
def test_a_copy_without_memory_fails_the_fit(few, monkeypatch):
    from meshtsne.cuda import fit

    def fail(*_arguments):
        failed = Future()
        failed.set_exception(torch.OutOfMemoryError("no room"))
        return failed

    monkeypatch.setattr(fit, "copy_to_host", fail)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (10**9, 10**9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 0)
    model = TSNE(**SHORT)
    with pytest.raises(DeviceError, match=r"do not fit into 1\.0 GB"):
        model.fit(few[:30])
    with pytest.raises(NotFittedError):
        model.transform(few)


def test_arrays_are_copied_to_the_host_in_blocks(monkeypatch):
    from meshtsne.cuda import host_copy

    monkeypatch.setattr(host_copy, "_NUMBERS_AT_ONCE", 15)  # three rows
    values = torch.arange(35, device=DEVICE).reshape(7, 5)
    seen = []

    def take(rows):
        seen.append(rows.stop - rows.start)
        return values[rows], values[rows] / 2

    dtypes = [torch.int64, torch.float32]
    whole, half = host_copy.copy_to_host(take, (7, 5), dtypes, values.device).result()
    assert seen == [3, 3, 1]
    np.testing.assert_array_equal(whole, values.cpu())
    np.testing.assert_array_equal(half, values.cpu() / 2)
    assert half.dtype == np.float32

    def fail(_rows):
        raise torch.OutOfMemoryError("no room")

    failed = host_copy.copy_to_host(fail, (7, 5), dtypes, values.device)
    with pytest.raises(torch.OutOfMemoryError):
        failed.result()


def test_transform_after_a_fit_on_the_gpu_and_after_pickling(few, fitted):
    taken = pickle.loads(pickle.dumps(fitted))
    for model in (fitted, taken):
        np.testing.assert_array_equal(model.transform(few[:9]), fitted.embedding_[:9])


@pytest.mark.usefixtures("no_check")
def test_the_initial_positions_are_those_of_the_cpu(few):
    from meshtsne.cuda.fit import DeviceStages
    from meshtsne.fit.stages import HostStages

    ask = FitRequest(
        n_items=len(few), n_neighbors=21, perplexities=(7.0,), metric="cosine", n_pca=3,
        n_components=2, init="pca", method="auto", generator=np.random.RandomState(1), n_threads=1,
    )  # fmt: skip
    pair = HostStages(ask), DeviceStages(ask, device=DEVICE)
    for stages in pair:
        stages.reduce(few)
        stages.build_index()
        stages.find_neighbors()
        stages.compute_affinities()
    found = pair[1]._found
    for init in ("pca", "random", "spectral", few[:, :2]):
        pair[1]._found = found  # first_positions frees it
        starts = []
        for stages in pair:
            stages._request = replace(ask, init=init, generator=np.random.RandomState(2))
            starts.append(stages.first_positions())
        np.testing.assert_allclose(starts[1], starts[0], atol=0.02 * np.abs(starts[0]).max())


def test_the_check_accepts_correct_kernels_and_raises_for_others(monkeypatch):
    from meshtsne.cuda import check

    differences = check.measure(DEVICE, 60)
    assert all(0 < share <= limit for _, share, limit in differences), differences
    cases = {
        "difference of steps is 0.9, the limit 0.05": [check.Difference("steps", 0.9, 0.05)],
        "difference of steps is nan": [check.Difference("steps", float("nan"), 0.05)],
        "fails at its check: no compiler": RuntimeError("no compiler\nin the path"),
    }
    for message, outcome in cases.items():

        def measure(_device, outcome=outcome):
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(check, "measure", measure)
        check.check_device.cache_clear()
        with pytest.raises(DeviceError, match=rf"{message}.*device='cpu'"):
            check.check_device("cuda")
    check.check_device.cache_clear()


def test_too_little_memory_is_an_error_with_the_number_that_fits(monkeypatch):
    from meshtsne.cuda import memory

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (8 * 10**9, 80 * 10**9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 0)
    device = torch.device("cuda")
    memory.require_memory(1_000_000, 50, 90, device)
    with pytest.raises(
        DeviceError, match=r"10,000,000 points .* 8\.0 GB are free, enough for about"
    ):
        memory.require_memory(10_000_000, 50, 90, device)


def test_a_failed_allocation_is_an_error_with_the_number_that_fits(monkeypatch):
    from meshtsne.cuda import memory

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (40 * 10**9, 80 * 10**9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 0)
    shape = (1_000_000, 50, 90)
    with (
        pytest.raises(DeviceError, match=r"1,000,000 points .* Try 800,000 points"),
        memory.explained_memory(lambda: shape, torch.device("cuda")),
    ):
        raise torch.OutOfMemoryError


def test_importing_the_package_loads_neither_torch_nor_triton():
    code = "import sys, meshtsne.cuda; print({'torch', 'triton'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
