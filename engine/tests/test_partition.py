import numpy as np
import pytest

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
    made = Partition.train(points, seed=1)
    assert (len(made.group_centroids) > 1) == (request.param == "grouped")
    return made


def by_distance(cells, queries):
    differences = queries[:, None, :].astype(np.float64) - cells.centroids
    return np.argsort((differences**2).sum(axis=2), axis=1)


def test_there_is_a_cell_for_so_many_points(cells, points):
    assert len(cells) == pytest.approx(len(points) / partition.POINTS_PER_CELL, rel=0.1)


def test_the_nearest_cells_are_nearly_those_that_comparing_all_finds(cells, points):
    queries = points[::200]
    found = cells.nearest(queries, 12, _native.Pool(1))
    true = by_distance(cells, queries)[:, :12]
    hits = np.mean([len(set(a) & set(b)) / 12 for a, b in zip(found, true, strict=True)])
    assert hits >= 0.99
    assert (found[:, 0] == true[:, 0]).mean() >= 0.99


def test_all_cells_are_found_when_all_are_asked_for(cells, points):
    queries = points[:50]
    found = cells.nearest(queries, len(cells), _native.Pool(2))
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile(np.arange(len(cells)), (50, 1)))
    assert (found == by_distance(cells, queries)).mean() >= 0.99  # float32 may swap near ties


def test_the_groups_grow_until_they_hold_as_many_cells_as_are_asked_for(points, monkeypatch):
    monkeypatch.setattr(partition, "_GROUPED_FROM", 100)
    monkeypatch.setattr(partition, "_GROUPS", 1)
    monkeypatch.setattr(partition, "_GROUPS_PER_GROUP_ASKED", 0)
    cells = Partition.train(points, seed=1)
    found = cells.nearest(points[:50], 60, _native.Pool(1))
    assert (found >= 0).all()
    assert all(len(set(row)) == 60 for row in found)


def test_a_query_beyond_float32s_range_has_no_cells(cells, points):
    queries = points[:3].copy()
    queries[1] = 1e30
    found = cells.nearest(queries, 5, _native.Pool(1))
    assert (found[1] == -1).all()
    assert (found[[0, 2]] >= 0).all()


def test_the_same_seed_gives_the_same_cells(points, monkeypatch):
    monkeypatch.setattr(partition, "_GROUPED_FROM", 100)
    first, second = (Partition.train(points, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.centroids, second.centroids)
    np.testing.assert_array_equal(first.group, second.group)
    assert not np.array_equal(first.centroids, Partition.train(points, seed=4).centroids)
