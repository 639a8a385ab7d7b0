"""The GPU's kernels against the exact formulae; test_cuda.py runs this in a process of its own."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from featscape.errors import DeviceError
from featscape.tsne import exact
from featscape.tsne.descent import Phase

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
    from featscape.tsne.cuda import CudaGradient

    return CudaGradient(csr_array(P.astype(np.float32)), Y.astype(np.float32), device=DEVICE)


def forces_of(gradient):
    """Return F, shape (n, 2), and Z as the grid has them."""
    gradient._field.begin()
    gradient._field.evaluate(gradient._points.view(torch.int64))
    field = gradient._field
    return field.repulsion.T.cpu().numpy(), int(field.z) / field.z_scale


@pytest.mark.parametrize("exact_search", [True, False])
def test_neighbors_are_the_nearest(points, nearest, exact_search):
    from featscape.tsne.cuda.neighbors import find_neighbors

    found = find_neighbors(on_device(points), K, exact=exact_search)
    indices = np.empty((N, K), dtype=int)
    order = found.order.cpu().numpy()
    indices[order] = order[found.indices.cpu().numpy()]
    squared = np.empty((N, K))
    squared[order] = found.squared_distances.cpu().numpy()
    np.testing.assert_array_equal(indices, nearest[0])
    np.testing.assert_allclose(squared, nearest[1], rtol=1e-4)
    assert found.recall == 1


def test_neighbors_of_points_that_coincide_are_as_many_as_asked():
    from featscape.tsne.cuda.neighbors import find_neighbors

    found = find_neighbors(torch.zeros(40, 3, device=DEVICE), 30)
    rows = found.indices.cpu().numpy()
    assert [len(set(row) - {i}) for i, row in enumerate(rows)] == [30] * 40


def test_recall_counts_what_the_lists_missed(points, nearest):
    from featscape.tsne.cuda.neighbors import _measure_recall

    squared = nearest[1].astype(np.float32)
    assert _measure_recall(on_device(points), on_device(squared), 0) == 1
    missed = np.concatenate(
        [squared[:, :-3], squared[:, -1:] * np.float32([[1, 1, 1.001]])], axis=1
    )
    recall = _measure_recall(on_device(points), on_device(missed), 0)
    assert recall == pytest.approx(1 - 1 / K, abs=0.01)


def test_conditional_probabilities_agree_with_the_exact_ones(nearest):
    from featscape.tsne.cuda.affinities import conditional_probabilities

    squared = nearest[1].copy()
    squared[0] = 3.0  # no perplexity but k is within reach
    p = conditional_probabilities(on_device(squared.astype(np.float32)), 7.0).cpu().numpy()
    np.testing.assert_allclose(p, exact.conditional_probabilities(squared, 7.0), atol=1e-5)


def test_several_perplexities_are_averaged(nearest):
    from featscape.tsne.cuda.affinities import conditional_probabilities

    squared = nearest[1][:8]
    p = conditional_probabilities(on_device(squared.astype(np.float32)), [4.0, 9.0]).cpu().numpy()
    one, two = (exact.conditional_probabilities(squared, u) for u in (4.0, 9.0))
    np.testing.assert_allclose(p, (one + two) / 2, atol=1e-5)


def test_joint_probabilities_agree_with_the_exact_ones(nearest, joint):
    from featscape.tsne.cuda.affinities import conditional_probabilities, joint_probabilities

    conditional = conditional_probabilities(on_device(nearest[1].astype(np.float32)), 7.0)
    P = joint_probabilities(on_device(nearest[0]), conditional)
    parts = (P.values.cpu().numpy(), P.indices.cpu().numpy(), P.row_start.cpu().numpy())
    np.testing.assert_allclose(csr_array(parts, shape=(N, N)).toarray(), joint, atol=1e-7)


@pytest.mark.parametrize("spread", [0.5, 4.0])
def test_repulsion_agrees_with_the_exact_one(joint, spread):
    Y = np.random.default_rng(1).normal(size=(N, 2)) * spread
    gradient = make_gradient(joint, Y)
    F, Z = forces_of(gradient)
    _, expected, z = exact.forces(joint, gradient.embedding())
    assert np.linalg.norm(F - expected) < 0.03 * np.linalg.norm(expected)
    assert pytest.approx(z, rel=5e-3) == Z


def test_points_far_apart_and_points_close_together_are_spread_alike(joint, monkeypatch):
    from featscape.tsne.cuda import field

    Y = np.random.default_rng(2).normal(size=(N, 2)) * 1.5
    in_tiles = forces_of(make_gradient(joint, Y))
    monkeypatch.setattr(field, "_TILE", 16)  # too small for this map: each point for itself
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


def test_renumbering_changes_nothing_but_the_order(joint):
    Y = np.random.default_rng(4).normal(size=(N, 2)) * 3
    results = []
    for renumbered in (False, True):
        gradient = make_gradient(joint, Y)
        gradient._renumbered_at = -1 if renumbered else 0
        gradient.advance(3, exaggeration=1.0, momentum=0.5, learning_rate=8.0)
        results.append(gradient.embedding())
        assert bool((gradient._order.cpu() == torch.arange(N)).all()) is not renumbered
    np.testing.assert_allclose(*results, atol=1e-3)


def test_a_map_that_outgrows_its_grid_is_taken_back_and_given_a_larger_one(joint):
    Y = np.random.default_rng(5).normal(size=(N, 2)) * 2
    parameters = {"exaggeration": 1.0, "momentum": 0.9, "learning_rate": 2200.0}
    gradient = make_gradient(joint, Y)
    size = gradient._field.size
    gradient.advance(2, **parameters)
    assert gradient._field.size > size
    roomy = make_gradient(joint, Y)
    roomy._place_around_points(margin=12)
    size = roomy._field.size
    roomy.advance(2, **parameters)
    assert roomy._field.size == size
    moved = roomy.embedding()
    assert np.linalg.norm(gradient.embedding() - moved) < 0.05 * np.linalg.norm(moved)


def test_an_interrupted_step_leaves_the_state_before_it(joint, monkeypatch):
    gradient = make_gradient(joint, np.random.default_rng(6).normal(size=(N, 2)))
    before = gradient.embedding()

    def interrupt():
        gradient._points.fill_(9)
        raise KeyboardInterrupt

    monkeypatch.setattr(gradient, "_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        gradient.advance(2, exaggeration=1.0, momentum=0.5, learning_rate=8.0)
    np.testing.assert_array_equal(gradient.embedding(), before)


def test_the_whole_fit_repeats_itself_exactly_and_reports_to_its_callback(points):
    from featscape.tsne.cuda import fit_on_device

    seen = []
    fits = [
        fit_on_device(
            points,
            perplexity=7,
            n_neighbors=K,
            phases=[Phase(2, 12.0, 0.5, 6.0)],
            callback=lambda *now: seen.append(now),
            callback_every=2,
            device=DEVICE,
        )
        for _ in range(2 if HAS_GPU else 1)  # the interpreter has no threads to race
    ]
    np.testing.assert_array_equal(fits[0].embedding, fits[-1].embedding)
    assert fits[0].outcome.n_iter == 2
    assert np.isfinite(fits[0].embedding).all()
    done, kl, embedding = seen[0]
    assert (done, kl) == (2, fits[0].outcome.kl_divergence)
    np.testing.assert_array_equal(embedding, fits[0].embedding)
    indices, distances = fits[0].neighbors()
    assert indices.shape == distances.shape == (N, K)


def test_too_little_memory_is_an_error_that_says_what_would_fit(monkeypatch):
    from featscape.tsne.cuda import memory

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (8 * 10**9, 80 * 10**9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 0)
    device = torch.device("cuda")
    memory.require_memory(1_000_000, 50, 90, device)
    with pytest.raises(
        DeviceError, match=r"10,000,000 points .* 8\.0 GB are free, enough for about"
    ):
        memory.require_memory(10_000_000, 50, 90, device)
    with pytest.raises(DeviceError, match="at most 16,777,216 points"):
        memory.require_memory(20_000_000, 50, 90, device)


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_without_a_gpu_cuda_is_an_error_with_its_remedy(points):
    from featscape.tsne.cuda import fit_on_device

    with pytest.raises(DeviceError, match=r"needs an NVIDIA GPU.*Pass device='cpu'"):
        fit_on_device(points, perplexity=7, n_neighbors=K, phases=[Phase(1, 1.0, 0.5, 6.0)])


def test_importing_the_package_loads_neither_torch_nor_triton():
    code = "import sys, featscape.tsne.cuda; print({'torch', 'triton'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
