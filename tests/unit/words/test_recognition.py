"""The most probable classes of an image."""

import numpy as np

from featscape.records import ClassifierWeights
from featscape.words import N_CLASSES, recognize
from featscape.words.recognition import _ROWS_AT_ONCE


def make(n_items, *, n_classes=40, n_features=8):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n_items, n_features)).astype(np.float32)
    weight = rng.normal(size=(n_classes, n_features)).astype(np.float32)
    bias = rng.normal(size=n_classes).astype(np.float32)
    return features, ClassifierWeights(weight, bias)


def test_the_probabilities_are_a_softmax_over_all_classes_in_descending_order():
    features, classifier = make(_ROWS_AT_ONCE + 3)
    found = recognize(features, classifier)
    scores = np.exp(features.astype(float) @ classifier.weight.T + classifier.bias)
    expected = scores / scores.sum(axis=1, keepdims=True)
    assert found.classes.shape == (len(features), N_CLASSES)
    assert (found.classes == np.argsort(-expected, axis=1)[:, :N_CLASSES]).all()
    np.testing.assert_allclose(
        found.probabilities, np.take_along_axis(expected, found.classes.astype(int), 1), rtol=1e-4
    )


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
