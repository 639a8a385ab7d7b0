"""The image that represents a region."""

import numpy as np

from featscape.regions.representatives import find_medoid


def test_the_medoid_has_the_largest_mean_cosine_similarity():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 6)) + 1
    items = np.sort(rng.permutation(40)[:15])
    unit = features[items] / np.linalg.norm(features[items], axis=1, keepdims=True)
    assert find_medoid(features, items) == items[(unit @ unit.T).mean(axis=1).argmax()]


def test_of_equal_items_the_first_is_the_medoid():
    assert find_medoid(np.ones((9, 3)), np.array([4, 6, 8])) == 4
    assert find_medoid(np.zeros((9, 3)), np.array([5])) == 5
