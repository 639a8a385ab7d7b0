import pickle
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import squareform
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import kneighbors_graph

from meshtsne import TSNE, Neighbors, kl_divergence, nearest_neighbors
from meshtsne.affinities import conditional_probabilities
from meshtsne.errors import InputError
from meshtsne.search import precomputed
from meshtsne.search.precomputed import check_distances, neighbors_of_distances

X = np.random.RandomState(0).normal(size=(80, 4))


def embed(D, *, neighbors=None, **parameters):
    model = TSNE(perplexity=5, metric="precomputed", init="random", max_iter=60, random_state=0)
    return model.set_params(**parameters).fit(D, neighbors=neighbors)


def test_a_distance_matrix_and_a_graph_give_the_embedding_of_the_features():
    D = pairwise_distances(X)
    features = TSNE(perplexity=5, init="random", max_iter=60, random_state=0).fit(X)
    for given in (D, csr_array(D), kneighbors_graph(X, 15, mode="distance")):
        model = embed(given)
        np.testing.assert_array_equal(model.neighbors_indices_, features.neighbors_indices_)
        np.testing.assert_allclose(
            model.affinities_.toarray(), features.affinities_.toarray(), rtol=1e-3, atol=1e-8
        )


def split_entries(matrix):
    """Return a CSR array with each entry stored as two halves, the second halves last in a row."""
    rows = [np.tile(matrix.indices[start:end], 2) for start, end in pairwise(matrix.indptr)]
    halves = [np.tile(matrix.data[start:end] / 2, 2) for start, end in pairwise(matrix.indptr)]
    arrays = np.concatenate(halves), np.concatenate(rows), 2 * matrix.indptr
    return csr_array(arrays, shape=matrix.shape)


def copy_arrays(matrix):
    return [values.copy() for values in (matrix.data, matrix.indices, matrix.indptr)]


def test_repeated_entries_of_distances_are_added_in_a_copy():
    graph = kneighbors_graph(X, 15, mode="distance")
    given = split_entries(graph)
    before = copy_arrays(given)
    model, expected = embed(given), embed(graph)
    np.testing.assert_array_equal(model.neighbors_indices_, expected.neighbors_indices_)
    np.testing.assert_array_equal(model.neighbors_distances_, expected.neighbors_distances_)
    assert model.transform(given).shape == (80, 2)
    for values, old in zip(copy_arrays(given), before, strict=True):
        np.testing.assert_array_equal(values, old)


def test_transform_takes_distances_to_the_fitted_items():
    D = pairwise_distances(X)
    model = embed(D[:60, :60])
    places = model.transform(D[60:, :60])
    np.testing.assert_allclose(model.transform(csr_array(D[60:, :60])), places)
    np.testing.assert_array_equal(model.transform(D[:60, :60]), model.embedding_)
    with pytest.raises(InputError, match="60"):
        model.transform(D[60:])


def test_missing_neighbors_of_a_graph_are_marked():
    graph = csr_array(
        (np.array([1.0, 2, 0, 4, 9]), ([0, 0, 1, 1, 2], [1, 2, 0, 1, 0])), shape=(3, 3)
    )
    found = neighbors_of_distances(graph, 3, leave_out_self=True)
    np.testing.assert_array_equal(found.indices, [[1, 2, -1], [0, -1, -1], [0, -1, -1]])
    np.testing.assert_array_equal(
        found.distances, [[1, 2, np.inf], [0, np.inf, np.inf], [9, np.inf, np.inf]]
    )
    sparse = kneighbors_graph(X, 7, mode="distance")  # fewer than 3 * perplexity
    model = embed(sparse)
    assert (model.neighbors_indices_[:, 7:] == -1).all()
    assert model.n_neighbors_ == 7
    assert np.isfinite(model.embedding_).all()


def test_fewer_neighbors_than_the_perplexity_are_an_error():
    message = "the perplexity, 5; 80 of 80 items have fewer, the median is 4. Pass more neighbors"
    graph = kneighbors_graph(X, 4, mode="distance")
    with pytest.raises(InputError, match=message):
        embed(graph)
    found = neighbors_of_distances(graph, 7, leave_out_self=True)
    with pytest.raises(InputError, match=message):
        embed(None, metric="euclidean", neighbors=found)
    some = kneighbors_graph(X, 15, mode="distance").toarray()
    some[:39] = np.where(graph.toarray()[:39] > 0, some[:39], 0)  # a minority of the items
    assert embed(csr_array(some)).n_neighbors_ == 15


def test_as_many_neighbors_as_the_perplexity_have_equal_weights():
    found = nearest_neighbors(X, 5)
    model = embed(None, metric="euclidean", neighbors=found)
    assert model.n_neighbors_ == 5
    np.testing.assert_allclose(conditional_probabilities(found, [5], n_threads=1), 0.2, rtol=0.02)
    assert embed(X, metric="euclidean", n_neighbors=5).n_neighbors_ == 5


def test_invalid_distances_are_errors_with_a_remedy():
    D = pairwise_distances(X)
    with pytest.raises(InputError, match=r"X must have 80 columns .* got shape \(80, 79\)"):
        embed(D[:, :79])
    with pytest.raises(InputError, match="must not be negative; the smallest is -1"):
        embed(D - 1)
    gap = D.copy()
    gap[2, 3] = np.nan
    with pytest.raises(InputError, match="1 values are NaN or infinity, the first in row 2"):
        embed(gap)
    lonely = csr_array(
        kneighbors_graph(X, 7, mode="distance").toarray() * (np.arange(80) != 4)[:, None]
    )
    with pytest.raises(InputError, match="1 rows have none, the first is row 4"):
        embed(lonely)
    with pytest.raises(InputError, match="init='pca' needs features"):
        embed(D, init="pca")
    with pytest.raises(InputError, match=r"shape \(3160,\)\. Pass .*\.squareform\(X\)"):
        embed(squareform(D, checks=False))


def test_similarities_are_errors_with_a_remedy():
    similarities = 1 / (1 + pairwise_distances(X))
    for given in (similarities, csr_array(similarities)):
        with pytest.raises(InputError, match="0 on the diagonal; the largest there is 1"):
            embed(given)


def test_a_triangle_and_an_asymmetric_matrix_are_errors_with_a_remedy(monkeypatch):
    monkeypatch.setattr(precomputed, "_ROWS_AT_ONCE", 32)
    D = np.rint(100 * pairwise_distances(X)).astype(np.uint16)  # differences would overflow
    check_distances(D)
    with pytest.raises(InputError, match=f"its transpose is {D.max()}. .* X . X.T for a triangle"):
        check_distances(np.triu(D))
    for row, column in ((3, 7), (7, 3), (70, 2), (2, 70)):
        skewed = D.copy()
        skewed[row, column] += 100
        with pytest.raises(InputError, match=r"its transpose is 100\. Pass \(X \+ X.T\) / 2"):
            check_distances(skewed)


def test_distances_to_fitted_items_need_not_be_symmetric():
    D = pairwise_distances(X)
    check_distances(D[::-1], n_points=80)


def test_rounding_of_distances_is_accepted():
    D = pairwise_distances(X)
    check_distances(D + np.random.RandomState(0).uniform(0, 1e-3 * D.max(), D.shape))
    check_distances(np.zeros((80, 80)))  # equal items, as equal rows of features


# --- neighbors and affinities of the caller -------------------------------------------------------


def quick(**parameters):
    return TSNE(**{"perplexity": 5, "max_iter": 60, "random_state": 0, **parameters})


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_caller_s_neighbors_give_the_p_of_the_search(metric):
    searched = quick(metric=metric).fit(X)
    neighbors = searched.neighbors_indices_, searched.neighbors_distances_
    model = quick(metric=metric).fit(X, neighbors=neighbors)
    np.testing.assert_array_equal(model.neighbors_indices_, neighbors[0])
    np.testing.assert_array_equal(model.neighbors_distances_, neighbors[1])
    np.testing.assert_allclose(
        model.affinities_.toarray(), searched.affinities_.toarray(), rtol=1e-3, atol=1e-8
    )
    assert np.isnan(model.neighbors_recall_)
    np.testing.assert_array_equal(model.transform(X), model.embedding_)
    new = X[:5] + 0.01
    np.testing.assert_array_equal(model.nearest(new).indices, searched.nearest(new).indices)


def test_the_caller_s_neighbors_replace_the_search():
    indices = np.add.outer(np.arange(80), np.arange(1, 7)) % 80  # a ring, whatever the features are
    model = quick().fit(X, neighbors=Neighbors(indices, np.tile(np.arange(1.0, 7), (80, 1))))
    assert set(model.affinities_[[0]].indices) == {1, 2, 3, 4, 5, 6, 74, 75, 76, 77, 78, 79}
    assert model.n_neighbors_ == 6


def test_neighbors_need_no_features():
    model = quick().fit(X)
    neighbors = model.neighbors_indices_, model.neighbors_distances_
    alone = quick(init="random").fit(neighbors=neighbors)
    positions = quick(init="random").fit_transform(neighbors=neighbors)
    np.testing.assert_array_equal(positions, alone.embedding_)
    assert alone.embedding_.shape == (80, 2)
    assert not hasattr(alone, "n_features_in_")
    with pytest.raises(InputError, match="transform needs the features of the fitted items"):
        alone.transform(X)
    with pytest.raises(InputError, match="init='pca' needs features; got neighbors without X"):
        quick().fit(neighbors=neighbors)
    assert pickle.loads(pickle.dumps(alone)).embedding_.shape == (80, 2)


def test_the_caller_s_affinities_are_p():
    C = csr_array(kneighbors_graph(X, 7))
    P = (C + C.T) / (C + C.T).sum()
    for given in (P, P.tocsc(), P.toarray()):
        model = quick(init="spectral").fit(affinities=given)
        np.testing.assert_allclose(model.affinities_.toarray(), P.toarray(), rtol=1e-6)
        assert not hasattr(model, "neighbors_indices_")
        assert not hasattr(model, "n_neighbors_")
    with_features = quick().fit_transform(X, affinities=P)
    assert with_features.shape == (80, 2)
    with pytest.raises(InputError, match="transform needs the features"):
        quick().fit(X, affinities=P).transform(X)


def test_repeated_entries_of_affinities_are_added_in_a_copy():
    C = csr_array(kneighbors_graph(X, 7))
    P = (C + C.T) / (C + C.T).sum()
    given = split_entries(P)
    before = copy_arrays(given)
    for _ in range(2):  # a change of the caller's arrays would be an error of the second fit
        model = quick(init="spectral").fit(affinities=given)
        assert model.affinities_.has_canonical_format
        np.testing.assert_allclose(model.affinities_.toarray(), P.toarray(), rtol=1e-6)
    Y = model.embedding_
    assert kl_divergence(given, Y) == pytest.approx(kl_divergence(P, Y), rel=1e-6)
    for values, old in zip(copy_arrays(given), before, strict=True):
        np.testing.assert_array_equal(values, old)


def test_a_later_fit_does_not_use_the_caller_s_arrays():
    model = quick().fit(X)
    embedding, neighbors = model.embedding_, (model.neighbors_indices_, model.neighbors_distances_)
    model.set_params(init="random").fit(neighbors=neighbors)
    model.set_params(init="pca").fit(X)
    np.testing.assert_array_equal(model.embedding_, embedding)
    assert model.neighbors_recall_ == 1


INDICES = np.array([[1, 2], [0, 2], [1, 0]])
DISTANCES = np.array([[1.0, 2], [1, 3], [1, 2]])


@pytest.mark.parametrize(
    ("neighbors", "message"),
    [
        (INDICES, r"a pair \(indices, distances\); got ndarray"),
        ((INDICES, DISTANCES[:, :1]), r"one shape \(n, k\); got .*\(3, 2\).*\(3, 1\)"),
        ((INDICES.astype(float), DISTANCES), "integer indices .* got float64"),
        ((INDICES + 1, DISTANCES), "from -1 to n - 1 = 2; got 1 to 3"),
        ((INDICES[:, ::-1] * 0 + [[0, 1]], DISTANCES), "not contain the item itself; 2 rows do"),
        ((INDICES[:, :1] + [[0, 0]], DISTANCES), "once in a row; row 0 contains the item 1 again"),
        ((INDICES, -DISTANCES), "finite and not negative; 3 rows"),
        ((INDICES, DISTANCES * np.nan), "finite and not negative; 3 rows"),
        ((INDICES, DISTANCES[:, ::-1]), "sorted by distance; 3 rows are not, the first is row 0"),
        (
            (np.array([[1, 2], [-1, 2], [1, 0]]), DISTANCES),
            "1 rows have -1 there, the first is row 1",
        ),
    ],
)
def test_invalid_neighbors_are_errors(neighbors, message):
    with pytest.raises(InputError, match=message):
        TSNE(perplexity=1, init="random").fit(neighbors=neighbors)


def test_missing_neighbors_come_last():
    indices = np.array([[1, -1], [0, 2], [1, -1]])
    distances = np.array([[1.0, np.nan], [1, 3], [1, 0]])
    model = TSNE(perplexity=1, init="random", max_iter=20).fit(neighbors=(indices, distances))
    np.testing.assert_array_equal(model.neighbors_distances_, [[1, np.inf], [1, 3], [1, np.inf]])


def uniform(n):
    return (np.ones((n, n)) - np.eye(n)) / (n * (n - 1))


@pytest.mark.parametrize(
    ("P", "message"),
    [
        (uniform(80)[:, :79], r"shape \(n, n\) for n = 80 items; got \(80, 79\)"),
        (uniform(70), r"for n = 80 items; got \(70, 70\)"),
        (uniform(80) * 2, "must sum to 1; the sum is 2"),
        (-uniform(80), "must be finite and not negative"),
        (uniform(80) * np.nan, "must be finite and not negative"),
        (np.full((80, 80), 1 / 6400), "must be 0 on the diagonal; the largest there is 0.000156"),
        (np.eye(80, k=1) / 79, "must be symmetric; the largest difference .* is 0.0126582"),
        ("P", "must be a sparse matrix of numbers: .* Pass joint probabilities"),
    ],
)
def test_invalid_affinities_are_errors(P, message):
    with pytest.raises(InputError, match=message):
        quick().fit(X, affinities=P)


def test_conflicting_inputs_are_errors():
    C = kneighbors_graph(X, 7)
    neighbors = INDICES, DISTANCES
    with pytest.raises(InputError, match="takes neighbors or affinities; got both"):
        quick().fit(X, neighbors=neighbors, affinities=C)
    with pytest.raises(InputError, match="takes distances as X; got affinities too"):
        quick(metric="precomputed", init="random").fit(C, affinities=C)
    with pytest.raises(InputError, match="X, neighbors and affinities are None"):
        quick().fit(None)
    with pytest.raises(InputError, match="device='cuda' does not take precomputed neighbors"):
        TSNE(perplexity=1, device="cuda", init="random").fit(neighbors=neighbors)
    with pytest.raises(
        InputError, match=r"^neighbors must have .* as many columns as .* 5, .* got 2"
    ):
        quick(init="random").fit(
            neighbors=(np.add.outer(np.arange(70), [1, 2]) % 70, np.ones((70, 2)))
        )
