import numpy as np
import pytest
from sklearn.cluster import KMeans

from meshtsne import _native
from meshtsne.search import partition
from meshtsne.search.partition import Partition


@pytest.fixture
def points():
    rng = np.random.RandomState(0)
    centers = rng.normal(scale=4, size=(20, 12))
    return (centers[rng.randint(20, size=20_000)] + rng.normal(size=(20_000, 12))).astype(
        np.float32
    )


@pytest.fixture(params=["flat", "grouped"])
def cells(request, points, monkeypatch):
    if request.param == "grouped":
        monkeypatch.setattr(partition, "_GROUPED_FROM", 100)
    made = Partition.train(points, seed=1, pool=_native.Pool(2))
    assert (len(made.group_centroids) > 1) == (request.param == "grouped")
    return made


def by_distance(cells, queries):
    differences = queries[:, None, :].astype(np.float64) - cells.centroids
    return np.argsort((differences**2).sum(axis=2), axis=1)


def test_the_number_of_cells_follows_the_number_of_points(cells, points):
    assert len(cells) == pytest.approx(len(points) / partition.POINTS_PER_CELL, rel=0.1)


def test_the_nearest_cells_nearly_agree_with_a_full_comparison(cells, points):
    queries = points[::200]
    found = cells.nearest(queries, 12, _native.Pool(1))
    true = by_distance(cells, queries)[:, :12]
    hits = np.mean([len(set(a) & set(b)) / 12 for a, b in zip(found, true, strict=True)])
    assert hits >= 0.99
    assert (found[:, 0] == true[:, 0]).mean() >= 0.99


def test_a_search_for_all_cells_returns_all_cells(cells, points):
    queries = points[:50]
    found = cells.nearest(queries, len(cells), _native.Pool(2))
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile(np.arange(len(cells)), (50, 1)))
    assert (found == by_distance(cells, queries)).mean() >= 0.99  # float32 may swap near ties


def test_more_groups_are_searched_until_there_are_enough_cells(points, monkeypatch):
    monkeypatch.setattr(partition, "_GROUPED_FROM", 100)
    monkeypatch.setattr(partition, "_GROUPS", 1)
    monkeypatch.setattr(partition, "_GROUPS_PER_GROUP_ASKED", 0)
    cells = Partition.train(points, seed=1, pool=_native.Pool(2))
    found = cells.nearest(points[:50], 60, _native.Pool(1))
    assert (found >= 0).all()
    assert all(len(set(row)) == 60 for row in found)


def test_a_query_outside_the_range_of_float32_has_no_cells(cells, points):
    queries = points[:3].copy()
    queries[1] = 1e30
    found = cells.nearest(queries, 5, _native.Pool(1))
    assert (found[1] == -1).all()
    assert (found[[0, 2]] >= 0).all()


def test_the_same_seed_gives_the_same_cells(points, monkeypatch):
    monkeypatch.setattr(partition, "_GROUPED_FROM", 100)
    first, second = (Partition.train(points, seed=3, pool=_native.Pool(2)) for _ in range(2))
    np.testing.assert_array_equal(first.centroids, second.centroids)
    np.testing.assert_array_equal(first.group, second.group)
    assert not np.array_equal(
        first.centroids, Partition.train(points, seed=4, pool=_native.Pool(2)).centroids
    )


def test_the_centroids_do_not_depend_on_the_number_of_threads(points):
    first, second = (
        Partition.train(points, seed=3, pool=_native.Pool(n_threads)) for n_threads in (1, 3)
    )
    np.testing.assert_array_equal(first.centroids, second.centroids)


def test_k_means_reaches_an_inertia_near_that_of_scikit_learn():
    points = np.random.RandomState(0).normal(size=(2_000, 6)).astype(np.float32)
    centroids = partition._cluster(points, 40, seed=0, pool=_native.Pool(1))
    reference = KMeans(40, n_init=1, random_state=0).fit(points)
    squared = ((points[:, None] - centroids) ** 2).sum(axis=2).min(axis=1)
    assert squared.sum() < 1.1 * reference.inertia_


def test_k_means_of_identical_points_has_finite_centroids():
    centroids = partition._cluster(np.ones((50, 3), np.float32), 4, seed=0, pool=_native.Pool(1))
    np.testing.assert_array_equal(centroids, np.ones((4, 3)))
