"""The most probable classes of an image."""

import numpy as np
from threadpoolctl import threadpool_limits

from featscape.records import ClassifierWeights
from featscape.words import N_CLASSES, recognition, recognize


def make(n_items, *, n_classes=40, n_features=8):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n_items, n_features)).astype(np.float32)
    weight = rng.normal(size=(n_classes, n_features)).astype(np.float32)
    bias = rng.normal(size=n_classes).astype(np.float32)
    return features, ClassifierWeights(weight, bias)


def test_the_probabilities_are_a_softmax_over_all_classes_in_descending_order(monkeypatch):
    monkeypatch.setattr(recognition, "_SCORES_AT_ONCE", 4_000)  # several blocks
    features, classifier = make(203)
    found = recognize(features, classifier)
    scores = np.exp(features.astype(float) @ classifier.weight.T + classifier.bias)
    expected = scores / scores.sum(axis=1, keepdims=True)
    assert found.classes.shape == (len(features), N_CLASSES)
    assert (found.classes == np.argsort(-expected, axis=1)[:, :N_CLASSES]).all()
    np.testing.assert_allclose(
        found.probabilities, np.take_along_axis(expected, found.classes.astype(int), 1), rtol=1e-4
    )


def test_the_probabilities_do_not_depend_on_the_threads_of_blas():
    features, classifier = make(380, n_classes=1000, n_features=1280)
    with threadpool_limits(1, "blas"):
        expected = recognize(features, classifier)
    with threadpool_limits(2, "blas"):
        found = recognize(features, classifier)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    np.testing.assert_array_equal(found.classes, expected.classes)


def test_large_scores_do_not_overflow():
    features, classifier = make(5)
    found = recognize(features * 1e4, classifier)
    assert np.isfinite(found.probabilities).all()
    assert (found.probabilities.sum(axis=1) <= 1 + 1e-6).all()


def test_the_classes_of_an_item_do_not_depend_on_the_other_items():
    features, classifier = make(50)
    order = np.random.default_rng(1).permutation(50)
    assert (
        recognize(features, classifier).classes[order]
        == recognize(features[order], classifier).classes
    ).all()
