import numpy as np
import pytest
from scipy.spatial.distance import cdist

from meshtsne import _native
from meshtsne.search.neighbors import nearest_neighbors

RNG = np.random.default_rng(0)


def brute_force(points, k, metric="euclidean"):
    """Return the indices and distances of the k nearest other points, ties by index."""
    pairs = cdist(points.astype(np.float64), points.astype(np.float64), metric)
    np.fill_diagonal(pairs, np.inf)
    order = np.argsort(pairs, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(pairs, order, axis=1)


def draw(kind, n, d):
    points = RNG.normal(size=(n, d))
    if kind == "lattice":  # with ties and copies
        points = RNG.integers(0, 5, (n, d))
    elif kind == "copies":
        points[n // 4 :] = points[0]
    elif kind == "one place":
        points[:] = 7
    elif kind == "line":
        points = np.repeat(np.arange(n)[:, None], d, axis=1)
    elif kind == "huge":
        points *= 9e37 / np.abs(points).max()
    elif kind == "far outlier":  # the squared distances of the others are 0 in float32
        points *= 1e-30
        points[0] = 1e8
    return points.astype(np.float32)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(
    "kind", ["normal", "lattice", "copies", "one place", "line", "huge", "far outlier"]
)
def test_the_tree_finds_the_neighbors_of_brute_force(kind, d):
    for n, k in [(2, 1), (16, 15), (17, 3), (200, 30), (130, 129), (400, 1)]:
        points = draw(kind, n, d)
        indices, distances = _native.search_tree(points, k, _native.Pool(2))
        expected = brute_force(points, k)
        np.testing.assert_array_equal(indices, expected[0])
        np.testing.assert_allclose(distances, expected[1], rtol=1e-6)


def test_many_copies_are_neighbors_in_the_order_of_their_rows():
    points = RNG.normal(size=(6_000, 2)).astype(np.float32)
    copies = np.sort(RNG.permutation(6_000)[:4_000])
    points[copies] = points[copies[0]]
    indices, distances = _native.search_tree(points, 10, _native.Pool(2))
    np.testing.assert_array_equal(indices[copies[10:]], np.tile(copies[:10], (3_990, 1)))
    assert not distances[copies].any()


@pytest.mark.parametrize("kind", ["normal", "lattice"])
def test_more_neighbors_than_leaves_are_compared_at_once_are_found(kind):
    points = draw(kind, 1_500, 2)
    for k in (200, 1_100):  # more candidates than are ranked; more than 64 leaves contain
        indices, distances = _native.search_tree(points, k, _native.Pool(2))
        expected = brute_force(points, k)
        np.testing.assert_array_equal(indices, expected[0])
        np.testing.assert_allclose(distances, expected[1], rtol=1e-6)


def test_the_neighbors_in_the_tree_do_not_depend_on_the_number_of_threads():
    points = draw("lattice", 3_000, 2) + draw("normal", 3_000, 2).round(1)
    one, three = (_native.search_tree(points, 8, _native.Pool(t)) for t in (1, 3))
    np.testing.assert_array_equal(one[0], three[0])
    np.testing.assert_array_equal(one[1], three[1])


def test_points_that_the_tree_cannot_search_are_refused():
    pool, points = _native.Pool(1), draw("normal", 20, 2)
    for k in (0, -1, 20, 21):
        with pytest.raises(ValueError, match="less than the number of points"):
            _native.search_tree(points, k, pool)
    with pytest.raises(ValueError, match="less than the number of points"):
        _native.search_tree(points[:1], 1, pool)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite"):
            _native.search_tree(np.where(points == points[3, 1], np.float32(bad), points), 3, pool)
    for wrong in (points[:0], draw("normal", 20, 4)):
        with pytest.raises(ValueError, match="must be"):
            _native.search_tree(wrong, 3, pool)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "cityblock", "chebyshev"])
def test_the_nearest_neighbors_in_the_plane_are_exact(metric):
    points = draw("normal", 500, 2) + 3
    found = nearest_neighbors(points, 12, metric=metric)
    indices, distances = brute_force(points, 12, metric)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-3, atol=1e-6)
    assert (found.indices == indices).mean() > (0.9 if metric == "cosine" else 0.999)


def test_more_items_than_are_compared_in_pairs_have_exact_neighbors_in_the_plane():
    points = draw("normal", 13_000, 2)
    found = nearest_neighbors(points, 3)
    rows = RNG.permutation(len(points))[:200]
    pairs = cdist(points[rows].astype(np.float64), points.astype(np.float64))
    np.testing.assert_allclose(
        found.distances[rows], np.sort(pairs, axis=1)[:, 1:4], rtol=1e-4, atol=1e-7
    )
