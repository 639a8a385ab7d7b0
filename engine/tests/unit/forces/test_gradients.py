"""The native gradients, by the direct sum and by the grid, against the exact formulas."""

from functools import cache

import numpy as np
import pytest
from scipy.sparse import csr_array

from meshtsne.errors import DivergenceError
from meshtsne.forces import exact, grid
from meshtsne.forces.direct import DirectGradient
from meshtsne.forces.grid import GridGeometry, GridGradient, GridPotential, good_size

NATIVE = [DirectGradient, GridGradient]


def sparse_affinities(rng, n, share=0.1):
    P = rng.random((n, n)) * (rng.random((n, n)) < share)
    P = np.triu(P, 1)
    P = P + P.T
    return P / P.sum()


def relative_error(found, truth):
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


def map_like(rng, n, n_components, span):
    """Return clusters of points, like an embedding, with an extent of about `span`."""
    centers = rng.uniform(-span / 2, span / 2, size=(12, n_components))
    points = centers[rng.integers(12, size=n)] + rng.normal(size=(n, n_components)) * span / 25
    return points.astype(np.float32)


@cache
def exact_forces(n_components, span):
    """Return affinities, positions, and the exact forces."""
    rng = np.random.default_rng(5)
    n = 603  # not a multiple of the vector length
    Y, P = map_like(rng, n, n_components, span), sparse_affinities(rng, n)
    return P, Y, exact.forces(P, Y)


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("span", [1e-3, 0.5, 8.0, 40.0])
@pytest.mark.parametrize("gradient", NATIVE)
def test_forces_agree_with_the_exact_sum(gradient, n_components, span):
    P, Y, truth = exact_forces(n_components, span)
    A, F, Z = gradient(csr_array(P.astype(np.float32)), Y, n_jobs=2).forces()
    tolerance = 1e-6 if gradient is DirectGradient else 0.01
    assert relative_error(A, truth.attraction) < 1e-4
    assert relative_error(F, truth.repulsion) < tolerance
    assert pytest.approx(truth.z, rel=tolerance) == Z


@pytest.mark.parametrize(("n_points", "span"), [(1_000, 120.0), (10_000, 120.0), (60_000, 60.0)])
def test_the_force_error_is_below_one_percent_at_each_density(n_points, span):
    rng = np.random.default_rng(7)
    Y = map_like(rng, n_points, 2, span)
    F = GridGradient(csr_array((n_points, n_points), dtype=np.float32), Y, n_jobs=2).forces()[1]
    probes = rng.permutation(n_points)[:100]
    difference = Y[probes, None].astype(float) - Y
    w = 1 / (1 + (difference**2).sum(axis=2))
    truth = np.einsum("ij,ijd->id", w**2, difference)
    # A mean force shifts the whole embedding, which the next step reverses.
    assert relative_error(F[probes] - F.mean(axis=0, dtype=float), truth) < 0.01


def test_the_spacing_of_a_plane_grid_increases_with_the_density():
    low, high = np.zeros(2, np.float32), np.full(2, 100, np.float32)
    spacings = [
        GridGeometry.around(low, high, n_points=n).spacing for n in (1_000, 8_000, 1_000_000)
    ]
    assert grid.SPACING == spacings[0] < spacings[1] < spacings[2] <= grid.WIDEST_SPACING


def test_the_spacing_grows_if_a_plane_grid_has_too_many_nodes():
    low, n_points = np.zeros(2, dtype=np.float32), 1_000_000
    for extent in (4_000, 5_000, 6_000):
        geometry = GridGeometry.around(low, low + extent, n_points=n_points)
        assert extent / 8_192 < geometry.spacing < 1.1 * extent / 8_192
    with pytest.raises(DivergenceError, match="it reached an extent of 7,000"):
        GridGeometry.around(low, low + 7_000, n_points=n_points)


@pytest.mark.parametrize("span", [20.0, 80.0, 400.0])
def test_a_wide_map_in_three_dimensions_uses_a_small_grid(span):
    P, Y, truth = exact_forces(3, span)
    found = GridGradient(csr_array(P.astype(np.float32)), Y, n_jobs=2)
    _, F, Z = found.forces()
    geometry = GridGeometry.around(*found._points.extent(), n_points=len(Y))
    assert geometry.split > 0
    assert np.prod(geometry.shape) < 60_000
    assert relative_error(F, truth.repulsion) < 0.01
    assert pytest.approx(truth.z, rel=0.01) == Z


@pytest.mark.parametrize("gradient", NATIVE)
def test_divergence_agrees_with_the_exact_one(gradient):
    rng = np.random.default_rng(6)
    Y, P = map_like(rng, 900, 2, 30.0), sparse_affinities(rng, 900)
    found = gradient(csr_array(P.astype(np.float32)), Y, n_jobs=1).kl_divergence()
    assert found == pytest.approx(exact.kl_divergence(P, Y), abs=2e-4)


def descend(gradient):
    """Return the embedding after 12 steps with a restart."""
    step = {"exaggeration": 4.0, "momentum": 0.5, "learning_rate": 20.0}
    gradient.advance(8, **step)
    gradient.restart()
    gradient.advance(4, **step)
    return gradient.embedding()


@cache
def exact_descents(n_components):
    """Return affinities, initial positions and exact embeddings of five samples."""
    descents = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(200, 5)) + 6 * rng.integers(2, size=(200, 1))
        P = exact.joint_probabilities(X, 10.0)
        Y = (rng.normal(size=(200, n_components)) * 1e-2).astype(np.float32)
        descents.append((P, Y, descend(exact.ExactGradient(P, Y))))
    return descents


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("gradient", NATIVE)
def test_steps_agree_with_the_reference(gradient, n_components):
    errors = []
    for P, Y, expected in exact_descents(n_components):
        found = descend(gradient(csr_array(P.astype(np.float32)), Y, n_jobs=2))
        errors.append(relative_error(found, expected))
    # A point halfway between two clusters amplifies rounding errors; not all samples have one.
    assert np.median(errors) < 0.01
    assert min(errors) < (0.005 if gradient is GridGradient else 0.0001)


@pytest.mark.parametrize("gradient", NATIVE)
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_the_bits_do_not_depend_on_the_number_of_threads(gradient, n_components):
    rng = np.random.default_rng(8)
    n = 2000 if gradient is GridGradient else 1200
    P = csr_array(sparse_affinities(rng, n, 0.02).astype(np.float32))
    Y = map_like(rng, n, n_components, 60.0 if n_components == 3 else 5.0)
    results = []
    for n_jobs in (1, 2, 5):
        found = gradient(P, Y, n_jobs=n_jobs)
        found.advance(20, exaggeration=4.0, momentum=0.5, learning_rate=n / 12)
        results.append((found.embedding(), found.kl_divergence()))
    for embedding, kl in results[1:]:
        np.testing.assert_array_equal(embedding, results[0][0])
        assert kl == results[0][1]


def test_renumbering_changes_neither_forces_nor_embedding():
    rng = np.random.default_rng(9)
    n = 70_000  # more columns than 16 bits can number
    P = csr_array(
        (
            np.ones(4 * n, dtype=np.float32) / (4 * n),
            rng.integers(n, size=4 * n, dtype=np.int32),
            np.arange(0, 4 * n + 1, 4),
        ),
        shape=(n, n),
    )
    Y = map_like(rng, n, 2, 60.0)
    found = GridGradient(P, Y, n_jobs=2)
    before = found.forces()
    found._points.renumber()
    after = found.forces()
    for was, now in zip(before, after, strict=True):
        np.testing.assert_allclose(now, was, rtol=1e-3, atol=1e-3 * np.abs(was).max())
    np.testing.assert_allclose(found.embedding(), Y - Y.mean(axis=0), atol=1e-4)


def test_a_map_that_grows_apart_stays_on_the_grid():
    rng = np.random.default_rng(10)
    found = GridGradient(csr_array((50, 50), dtype=np.float32), rng.normal(size=(50, 2)), n_jobs=1)
    found.advance(40, exaggeration=1.0, momentum=0.8, learning_rate=50.0)
    embedding = found.embedding()
    assert np.isfinite(embedding).all()
    assert np.ptp(embedding) > 100


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("gradient", NATIVE)
def test_the_gradient_of_a_hub_is_damped(gradient, n_components):
    P, Y, _ = exact_forces(n_components, 8.0)
    P = P.copy()
    P[7], P[:, 7] = P.max(), P.max()
    P[7, 7] = 0
    P /= P.sum()
    found, truth = gradient(csr_array(P.astype(np.float32)), Y, n_jobs=2), exact.ExactGradient(P, Y)
    assert truth.damping.min() < 0.2 < np.sort(truth.damping.ravel())[1]
    for one in (found, truth):
        one.advance(1, exaggeration=1.0, momentum=0.8, learning_rate=100.0)
    found._points.renumber()
    for one in (found, truth):
        one.advance(1, exaggeration=1.0, momentum=0.8, learning_rate=100.0)
    np.testing.assert_allclose(found.embedding(), truth.embedding(), atol=0.01)


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("gradient", NATIVE)
def test_a_step_is_limited(gradient, n_components):
    P, Y, _ = exact_forces(n_components, 8.0)
    found, truth = gradient(csr_array(P.astype(np.float32)), Y, n_jobs=2), exact.ExactGradient(P, Y)
    for one in (found, truth):
        one.advance(1, exaggeration=1.0, momentum=0.8, learning_rate=3e4)
    is_limited = abs(truth.velocity) == exact.LARGEST_STEP
    assert 0.1 < is_limited.mean() < 0.9
    np.testing.assert_allclose(found.embedding(), truth.embedding(), atol=0.5)


@pytest.mark.parametrize("gradient", [DirectGradient, GridGradient])
@pytest.mark.parametrize("extent", [300, 1e4, 1e5, 1e8, 1e18, 1e30])
def test_the_kl_divergence_of_distant_points_is_exact(gradient, extent):
    rng = np.random.default_rng(0)
    P = exact.joint_probabilities(rng.normal(size=(200, 5)), 20.0)
    Y = (rng.uniform(size=(200, 2)) * extent).astype(np.float32)
    found = gradient(csr_array(P.astype(np.float32)), Y, n_jobs=1).kl_divergence()
    assert found == pytest.approx(exact.kl_divergence(P, Y), rel=1e-3 if extent == 300 else 1e-4)


def test_a_wide_grid_gives_way_to_the_sum_over_all_pairs(monkeypatch):
    rng = np.random.default_rng(0)
    P = csr_array((300, 300), dtype=np.float32)
    shapes = []
    around = GridGeometry.around

    def counted(*args, **keywords):
        shapes.append(around(*args, **keywords).shape)
        return around(*args, **keywords)

    monkeypatch.setattr(GridGeometry, "around", counted)
    for extent in (200, 400, 19_000):
        Y = (rng.uniform(size=(300, 2)) * extent).astype(np.float32)
        forces = GridGradient(P, Y, n_jobs=1).forces()[1]
        truth = exact.forces(P.toarray(), Y).repulsion
        np.testing.assert_allclose(forces, truth, atol=1e-2 if extent == 200 else 1e-6)
    assert len(shapes) == 1  # 400 / 0.4 nodes on a side would be more than FEW_NODES


@pytest.mark.parametrize("gradient", [DirectGradient, GridGradient])
def test_points_that_move_far_apart_are_an_error(gradient):
    Y = np.random.default_rng(0).uniform(size=(50, 2)) * 30_000
    found = gradient(csr_array((50, 50), dtype=np.float32), Y, n_jobs=1)
    with pytest.raises(DivergenceError, match=r"at most 20,000; it reached [\d,]+ within \d iter"):
        found.advance(1, exaggeration=1.0, momentum=0.8, learning_rate=1.0)


@pytest.mark.parametrize("n_components", [2, 3])
def test_the_grid_potential_agrees_with_the_exact_potential(n_components):
    rng = np.random.default_rng(11)
    Y = map_like(rng, 3000, n_components, 50.0)
    asked = map_like(rng, 200, n_components, 50.0)
    difference = asked[:, None].astype(float) - Y[None]
    W = 1 / (1 + (difference**2).sum(axis=2))
    phi, gradient = GridPotential(Y, n_jobs=2).evaluate(asked)
    np.testing.assert_allclose(phi, W.sum(axis=1), rtol=2e-3 if n_components == 2 else 0.01)
    truth = -2 * ((W**2)[..., None] * difference).sum(axis=1)
    assert relative_error(gradient, truth) < 0.01


def test_the_grid_potential_outside_the_grid_is_that_of_the_border():
    Y = np.random.default_rng(12).normal(size=(100, 2)).astype(np.float32)
    potential = GridPotential(Y, n_jobs=1)
    geometry = potential._geometry
    # The outermost positions whose splines use only nodes of the grid.
    reach = grid._native.SPLINE_ORDER // 2 - 1
    low = np.array(geometry.origin[:2]) + reach * geometry.spacing
    high = low + (np.array(geometry.shape) - 1 - 2 * reach) * geometry.spacing
    inside = np.array([[high[0], low[1]], [low[0], 0], [0.5, high[1]]], np.float32)
    beyond = np.array([[1e9, -1e9], [-1e3, 0], [0.5, high[1] + 50]], np.float32)
    for found, border in zip(potential.evaluate(beyond), potential.evaluate(inside), strict=True):
        np.testing.assert_allclose(found, border, rtol=0.01)
    phi, gradient = potential.evaluate(np.array([[np.nan, 0]], np.float32))
    assert np.isfinite(phi).all()
    assert np.isfinite(gradient).all()


def test_the_grid_potential_in_three_dimensions_is_finite_everywhere():
    Y = map_like(np.random.default_rng(12), 500, 3, 100.0)
    potential = GridPotential(Y, n_jobs=1)
    assert potential._geometry.split > 0
    for found in potential.evaluate(np.array([[1e9, -1e9, 0], [0, 0, 1e4]], np.float32)):
        assert np.isfinite(found).all()


def test_good_sizes_are_smooth_multiples_of_sixteen():
    sizes = [good_size(n) for n in range(1, 3000)]
    assert sizes == sorted(sizes)
    for n, size in enumerate(sizes, start=1):
        assert size >= n
        assert size % 16 == 0
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        assert rest == 1


def test_solvers_agree_with_one_another():
    rng = np.random.default_rng(13)
    pool = grid._native.Pool(2)
    for shape in ((16, 240), (96, 80), (400, 16)):
        geometry = GridGeometry(shape, 0.4, (0.0, 0.0, 0.0))
        density = np.zeros((shape[0], shape[1] + grid._native.PADDING), np.float32)
        density[:, : shape[1]] = rng.random(shape)
        found, truth = density.copy(), density.copy()
        grid.PlaneSolver(pool, geometry).solve(found)
        grid.GeneralSolver(pool, geometry).solve(truth)
        np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-5 * np.abs(truth).max())


def test_large_grids_are_not_cached_together(monkeypatch):
    monkeypatch.setattr(grid, "MOST_CACHED_NODES", 64 * 64)
    small, large = (GridGeometry(shape, 0.4, (0.0, 0.0, 0.0)) for shape in ((16, 32), (64, 64)))
    grids = grid.PotentialGrid(grid._native.Pool(1))
    solver, _ = grids.at(small)
    grids.at(GridGeometry((32, 32), 0.4, (0.0, 0.0, 0.0)))
    assert grids.at(small)[0] is solver
    grids.at(large)  # alone at the limit
    assert grids.at(small)[0] is not solver
