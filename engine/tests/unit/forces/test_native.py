"""Tests of the stub, the argument checks and the kernels."""

import ast
import platform
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dctn
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

import meshtsne
from meshtsne import _native
from meshtsne.forces import exact


def names_of_stub(body):
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name
            yield from (f"{node.name}.{name}" for name in names_of_stub(node.body))
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign):
            yield node.target.id


def names_of_module(thing):
    for name, value in vars(thing).items():
        if name.startswith("_"):
            continue
        yield name
        if isinstance(value, type):
            yield from (f"{name}.{inner}" for inner in names_of_module(value))


def test_stub_and_extension_have_the_same_names():
    stub = Path(meshtsne.__file__).with_name("_native.pyi").read_text()
    declared = {n for n in names_of_stub(ast.parse(stub).body) if not n.endswith("__init__")}
    assert declared == set(names_of_module(_native))


def test_the_instruction_set_was_built():
    known = {"baseline", "avx2"} if platform.machine() in {"x86_64", "AMD64"} else {"baseline"}
    assert _native.instruction_set() in known


def conditional_probabilities(distances, indices, perplexity):
    pool = _native.Pool(2)
    gaussians = _native.find_gaussians(distances, indices, [perplexity], pool)
    return _native.conditional_probabilities(distances, indices, gaussians, pool)


@pytest.mark.parametrize("k", [1, 8, 29])
def test_conditional_probabilities_agree_with_bisection(k):
    rng = np.random.default_rng(1)
    squared = (rng.random((100, k)) * np.logspace(-8, 8, 100)[:, None]).astype(np.float32)
    indices = np.zeros((100, k), np.int32)
    perplexity = max(1.0, k / 3)
    found = conditional_probabilities(np.sqrt(squared), indices, perplexity)
    truth = exact.conditional_probabilities(squared.astype(np.float64), perplexity)
    np.testing.assert_allclose(found, truth, atol=2e-5)


def test_duplicates_share_the_probability():
    squared = np.zeros((1, 40), np.float32)
    squared[0, 30:] = 5
    found = conditional_probabilities(np.sqrt(squared), np.zeros((1, 40), np.int32), 10.0)
    np.testing.assert_allclose(found[0, :30], 1 / 30, rtol=1e-5)
    np.testing.assert_allclose(found[0, 30:], 0, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-38, 1e-12, 1.0, 1e12, 1e37])
def test_no_scale_of_distances_gives_nan(scale):
    squared = np.linspace(0, 1, 20, dtype=np.float32)[None] * np.float32(scale)
    found = conditional_probabilities(np.sqrt(squared), np.zeros((1, 20), np.int32), 5.0)
    assert found.sum() == pytest.approx(1, abs=1e-4)


def test_missing_neighbors_have_probability_zero():
    squared = np.array([[1, 2, np.inf, 3], [np.nan] * 4], np.float32)
    indices = np.array([[1, 2, -1, 3], [-1] * 4], np.int32)
    found = conditional_probabilities(np.sqrt(squared), indices, 1.5)
    assert found[0, 2] == 0
    assert found[0].sum() == pytest.approx(1)
    assert (found[1] == 0).all()


def test_symmetrize_agrees_with_the_dense_sum():
    rng = np.random.default_rng(2)
    n, k = 500, 7
    indices = np.array([rng.choice(n - 1, k, replace=False) for _ in range(n)], np.int32)
    indices += indices >= np.arange(n)[:, None]  # not the point itself
    indices[::5, 3] = -1
    p = rng.random((n, k)).astype(np.float32)
    p[indices < 0] = 0
    dense = np.zeros((n, n))
    for i in range(n):
        for j, value in zip(indices[i], p[i], strict=True):
            if j >= 0:
                dense[i, j] += value
    dense = (dense + dense.T) / (2 * dense.sum())
    results = [_native.symmetrize(indices, p, _native.Pool(t)) for t in (1, 3)]
    for arrays in zip(*results, strict=True):
        np.testing.assert_array_equal(arrays[0], arrays[1])
    indptr, columns, data = results[0]
    found = np.zeros((n, n))
    for i in range(n):
        row = slice(indptr[i], indptr[i + 1])
        assert (np.diff(columns[row]) > 0).all()
        found[i, columns[row]] = data[row]
    np.testing.assert_allclose(found, dense, atol=1e-9)


def test_symmetrize_agrees_with_scipy_for_rows_in_several_parts():
    rng = np.random.default_rng(2)
    n = 300_001
    indices = rng.integers(n, size=(n, 2), dtype=np.int32)
    indices[:, 1] = (indices[:, 0] + 1 + rng.integers(n - 1, size=n)) % n
    p = rng.random((n, 2), dtype=np.float32)
    one_way = csr_array((p.ravel(), indices.ravel(), np.arange(0, 2 * n + 1, 2)), shape=(n, n))
    truth = (one_way + one_way.T) / (2 * p.sum(dtype=np.float64))
    indptr, columns, data = _native.symmetrize(indices, p, _native.Pool(2))
    np.testing.assert_array_equal(indptr, truth.indptr)
    np.testing.assert_array_equal(columns, truth.indices)
    np.testing.assert_allclose(data, truth.data, rtol=1e-5)


def test_the_search_distinguishes_near_duplicates():
    # Two clusters far from the origin, with a standard deviation of 1e-4.
    rng = np.random.default_rng(6)
    X = np.repeat([[1.0], [-1.0]], 200, axis=0) + 1e-4 * rng.normal(size=(400, 10))
    X = X.astype(np.float32)
    pool = _native.Pool(1)
    one_cell = np.zeros(400, np.int32)
    found, _ = _native.CellIndex(X, one_cell, 1, pool).search(X, one_cell[:, None], 10, pool)
    truth = ((X[:, None].astype(float) - X[None]) ** 2).sum(axis=2).argsort(axis=1)[:, :10]
    recall = np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)]) / 10
    assert recall > 0.995


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
def test_the_search_in_one_cell_is_exact_in_the_other_metrics(metric):
    X = np.random.default_rng(3).normal(size=(300, 7)).astype(np.float32)
    pool, one_cell = _native.Pool(2), np.zeros(300, np.int32)
    index = _native.CellIndex(X, one_cell, 1, pool)
    found, distances = index.search(X, one_cell[:, None], 10, pool, metric)
    D = cdist(X.astype(float), X.astype(float), {"manhattan": "cityblock"}.get(metric, metric))
    np.testing.assert_array_equal(found, np.argsort(D, axis=1)[:, :10])
    np.testing.assert_allclose(distances, np.sort(D, axis=1)[:, :10], rtol=1e-6)
    with pytest.raises(ValueError, match="must be euclidean, manhattan or chebyshev"):
        index.search(X, one_cell[:, None], 10, pool, "cosine")


@pytest.mark.parametrize("shape", [(17, 17), (33, 241), (97, 81)])
def test_the_cosine_transform_is_that_of_scipy(shape):
    values = np.random.default_rng(5).normal(size=shape).astype(np.float32)
    found = _native.cosine_transform(_native.Pool(2), values)
    truth = dctn(values.astype(np.float64), type=1)
    np.testing.assert_allclose(found, truth, atol=1e-6 * np.abs(truth).max())


def test_an_output_array_of_another_dtype_is_an_error():
    pool = _native.Pool(1)
    solver = _native.PotentialSolver(pool, np.ones((17, 17), np.float32))
    with pytest.raises(TypeError):
        solver.solve(np.zeros((16, 24)))  # float64: a copy would be changed, not this array


def test_positions_that_are_not_finite_are_an_error():
    with pytest.raises(ValueError, match="finite"):
        _native.Points(
            _native.Pool(1),
            np.zeros(3, np.int64),
            np.empty(0, np.int32),
            np.empty(0, np.float32),
            np.array([[0, np.nan], [1, 2]], np.float32),
        )


@pytest.mark.parametrize("n_dimensions", [1, 7, 8, 50])
def test_the_search_in_all_cells_is_exact(n_dimensions):
    rng = np.random.default_rng(4)
    X = rng.integers(20, size=(400, n_dimensions)).astype(np.float32)  # many ties
    cells = rng.integers(6, size=400).astype(np.int32)
    pool = _native.Pool(2)
    index = _native.CellIndex(X, cells, 6, pool)
    everywhere = np.tile(np.arange(6, dtype=np.int32), (400, 1))
    found, squared = index.search(X, everywhere, 15, pool)
    truth = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    order = np.lexsort((np.broadcast_to(np.arange(400), truth.shape), truth), axis=1)[:, :15]
    np.testing.assert_array_equal(found, order)
    np.testing.assert_array_equal(squared, np.take_along_axis(truth, order, axis=1))


def test_the_search_compares_only_the_given_cells():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    cells = (np.arange(300) % 3).astype(np.int32)
    pool = _native.Pool(1)
    index = _native.CellIndex(X, cells, 3, pool)
    found, squared = index.search(X[:10], np.full((10, 1), 2, np.int32), 150, pool)
    assert (np.sort(found[:, :100], axis=1) == np.arange(2, 300, 3)).all()
    assert (found[:, 100:] == -1).all()
    assert np.isinf(squared[:, 100:]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _native.Pool(0), "n_threads"),
        (
            lambda: _native.symmetrize(
                np.array([[7]], np.int32), np.ones((1, 1), np.float32), _native.Pool(1)
            ),
            "beyond the last point",
        ),
        (
            lambda: _native.Points(
                _native.Pool(1),
                np.array([0, 1], np.int64),
                np.array([3], np.int32),
                np.ones(1, np.float32),
                np.zeros((1, 2), np.float32),
            ),
            "column of P",
        ),
        (
            lambda: _native.Points(
                _native.Pool(1),
                np.array([0, 2], np.int64),
                np.array([0], np.int32),
                np.ones(1, np.float32),
                np.zeros((1, 2), np.float32),
            ),
            "row pointers",
        ),
        (
            lambda: _native.CellIndex(
                np.zeros((3, 2), np.float32), np.array([0, 1, 5], np.int32), 2, _native.Pool(1)
            ),
            "out of range",
        ),
        (
            lambda: _native.CellIndex(
                np.zeros((3, 2), np.float32), np.array([0, 1, 1], np.int32), 2, _native.Pool(1)
            ).search(
                np.zeros((1, 2), np.float32), np.array([[1, 0, 1]], np.int32), 2, _native.Pool(1)
            ),
            "cells of a query must differ",
        ),
        (
            lambda: _native.PotentialSolver(_native.Pool(1), np.zeros((113, 33), np.float32)),
            "prime factor",
        ),
        (
            lambda: _native.PotentialSolver(_native.Pool(1), np.zeros((18, 33), np.float32)),
            "multiple of 16",
        ),
    ],
)
def test_invalid_arguments_are_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_points_from_gaussians_equal_those_from_p(n_components):
    rng = np.random.default_rng(4)
    n, k = 1_500, 12
    others = 1 + np.array([rng.choice(n - 1, k, replace=False) for _ in range(n)])
    indices = ((np.arange(n)[:, None] + others) % n).astype(np.int32)
    indices[::7, 4] = -1
    indices[9] = -1
    distances = rng.random((n, k), dtype=np.float32)
    Y = rng.normal(size=(n, n_components)).astype(np.float32)
    pool = _native.Pool(2)
    gaussians = _native.find_gaussians(distances, indices, [3.0, 8.0], pool)
    p = _native.conditional_probabilities(distances, indices, gaussians, pool)
    indptr, columns, data = _native.symmetrize(indices, p, pool)
    both = [
        _native.Points(pool, indptr, columns, data, Y),
        _native.Points.from_gaussians(pool, indices, distances, gaussians, Y),
    ]
    forces = []
    for points in both:
        z = points.direct_forces()
        points.step(z, 12.0, 0.5, 10.0)
        points.renumber()
        points.direct_forces()
        forces.append(points.forces())
    for of_p, of_gaussians in zip(*forces, strict=True):
        np.testing.assert_array_equal(of_p, of_gaussians)


def test_points_check_the_shapes_of_the_gaussians():
    pool, Y = _native.Pool(1), np.zeros((4, 2), np.float32)
    indices, distances = np.zeros((4, 3), np.int32), np.zeros((4, 3), np.float32)
    gaussians = np.zeros((1, 4, 2), np.float32)
    fewer = gaussians[:, :3].copy()
    with pytest.raises(ValueError, match="same rows"):
        _native.Points.from_gaussians(pool, indices, distances[:, :2].copy(), gaussians, Y)
    with pytest.raises(ValueError, match="same rows"):
        _native.Points.from_gaussians(pool, indices, distances, fewer, Y)
    with pytest.raises(ValueError, match="a row of neighbors"):
        _native.Points.from_gaussians(pool, indices[:3], distances[:3], fewer, Y)
    with pytest.raises(ValueError, match="beyond the last point"):
        _native.Points.from_gaussians(pool, indices + 4, distances, gaussians, Y)
