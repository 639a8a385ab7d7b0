import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import kneighbors_graph

from meshtsne import TSNE
from meshtsne.errors import InputError
from meshtsne.search.precomputed import neighbors_of_distances

X = np.random.RandomState(0).normal(size=(80, 4))


def embed(D, **parameters):
    model = TSNE(perplexity=5, metric="precomputed", init="random", max_iter=60, random_state=0)
    return model.set_params(**parameters).fit(D)


def test_a_matrix_and_a_graph_give_what_the_features_give():
    D = pairwise_distances(X)
    features = TSNE(perplexity=5, init="random", max_iter=60, random_state=0).fit(X)
    for given in (D, csr_array(D), kneighbors_graph(X, 15, mode="distance")):
        model = embed(given)
        np.testing.assert_array_equal(model.neighbors_indices_, features.neighbors_indices_)
        np.testing.assert_allclose(
            model.affinities_.toarray(), features.affinities_.toarray(), rtol=1e-3, atol=1e-8
        )


def test_transform_takes_distances_to_the_fitted_items():
    D = pairwise_distances(X)
    model = embed(D[:60, :60])
    places = model.transform(D[60:, :60])
    np.testing.assert_allclose(model.transform(csr_array(D[60:, :60])), places)
    np.testing.assert_array_equal(model.transform(D[:60, :60]), model.embedding_)
    with pytest.raises(InputError, match="60"):
        model.transform(D[60:])


def test_a_graph_with_few_neighbors_has_gaps():
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
    assert np.isfinite(model.embedding_).all()


def test_bad_distances_say_what_to_do():
    D = pairwise_distances(X)
    with pytest.raises(InputError, match=r"X must have 80 columns .* got shape \(80, 79\)"):
        embed(D[:, :79])
    with pytest.raises(InputError, match="must not be negative; the least is -1"):
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
