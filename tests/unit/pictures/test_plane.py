import numpy as np
import pytest

from featscape.errors import InputError
from featscape.pictures.plane import Plane, fit_to_box, project_to_plane


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([1.0, 2.0], r"must have shape \(n, 1\), \(n, 2\) or \(n, 3\); got \(2,\)"),
        (np.zeros((3, 4)), r"got \(3, 4\)"),
        (np.zeros((0, 2)), r"at least 1 item; got 0"),
        ([["a", "b"]], r"must be real numbers; got dtype <U1"),
        (np.zeros((2, 2), complex), r"must be real numbers; got dtype complex128"),
        ([[0, 0], [0, np.nan], [np.inf, 0]], r"in 2 of 3 items, the first at row 1"),
    ],
)
def test_positions_that_cannot_be_drawn(positions, message):
    with pytest.raises(InputError, match=message):
        project_to_plane(positions)


def test_two_dimensions_keep_their_proportions():
    positions = np.array([[0, 0], [4, 0], [0, 2]], dtype=np.float32)
    plane = project_to_plane(positions)
    assert plane.depth is None
    scale = np.ptp(plane.xy[:, 0]) / 4
    np.testing.assert_allclose(plane.xy - plane.xy[0], positions * scale, atol=1e-12)
    assert plane.aspect == 2


def test_numbers_near_the_largest_do_not_overflow():
    plane = project_to_plane([[-1.7e308, 0], [1.7e308, 1e308]])
    assert np.isfinite(plane.xy).all()
    assert np.ptp(plane.xy[:, 0]) == pytest.approx(2)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3])
@pytest.mark.parametrize("n_items", [1, 2, 5])
def test_identical_positions_are_one_point_on_the_plane(n_items, n_dimensions):
    plane = project_to_plane(np.full((n_items, n_dimensions), 7.0))
    assert np.ptp(plane.xy, axis=0) == pytest.approx([0, 0])
    assert plane.aspect == 1


def test_one_dimension_becomes_a_strip_that_is_wide_where_points_are_dense():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, 900), rng.uniform(10, 30, 100)])
    plane = project_to_plane(x[:, None])
    np.testing.assert_allclose(np.corrcoef(plane.xy[:, 0], x)[0, 1], 1)
    dense, sparse = np.ptp(plane.xy[:900, 1]), np.ptp(plane.xy[900:, 1])
    assert dense > 5 * sparse > 0


def test_three_dimensions_are_seen_along_the_least_axis():
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    flat = rng.normal(size=(200, 3)) * [5, 2, 0.1]
    plane = project_to_plane(flat @ turn)
    spreads = [*plane.xy.std(axis=0), plane.depth.std()]
    np.testing.assert_allclose(np.array(spreads) / spreads[0], [1, 0.4, 0.02], rtol=0.15)


def test_three_dimensions_have_the_same_sides_up_every_time():
    positions = np.random.default_rng(0).normal(size=(50, 3)) * [3, 2, 1]
    shuffled = np.random.default_rng(1).permutation(50)
    np.testing.assert_allclose(
        project_to_plane(positions).xy[shuffled],
        project_to_plane(positions[shuffled]).xy,
        atol=1e-12,
    )


def test_fit_fills_the_box_at_one_scale_with_y_upward():
    placed = fit_to_box(np.array([[0, 0], [4, 2.0]]), width_px=120, height_px=300, margin_px=10)
    np.testing.assert_allclose(placed, [[10, 175], [110, 125]])


def test_fit_puts_coinciding_points_at_the_center():
    placed = fit_to_box(np.ones((2, 2)), width_px=100, height_px=50, margin_px=5)
    np.testing.assert_allclose(placed, [[50, 25], [50, 25]])


def test_aspect_stays_readable():
    assert Plane(np.array([[0, 0], [100, 1.0]])).aspect == 2
    assert Plane(np.array([[0, 0], [1, 100.0]])).aspect == 0.5
    assert Plane(np.array([[0, 0], [5, 0.0]])).aspect == 2
