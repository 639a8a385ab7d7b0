"""The GPU's kernels against the exact formulas; test_cuda.py runs this file in a subprocess."""

import pickle
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError

from meshtsne import TSNE
from meshtsne.descent.loop import descend
from meshtsne.descent.schedule import plan_phases
from meshtsne.errors import DeviceError
from meshtsne.fit.request import Request
from meshtsne.forces import exact

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"

N, K = 70, 21


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(N, 5)) + 4 * rng.integers(2, size=(N, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def nearest(points):
    D = ((points[:, None].astype(float) - points[None]) ** 2).sum(2)
    np.fill_diagonal(D, np.inf)
    indices = np.argsort(D, axis=1)[:, :K].astype(np.int32)
    return indices, np.take_along_axis(D, indices, 1)


@pytest.fixture(scope="module")
def joint(nearest):
    indices, squared = nearest
    P = np.zeros((N, N))
    np.put_along_axis(P, indices.astype(int), exact.conditional_probabilities(squared, 7.0), 1)
    return (P + P.T) / (2 * N)


def on_device(array):
    return torch.from_numpy(array).to(DEVICE)


def make_gradient(P, Y):
    from meshtsne.cuda import CudaGradient

    return CudaGradient(csr_array(P.astype(np.float32)), Y.astype(np.float32), device=DEVICE)


def forces_of(gradient):
    """Return F, shape (n, 2), and Z of the grid."""
    gradient._grid.begin()
    gradient._grid.evaluate(gradient._points.view(torch.int64))
    grid = gradient._grid
    return grid.repulsion.T.cpu().numpy(), int(grid.z) / grid.z_scale


@pytest.mark.parametrize("exact_search", [True, False])
def test_neighbors_are_the_nearest(points, nearest, exact_search):
    from meshtsne.cuda.neighbors import find_neighbors

    found = find_neighbors(on_device(points), K, exact=exact_search)
    indices = np.empty((N, K), dtype=int)
    order = found.order.cpu().numpy()
    indices[order] = order[found.indices.cpu().numpy()]
    squared = np.empty((N, K))
    squared[order] = found.squared_distances.cpu().numpy()
    np.testing.assert_array_equal(indices, nearest[0])
    np.testing.assert_allclose(squared, nearest[1], rtol=1e-4)
    assert found.recall == 1


def test_neighbors_in_many_columns_are_the_nearest():
    from meshtsne.cuda.neighbors import _assign, _pad, find_neighbors

    X = np.random.default_rng(3).normal(size=(N, 130)).astype(np.float32)
    D = ((X[:, None].astype(float) - X[None]) ** 2).sum(2)
    padded = _pad(on_device(X))
    np.testing.assert_array_equal(_assign(padded, padded[:7].clone()).cpu(), D[:, :7].argmin(1))
    np.fill_diagonal(D, np.inf)
    found = find_neighbors(on_device(X), 3, exact=True)
    squared = np.empty((N, 3))
    squared[found.order.cpu().numpy()] = found.squared_distances.cpu().numpy()
    np.testing.assert_allclose(squared, np.sort(D, axis=1)[:, :3], rtol=1e-4)


def test_identical_points_have_k_different_neighbors():
    from meshtsne.cuda.neighbors import find_neighbors

    found = find_neighbors(torch.zeros(40, 3, device=DEVICE), 30)
    rows = found.indices.cpu().numpy()
    assert [len(set(row) - {i}) for i, row in enumerate(rows)] == [30] * 40


def test_close_points_far_from_the_origin_have_exact_neighbors():
    from meshtsne.cuda.neighbors import find_neighbors

    rng = np.random.default_rng(7)
    X = (rng.normal(size=(128, 4)) * 1e-4 + np.repeat([[-1.0], [1.0]], 64, axis=0)).astype("f4")
    D = ((X[:, None].astype(float) - X[None]) ** 2).sum(2)
    np.fill_diagonal(D, np.inf)
    found = find_neighbors(on_device(X), 9)
    order = found.order.cpu().numpy()
    squared = np.empty((128, 9))
    squared[order] = found.squared_distances.cpu().numpy()
    np.testing.assert_allclose(squared, np.sort(D, axis=1)[:, :9], atol=1e-10)
    assert found.recall > 0.999


def test_the_recall_counts_missed_neighbors(points, nearest):
    from meshtsne.cuda.neighbors import _measure_recall, _sample

    on = on_device(points)
    sample = _sample(on, K, 0)
    assert _measure_recall(on, sample, on_device(nearest[0])) == 1
    farthest = np.argsort(((points[:, None] - points[None]) ** 2).sum(2), axis=1)[:, -3:]
    missed = np.hstack([nearest[0][:, :-3], farthest.astype(np.int32)])
    assert _measure_recall(on, sample, on_device(missed)) == pytest.approx(1 - 3 / K)


def test_conditional_probabilities_agree_with_the_exact_ones(nearest):
    from meshtsne.cuda.affinities import conditional_probabilities

    squared = nearest[1].copy()
    squared[0] = 3.0  # equal distances reach only the perplexity k
    p = conditional_probabilities(on_device(squared.astype(np.float32)), 7.0).cpu().numpy()
    np.testing.assert_allclose(p, exact.conditional_probabilities(squared, 7.0), atol=1e-5)


def test_several_perplexities_are_averaged(nearest):
    from meshtsne.cuda.affinities import conditional_probabilities

    squared = nearest[1][:8]
    p = conditional_probabilities(on_device(squared.astype(np.float32)), [4.0, 9.0]).cpu().numpy()
    one, two = (exact.conditional_probabilities(squared, u) for u in (4.0, 9.0))
    np.testing.assert_allclose(p, (one + two) / 2, atol=1e-5)


def test_joint_probabilities_agree_with_the_exact_ones(nearest, joint):
    from meshtsne.cuda.affinities import conditional_probabilities, joint_probabilities

    conditional = conditional_probabilities(on_device(nearest[1].astype(np.float32)), 7.0)
    P = joint_probabilities(on_device(nearest[0]), conditional)
    parts = (P.values.cpu().numpy(), P.indices.cpu().numpy(), P.row_start.cpu().numpy())
    np.testing.assert_allclose(csr_array(parts, shape=(N, N)).toarray(), joint, atol=1e-7)


@pytest.mark.parametrize("spread", [1e-3, 0.03, 0.5, 4.0])
def test_repulsion_agrees_with_the_exact_one(joint, spread):
    Y = np.random.default_rng(1).normal(size=(N, 2)) * spread
    gradient = make_gradient(joint, Y)
    F, Z = forces_of(gradient)
    _, expected, z = exact.forces(joint, gradient.embedding())
    assert np.linalg.norm(F - expected) < 0.03 * np.linalg.norm(expected)
    assert pytest.approx(z, rel=5e-3) == Z


def test_spreading_by_tile_and_by_point_gives_the_same_forces(joint, monkeypatch):
    from meshtsne.cuda import repulsion

    Y = np.random.default_rng(2).normal(size=(N, 2)) * 1.5
    in_tiles = forces_of(make_gradient(joint, Y))
    monkeypatch.setattr(repulsion, "_TILE", 16)  # too small for this map: spreads each point alone
    singly = forces_of(make_gradient(joint, Y))
    np.testing.assert_allclose(in_tiles[0], singly[0], atol=2e-3 * np.abs(singly[0]).max())


def test_steps_agree_with_the_exact_ones(joint):
    Y = np.random.default_rng(3).normal(size=(N, 2)) * 3
    gradient = make_gradient(joint, Y)
    truth = exact.ExactGradient(joint, gradient.embedding())
    assert gradient.kl_divergence() == pytest.approx(truth.kl_divergence(), rel=2e-3)
    for descent in (gradient, truth):
        descent.advance(5, exaggeration=4.0, momentum=0.5, learning_rate=8.0)
    moved = truth.embedding() - truth.embedding().mean(0)
    assert np.linalg.norm(gradient.embedding() - moved) < 0.01 * np.linalg.norm(moved)


def test_a_planned_descent_agrees_with_the_exact_one(joint):
    """Including the phases of the schedule, whose momentum changes without a restart."""
    phases = plan_phases(
        N,
        n_iter=10,
        early_exaggeration_iter=4,
        early_exaggeration=4.0,
        late_exaggeration=1.0,
        learning_rate=8.0,
    )
    assert len(phases) == 7
    gradient = make_gradient(joint, np.random.default_rng(10).normal(size=(N, 2)) * 3)
    truth = exact.ExactGradient(joint, gradient.embedding())
    found, expected = descend(gradient, phases), descend(truth, phases)
    assert found.n_iter == expected.n_iter == 10
    assert found.kl_divergence == pytest.approx(expected.kl_divergence, rel=2e-3)
    moved = truth.embedding() - truth.embedding().mean(0)
    assert np.linalg.norm(gradient.embedding() - moved) < 0.01 * np.linalg.norm(moved)


def test_renumbering_changes_only_the_order(joint):
    Y = np.random.default_rng(4).normal(size=(N, 2)) * 3
    results = []
    for renumbered in (False, True):
        gradient = make_gradient(joint, Y)
        gradient._renumbered_at = -1 if renumbered else 0
        gradient.advance(3, exaggeration=1.0, momentum=0.5, learning_rate=8.0)
        results.append(gradient.embedding())
        assert bool((gradient._order.cpu() == torch.arange(N)).all()) is not renumbered
    np.testing.assert_allclose(*results, atol=1e-3)


def test_steps_that_leave_the_grid_are_repeated_on_a_larger_grid(joint):
    Y = np.random.default_rng(5).normal(size=(N, 2)) * 2
    parameters = {"exaggeration": 1.0, "momentum": 0.9, "learning_rate": 2200.0}
    gradient = make_gradient(joint, Y)
    size = gradient._grid.size
    gradient.advance(2, **parameters)
    assert gradient._grid.size > size
    roomy = make_gradient(joint, Y)
    roomy._place_around_points(margin=12)
    size = roomy._grid.size
    roomy.advance(2, **parameters)
    assert roomy._grid.size == size
    moved = roomy.embedding()
    assert np.linalg.norm(gradient.embedding() - moved) < 0.05 * np.linalg.norm(moved)


def test_computing_the_divergence_does_not_change_the_descent(joint):
    Y = np.random.default_rng(8).normal(size=(N, 2)) * 3
    results = []
    for with_divergence in (False, True):
        gradient = make_gradient(joint, Y)
        for _ in range(2):
            gradient.advance(3, exaggeration=4.0, momentum=0.5, learning_rate=8.0)
            if with_divergence:
                gradient.kl_divergence()
        results.append(gradient.embedding())
    np.testing.assert_array_equal(*results)


def test_the_divergence_is_exact_after_points_left_the_grid(joint):
    gradient = make_gradient(joint, np.random.default_rng(9).normal(size=(N, 2)))
    gradient._points.mul_(8)
    truth = exact.ExactGradient(joint, gradient.embedding())
    assert not gradient._evaluate()
    assert gradient.kl_divergence() == pytest.approx(truth.kl_divergence(), rel=2e-3)


def test_an_interrupted_step_restores_the_state_before_the_step(joint, monkeypatch):
    gradient = make_gradient(joint, np.random.default_rng(6).normal(size=(N, 2)))
    before = gradient.embedding()

    def interrupt():
        gradient._points.fill_(9)
        raise KeyboardInterrupt

    monkeypatch.setattr(gradient, "_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        gradient.advance(2, exaggeration=1.0, momentum=0.5, learning_rate=8.0)
    np.testing.assert_array_equal(gradient.embedding(), before)


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


SHORT = {"perplexity": 7, "max_iter": 4, "early_exaggeration_iter": 2, "random_state": 0}


def test_a_fit_on_the_gpu_agrees_with_a_fit_on_the_cpu(points, request):
    host = TSNE(**SHORT, device="cpu").fit(points)
    request.getfixturevalue("on_gpu")
    seen = []
    model = TSNE(**SHORT, callback=lambda *now: seen.append(now), callback_every=4).fit(points)
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
    again = TSNE(**SHORT).fit(points)
    np.testing.assert_array_equal(again.embedding_, model.embedding_)


@pytest.mark.usefixtures("on_gpu")
def test_copies_to_the_host_may_finish_after_the_descent(points, monkeypatch):
    from meshtsne.cuda import fit, host_copy

    expected = TSNE(**SHORT).fit(points)
    descent_ended = threading.Event()

    def copy_late(take, *arguments):
        def take_late(rows):
            assert descent_ended.wait(60)
            return take(rows)

        return host_copy.copy_to_host(take_late, *arguments)

    monkeypatch.setattr(fit, "copy_to_host", copy_late)
    model = TSNE(**SHORT, callback=lambda *_: descent_ended.set(), callback_every=4).fit(points)
    np.testing.assert_array_equal(model.neighbors_indices_, expected.neighbors_indices_)
    np.testing.assert_array_equal(model.neighbors_distances_, expected.neighbors_distances_)
    np.testing.assert_array_equal(model.transform(points[:5]), expected.transform(points[:5]))


@pytest.mark.usefixtures("on_gpu")
def test_a_copy_without_memory_fails_the_fit(points, monkeypatch):
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
        model.fit(points)
    with pytest.raises(NotFittedError):
        model.transform(points)


def test_arrays_are_copied_to_the_host_in_blocks(monkeypatch):
    from meshtsne.cuda import host_copy

    monkeypatch.setattr(host_copy, "_NUMBERS_AT_ONCE", 15)  # three rows
    values = on_device(np.arange(35).reshape(7, 5))
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


@pytest.mark.usefixtures("on_gpu")
def test_transform_after_a_fit_on_the_gpu_and_after_pickling(points):
    model = TSNE(**SHORT).fit(points)
    taken = pickle.loads(pickle.dumps(model))
    for one in (model, taken):
        np.testing.assert_array_equal(one.transform(points[:9]), model.embedding_[:9])


@pytest.mark.usefixtures("no_check")
def test_the_initial_positions_are_those_of_the_cpu(points):
    from meshtsne.cuda.fit import DeviceStages
    from meshtsne.fit.stages import HostStages

    ask = Request(
        n_neighbors=K, perplexities=(7.0,), metric="cosine", n_pca=3, n_components=2, init="pca",
        method="auto", generator=np.random.RandomState(1), n_threads=1,
    )  # fmt: skip
    pair = HostStages(ask), DeviceStages(ask, device=DEVICE)
    for stages in pair:
        stages.reduce(points)
        stages.build_index()
        stages.find_neighbors()
        stages.join()
    found = pair[1]._found
    for init in ("pca", "random", "spectral", points[:, :2]):
        pair[1]._found = found  # first_positions frees it
        starts = []
        for stages in pair:
            stages._request = replace(ask, init=init, generator=np.random.RandomState(2))
            starts.append(stages.first_positions())
        np.testing.assert_allclose(starts[1], starts[0], atol=0.02 * np.abs(starts[0]).max())


def test_the_check_accepts_correct_kernels_and_raises_for_others(monkeypatch):
    from meshtsne.cuda import check

    differences = check.measure(DEVICE, 70)
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
