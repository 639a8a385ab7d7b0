"""The images whose features are most similar to a vector."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from featscape.words import Similarities, rank, similarity


def test_the_similarity_is_the_cosine(monkeypatch):
    monkeypatch.setattr(similarity, "_BYTES_AT_ONCE", 50)  # several blocks of norms
    rng = np.random.default_rng(0)
    features = rng.normal(size=(10, 4)).astype(np.float32)
    vector = rng.normal(size=4).astype(np.float32)
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(vector)
    found = Similarities(features)
    for factor in (1, 3):  # the second call uses the norms of the first
        assert found.to(factor * vector) == pytest.approx(features @ vector / lengths, abs=1e-6)


def test_the_similarities_do_not_depend_on_the_threads_of_blas():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(380, 1280)).astype(np.float32)
    vectors = rng.normal(size=(1000, 1280)).astype(np.float32)
    results = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, "blas"):
            of_one = Similarities(features).to(vectors[0])
            results.append((of_one, *similarity.classify(features, vectors, scale=1.0)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_features_of_zeros_are_similar_to_nothing():
    features = np.array([[0, 0], [1, 0]], np.float32)
    assert Similarities(features).to(np.array([2, 0], np.float32)).tolist() == [0, 1]
    assert Similarities(features).to(np.zeros(2, np.float32)).tolist() == [0, 0]


@pytest.mark.parametrize("k", [None, 1, 3, 5, 9])
def test_the_most_similar_images_are_first_and_ties_keep_their_order(k):
    similarities = np.array([0.5, 0.9, 0.5, -0.1, 0.9], np.float32)
    found = rank(similarities, k=k)
    assert found.items.tolist() == [1, 4, 0, 2, 3][:k]
    assert found.scores.tolist() == sorted(similarities.tolist(), reverse=True)[:k]
    assert found.measure == "similarity"
