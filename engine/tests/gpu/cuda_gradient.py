"""The GPU's gradients against the exact ones; test_gradient.py runs this file in a subprocess."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from meshtsne.descent.loop import descend
from meshtsne.descent.schedule import plan_phases
from meshtsne.forces import exact

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
N = 70  # points of `joint` in conftest.py
FEW = 32  # points of `few_joint`


@pytest.fixture(autouse=True)
def small_grids(monkeypatch):
    """Begin with grids of 64 nodes per side instead of 128, without a GPU.

    The interpreter runs the programs of a kernel one after another: most of them for 1,024 nodes.
    """
    from meshtsne.cuda import repulsion

    if DEVICE == "cpu":
        monkeypatch.setattr(repulsion, "SIZES", [64, 80, 96, *repulsion.SIZES])


@pytest.fixture
def few_joint(joint):
    """Return joint probabilities of fewer points, for long descents."""
    P = joint[:FEW, :FEW]
    return P / P.sum()


def make_gradient(P, Y):
    from meshtsne.cuda import CudaGradient

    return CudaGradient(csr_array(P.astype(np.float32)), Y.astype(np.float32), device=DEVICE)


def forces_of(gradient):
    """Return F, shape (n, 2), and Z of the grid."""
    gradient._grid.begin()
    gradient._grid.evaluate(gradient._points.view(torch.int64))
    grid = gradient._grid
    return grid.repulsion.T.cpu().numpy(), int(grid.z) / grid.z_scale


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


def test_a_planned_descent_agrees_with_the_exact_one(few_joint):
    """Including the phases of the schedule, whose momentum changes without a restart."""
    phases = plan_phases(
        FEW,
        n_iter=10,
        early_exaggeration_iter=4,
        early_exaggeration=4.0,
        late_exaggeration=1.0,
        learning_rate=3.5,
    )
    assert len(phases) == 7
    gradient = make_gradient(few_joint, np.random.default_rng(10).normal(size=(FEW, 2)) * 3)
    truth = exact.ExactGradient(few_joint, gradient.embedding())
    found, expected = descend(gradient, phases), descend(truth, phases)
    assert found.n_iter == expected.n_iter == 10
    assert found.kl_divergence == pytest.approx(expected.kl_divergence, rel=2e-3)
    moved = truth.embedding() - truth.embedding().mean(0)
    assert np.linalg.norm(gradient.embedding() - moved) < 0.01 * np.linalg.norm(moved)


def test_renumbering_changes_only_the_order(few_joint):
    Y = np.random.default_rng(4).normal(size=(FEW, 2)) * 3
    results = []
    for renumbered in (False, True):
        gradient = make_gradient(few_joint, Y)
        gradient._renumbered_at = -1 if renumbered else 0
        gradient.advance(3, exaggeration=1.0, momentum=0.5, learning_rate=8.0)
        results.append(gradient.embedding())
        assert bool((gradient._order.cpu() == torch.arange(FEW)).all()) is not renumbered
    np.testing.assert_allclose(*results, atol=1e-3)


def test_steps_that_leave_the_grid_are_repeated_on_a_larger_grid(few_joint):
    Y = np.random.default_rng(5).normal(size=(FEW, 2)) * 2
    parameters = {"exaggeration": 0.0, "momentum": 0.9, "learning_rate": 1000.0}
    gradient = make_gradient(few_joint, Y)
    size = gradient._grid.size
    gradient.advance(3, **parameters)
    assert gradient._grid.size > size
    roomy = make_gradient(few_joint, Y)
    roomy._cover_points(margin=12)
    size = roomy._grid.size
    roomy.advance(3, **parameters)
    assert roomy._grid.size == size
    moved = roomy.embedding()
    assert np.linalg.norm(gradient.embedding() - moved) < 0.05 * np.linalg.norm(moved)


def test_computing_the_divergence_does_not_change_the_descent(few_joint):
    Y = np.random.default_rng(8).normal(size=(FEW, 2)) * 3
    results = []
    for with_divergence in (False, True):
        gradient = make_gradient(few_joint, Y)
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


def test_the_divergence_of_distant_points_is_exact(few_joint):
    Y = np.random.default_rng(9).uniform(size=(FEW, 2)) * 250
    gradient = make_gradient(few_joint, Y)
    truth = exact.ExactGradient(few_joint, gradient.embedding())
    assert gradient.kl_divergence() == pytest.approx(truth.kl_divergence(), rel=1e-3)


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
