"""The GPU's neighbors and affinities against the exact ones; test_search.py runs this file."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from meshtsne.forces import exact

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
N, K = 70, 21  # points and neighbors of `nearest` in conftest.py


def on_device(array):
    return torch.from_numpy(array).to(DEVICE)


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
    X = (rng.normal(size=(64, 4)) * 1e-4 + np.repeat([[-1.0], [1.0]], 32, axis=0)).astype("f4")
    D = ((X[:, None].astype(float) - X[None]) ** 2).sum(2)
    np.fill_diagonal(D, np.inf)
    found = find_neighbors(on_device(X), 9)
    order = found.order.cpu().numpy()
    squared = np.empty((64, 9))
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
