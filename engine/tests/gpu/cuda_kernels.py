"""The GPU's kernels against the exact formulas; test_cuda.py runs this file in a subprocess."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from meshtsne.descent.loop import descend
from meshtsne.descent.schedule import plan_phases
from meshtsne.forces import exact

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"
N, K = 70, 21  # of `points` in conftest.py, and its neighbors


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
