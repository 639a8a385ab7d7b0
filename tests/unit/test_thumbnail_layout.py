import itertools

import numpy as np
import pytest

from featscape.thumbnail_layout import move_apart, snap_to_grid, spread_out


def test_spread_out_keeps_a_distance_and_leaves_no_room():
    points = np.random.default_rng(0).uniform(0, 100, (3000, 2))
    chosen = spread_out(points, 5.0)
    assert (np.diff(chosen) > 0).all()
    apart = np.abs(points[:, None] - points[None, chosen]).max(axis=2)
    own = apart[chosen]
    assert own[~np.eye(len(chosen), dtype=bool)].min() >= 5
    assert apart.min(axis=1).max() < 5  # every omitted point is near a chosen point


def test_spread_out_is_always_the_same():
    points = np.random.default_rng(0).uniform(-50, 50, (500, 2))
    np.testing.assert_array_equal(spread_out(points, 4.0), spread_out(points, 4.0))


def test_spread_out_keeps_one_of_coinciding_points():
    assert len(spread_out(np.zeros((10, 2)), 1.0)) == 1


def overlaps(centers, side):
    """Return the overlap of each pair of squares, as a share of one."""
    both = np.maximum(side - np.abs(centers[:, None] - centers[None]), 0).prod(axis=2) / side**2
    return both[np.triu_indices(len(centers), k=1)]


def test_squares_are_moved_apart_and_each_still_covers_its_point():
    points = np.random.default_rng(0).uniform(15, 485, (300, 2))
    moved = move_apart(points, 30.0, box=(500, 500))
    assert np.abs(moved - points).max() <= 15 + 1e-9
    assert moved.min() >= 15
    assert moved.max() <= 485
    assert overlaps(moved, 30).sum() < overlaps(points, 30).sum() / 2


@pytest.mark.parametrize("gap", [(0, 0), (3, 9), (-9, 3), (0, 20)])
def test_two_squares_end_side_by_side(gap):
    points = np.full((2, 2), 100.0)
    points[1] += gap
    moved = move_apart(points, 30.0, box=(200, 200))
    assert np.abs(moved[1] - moved[0]).max() == pytest.approx(30)
    np.testing.assert_allclose(moved.sum(axis=0), points.sum(axis=0))


def test_squares_that_overlap_none_stay():
    points = np.array([[20.0, 20.0], [50.0, 20.0], [20.0, 90.0]])
    np.testing.assert_array_equal(move_apart(points, 30.0, box=(100, 120)), points)


def test_a_small_grid_is_assigned_optimally():
    points = np.random.default_rng(0).uniform(0, 3, (4, 2))
    found = snap_to_grid(points, n_columns=3, n_rows=2)
    every_cell = np.array(list(itertools.product(range(3), range(2))))
    least = min(
        ((points - every_cell[list(chosen)] - 0.5) ** 2).sum()
        for chosen in itertools.permutations(range(6), 4)
    )
    assert ((points - found - 0.5) ** 2).sum() == pytest.approx(least)


@pytest.mark.parametrize(("n_points", "shape"), [(1200, (40, 33)), (1200, (30, 40)), (1, (1, 1))])
def test_every_point_has_a_separate_cell(n_points, shape):
    rng = np.random.default_rng(0)
    points = np.clip(rng.normal(0.3, 0.1, (n_points, 2)) * shape, 0, shape)
    # the large grid is cut several times
    found = snap_to_grid(points, n_columns=shape[0], n_rows=shape[1], max_pairs=20_000)
    assert len(np.unique(found, axis=0)) == n_points
    assert (found >= 0).all()
    assert (found < shape).all()


def test_a_cut_grid_moves_points_hardly_more_than_the_optimum():
    rng = np.random.default_rng(0)
    centers = rng.uniform(3, 23, (8, 2))
    points = np.clip(centers[rng.integers(0, 8, 500)] + rng.normal(size=(500, 2)) * 2, 0, 26)

    def moved(max_pairs):
        found = snap_to_grid(points, n_columns=26, n_rows=26, max_pairs=max_pairs)
        return np.sqrt(((points - found - 0.5) ** 2).sum(axis=1).mean())

    optimum = moved(max_pairs=26**2 * 500)
    assert optimum < moved(max_pairs=40_000) < 1.35 * optimum
