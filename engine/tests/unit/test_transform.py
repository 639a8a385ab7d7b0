import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from meshtsne import TSNE
from meshtsne.transform import ExactPotential, place, weighted_median


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.RandomState(0)
    centers = rng.normal(scale=8, size=(4, 10))
    labels = np.arange(300) % 4
    return (centers[labels] + rng.normal(size=(300, 10))).astype(np.float32), labels


@pytest.fixture(scope="module")
def fitted(blobs):
    return TSNE(perplexity=12, max_iter=400, random_state=0, n_jobs=1).fit(blobs[0][:240])


def test_weighted_median_splits_the_weight():
    values = np.array([[[5.0, 1], [1, 2], [3, 3]]], dtype=np.float32)
    even = np.ones((1, 3), dtype=np.float32)
    np.testing.assert_array_equal(weighted_median(values, even), [[3, 2]])
    heavy = np.array([[9.0, 1, 1]], dtype=np.float32)
    np.testing.assert_array_equal(weighted_median(values, heavy), [[5, 1]])


def test_the_exact_potential_is_the_sum_and_its_gradient_the_derivative():
    rng = np.random.RandomState(0)
    potential, at = (
        ExactPotential(rng.normal(size=(30, 2)).astype(np.float32)),
        rng.normal(size=(5, 2)),
    )
    phi, gradient = potential.evaluate(at)
    for axis in range(2):
        step = np.eye(2)[axis] * 1e-2
        slope = (potential.evaluate(at + step)[0] - potential.evaluate(at - step)[0]) / 2e-2
        np.testing.assert_allclose(gradient[:, axis], slope, rtol=1e-2, atol=1e-2)
    assert (phi > 0).all()


def test_a_new_position_minimizes_its_divergence():
    rng = np.random.RandomState(1)
    Y = rng.normal(scale=6, size=(100, 2)).astype(np.float32)
    indices = np.argsort(((Y[:5, None] - Y[None]) ** 2).sum(axis=2), axis=1)[:, 1:20]
    p = rng.dirichlet(np.ones(19), size=5).astype(np.float32)
    found = place(indices.astype(np.int32), p, Y, potential=ExactPotential(Y))

    def loss(y, i):
        w = 1 / (1 + ((y - Y) ** 2).sum(axis=1))
        return -(p[i] * np.log(w[indices[i]])).sum() + np.log(w.sum())

    for i in range(5):
        best = minimize(loss, found[i], args=(i,)).fun
        assert loss(found[i], i) < best + 1e-3
        assert loss(found[i], i) <= loss(weighted_median(Y[indices[i]][None], p[i][None])[0], i)


def test_new_points_are_placed_in_their_cluster(fitted, blobs):
    X, labels = blobs
    places = fitted.transform(X[240:])
    near = ((places[:, None] - fitted.embedding_[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (labels[:240][near] == labels[240:]).mean() > 0.95


def test_a_new_position_does_not_depend_on_other_rows(fitted, blobs):
    X = blobs[0][240:]
    together = fitted.transform(X)
    np.testing.assert_array_equal(np.vstack([fitted.transform(x[None]) for x in X]), together)
    np.testing.assert_array_equal(fitted.transform(X[::-1])[::-1], together)


def test_a_new_position_does_not_depend_on_other_rows_with_grid_and_cells():
    rng = np.random.RandomState(0)
    X = (rng.normal(size=(3_000, 60)) * np.linspace(3, 0.1, 60)).astype(np.float32)
    model = TSNE(perplexity=5, max_iter=5, init="random", random_state=0).fit(X[:2_900])
    together = model.transform(X[2_900:])
    alone = np.vstack([model.transform(x[None]) for x in X[2_900:2_930]])
    np.testing.assert_array_equal(alone, together[:30])
    assert np.isfinite(together).all()
    np.testing.assert_array_equal(model.transform(X[:50]), model.embedding_[:50])


def test_a_fitted_item_keeps_its_position(fitted, blobs):
    np.testing.assert_array_equal(fitted.transform(blobs[0][:240]), fitted.embedding_)


def test_an_outlier_gets_a_finite_position(fitted, blobs):
    assert np.isfinite(fitted.transform(blobs[0][:3] + 1e6)).all()


@pytest.mark.parametrize("n_components", [1, 3])
def test_transform_in_one_and_three_dimensions(blobs, n_components):
    X = blobs[0][:120]
    model = TSNE(n_components, perplexity=5, max_iter=60, random_state=0).fit(X[:100])
    assert model.transform(X[100:]).shape == (20, n_components)


class TestNearest:
    @pytest.mark.parametrize("metric", ["euclidean", "cosine"])
    def test_the_neighbors_are_the_nearest_in_the_metric(self, blobs, metric):
        X = blobs[0]
        model = TSNE(perplexity=5, max_iter=20, random_state=0, metric=metric).fit(X[:240])
        found = model.nearest(X[240:])
        distances = cdist(X[240:], X[:240], metric)
        assert found.indices.shape == found.distances.shape == (60, 15)
        np.testing.assert_array_equal(found.indices, distances.argsort(axis=1)[:, :15])
        expected = np.sort(distances, axis=1)[:, :15]
        np.testing.assert_allclose(found.distances, expected, rtol=1e-3, atol=1e-5)

    def test_the_neighbors_agree_with_those_of_the_fitted_items(self, fitted, blobs):
        found = fitted.nearest(blobs[0][:240])
        np.testing.assert_array_equal(found.indices[:, 0], np.arange(240))
        np.testing.assert_array_equal(found.indices[:, 1:], fitted.neighbors_indices_[:, :-1])
        ours, theirs = found.distances[:, 1:], fitted.neighbors_distances_[:, :-1]
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)

    def test_the_neighbors_of_given_distances(self, blobs):
        distances = cdist(blobs[0][:60], blobs[0][:50])
        model = TSNE(perplexity=5, max_iter=20, random_state=0, metric="precomputed", init="random")
        found = model.fit(distances[:50]).nearest(distances[50:])
        np.testing.assert_array_equal(found.indices, distances[50:].argsort(axis=1)[:, :15])
        np.testing.assert_allclose(found.distances, np.sort(distances[50:])[:, :15], rtol=1e-6)

    @pytest.mark.parametrize("metric", ["cosine", "precomputed"])
    def test_place_returns_the_same_positions_and_neighbors(self, blobs, metric):
        X = cdist(blobs[0], blobs[0][:240]) if metric == "precomputed" else blobs[0]
        init = "random" if metric == "precomputed" else "pca"
        model = TSNE(perplexity=5, max_iter=20, random_state=0, metric=metric, init=init)
        positions, found = model.fit(X[:240]).place(X[240:])
        np.testing.assert_array_equal(positions, model.transform(X[240:]))
        expected = model.nearest(X[240:])
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)
