import numpy as np
import pandas as pd
import pytest
from sklearn import manifold
from sklearn.neighbors import KNeighborsClassifier

from meshtsne import quality
from meshtsne.affinities import joint_probabilities
from meshtsne.errors import InputError
from meshtsne.forces import choice, exact, grid
from meshtsne.search.neighbors import nearest_neighbors


@pytest.fixture
def features():
    rng = np.random.RandomState(0)
    return rng.normal(size=(120, 6)).astype(np.float32)


def test_both_computations_of_the_kl_divergence_agree_with_the_formula(features, monkeypatch):
    P = joint_probabilities(nearest_neighbors(features, 30), (10.0,), n_threads=1)
    Y = features[:, :2] * 5
    expected = exact.kl_divergence(P.toarray().astype(np.float64), Y)
    assert quality.kl_divergence(P, Y) == pytest.approx(expected, rel=1e-4)
    monkeypatch.setattr(quality, "_DIRECT_KL_UP_TO", 10)
    monkeypatch.setitem(choice.DIRECT_BELOW, 2, 10)
    assert quality.kl_divergence(P, Y) == pytest.approx(expected, rel=1e-2)
    with pytest.raises(InputError, match=r"P must have the shape \(n, n\) for n = 20"):
        quality.kl_divergence(P, Y[:20])


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e5, 1e30, 1e140])
def test_the_kl_divergence_of_any_extent_agrees_with_the_formula(features, scale):
    P = joint_probabilities(nearest_neighbors(features, 30), (10.0,), n_threads=1)
    # two groups of points, far apart, and each of the usual density: float32 would join its points
    Y = features[:, :2].astype(np.float64)
    Y[60:] += scale
    for positions in (Y, features[:, :2].astype(np.float64) * scale):
        expected = exact.kl_divergence(P.toarray().astype(np.float64), positions)
        assert quality.kl_divergence(P, positions) == pytest.approx(expected, rel=1e-5)


def test_the_kl_divergence_is_not_negative():
    P = np.full((6, 6), 1 / 30) * (1 - np.eye(6))
    assert 0 <= quality.kl_divergence(P, 1e-3 * np.arange(6.0)[:, None]) < 1e-6


def test_an_extent_beyond_the_computation_is_an_error(features, monkeypatch):
    P = joint_probabilities(nearest_neighbors(features, 30), (10.0,), n_threads=1)
    with pytest.raises(InputError, match=r"an extent of at most 1e\+150, .*; got .*e\+160"):
        quality.kl_divergence(P, features[:, :2].astype(np.float64) * 1e160)
    monkeypatch.setattr(quality, "_DIRECT_KL_UP_TO", 10)
    monkeypatch.setitem(choice.DIRECT_BELOW, 2, 10)
    monkeypatch.setattr(grid, "FEW_NODES", 2**60)
    with pytest.raises(InputError, match=r"Y of more than 10 items must fit .* a sample of 10"):
        quality.kl_divergence(P, features[:, :2] * 1e6)


@pytest.mark.parametrize(
    ("P", "message"),
    [
        (np.ones((4, 4)) / 16, "P must be 0 on the diagonal"),
        (1 - np.eye(4), "P must sum to 1; the sum is 12"),
        (np.triu(np.ones((4, 4)), 1) / 6, "P must be symmetric"),
        (np.full((4, 4), -1.0), "P must be finite and not negative"),
    ],
)
def test_probabilities_of_the_kl_divergence_are_checked(P, message):
    with pytest.raises(InputError, match=message):
        quality.kl_divergence(P, np.eye(4, 2))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_trustworthiness_agrees_with_scikit_learn(features, metric, monkeypatch):
    monkeypatch.setattr(quality, "_ROWS_AT_ONCE", 50)
    Y = features[:, :2]
    expected = manifold.trustworthiness(features, Y, n_neighbors=7, metric=metric)
    found = quality.trustworthiness(features, Y, n_neighbors=7, metric=metric)
    assert found == pytest.approx(expected, abs=1e-12)
    with pytest.raises(InputError, match=r"n_neighbors must be .* less than n / 2 = 60; got 60"):
        quality.trustworthiness(features, Y, n_neighbors=60)


def test_neighbor_recall_is_the_mean_overlap(features):
    np.testing.assert_array_equal(quality.neighbor_recall(features, features), 1)
    Y = features[:, :2]
    a = nearest_neighbors(features, 8).indices
    b = nearest_neighbors(Y, 8).indices
    expected = [len(np.intersect1d(x, y)) / 8 for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(quality.neighbor_recall(features, Y, n_neighbors=8), expected)
    with pytest.raises(InputError, match="got 120 and 7 rows"):
        quality.neighbor_recall(features, Y[:7])


def test_label_accuracy_agrees_with_scikit_learn(features):
    labels = np.array(["ape", "bird", "cat"])[
        (features[:, 0] > 0).astype(int) + (features[:, 1] > 1)
    ]
    Y = features[:, :2]
    hits = []
    for i in range(len(Y)):
        others = np.arange(len(Y)) != i
        model = KNeighborsClassifier(10).fit(Y[others], labels[others])
        hits.append(model.predict(Y[i : i + 1])[0] == labels[i])
    assert quality.label_accuracy(Y, labels) == pytest.approx(np.mean(hits))
    with pytest.raises(InputError, match="labels must have one entry per item, 120; got 3"):
        quality.label_accuracy(Y, ["a", "b", "c"])


def test_lists_are_accepted_and_strings_are_errors(features):
    rows, Y = features.tolist(), features[:, :2].tolist()
    labels = ["ape", "bird"] * 60
    found = quality.label_agreement(rows, labels)
    assert found == quality.label_agreement(features, labels)
    assert quality.label_accuracy(Y, labels) == quality.label_accuracy(features[:, :2], labels)
    assert quality.trustworthiness(rows, Y) == quality.trustworthiness(features, features[:, :2])
    assert quality.neighbor_recall(rows, rows).min() == 1
    P = exact.joint_probabilities(features.astype(np.float64), 10.0)
    truth = exact.kl_divergence(P, features[:, :2])
    assert quality.kl_divergence(P.tolist(), Y) == pytest.approx(truth, rel=1e-4)
    words = [["a", "b"]] * 120
    for call in (
        lambda: quality.label_agreement(words, labels),
        lambda: quality.label_accuracy(words, labels),
        lambda: quality.trustworthiness(features, words),
        lambda: quality.neighbor_recall(words, Y),
        lambda: quality.kl_divergence(P, words),
    ):
        with pytest.raises(InputError, match=r"[XY] must be an array of numbers"):
            call()
    with pytest.raises(InputError, match="metric must be one of euclidean"):
        quality.trustworthiness(rows, Y, metric="precomputed")
    with pytest.raises(InputError, match="1, 2 or 3 columns; got 6"):
        quality.kl_divergence(P, features)


def test_label_agreement_requires_more_than_half():
    X = np.concatenate([np.arange(6), 100 + np.arange(4), 200 + np.arange(2)]).astype(float)[
        :, None
    ]
    labels = ["b"] * 6 + ["a"] * 4 + ["c"] * 2
    agreement = quality.label_agreement(X, labels, n_neighbors=5)
    # of the 5 neighbors of an item "a", 3 have the label "a"
    assert agreement.by_class == {"a": 1.0, "b": 1.0, "c": 0.0}
    assert agreement.overall == pytest.approx(10 / 12)
    assert quality.label_agreement(X, labels, n_neighbors=4).by_class["c"] == 0
    assert quality.label_agreement(X, [1] * 12).by_class == {"1": 1.0}


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
@pytest.mark.parametrize("present", ["a", 1.0])
@pytest.mark.parametrize("measure", [quality.label_agreement, quality.label_accuracy])
def test_a_missing_label_is_an_error_and_no_class(measure, present, missing):
    message = r"labels must have a label for every item; got .*\. Leave out the items without"
    with pytest.raises(InputError, match=message):
        measure(np.arange(12.0)[:, None], [present] * 11 + [missing])


def test_missing_neighbors_do_not_count_for_the_agreement():
    near = [[1, 2, -1], [0, 2, -1], [3, -1, -1], [0, 1, 2]]
    agreement = quality.agreement_among(near, ["a", "a", "b", "b"])
    # One of two neighbors is not more than half. The only neighbor of item 2 has its label.
    assert agreement.by_class == {"a": 0.0, "b": 0.5}
    last = quality.agreement_among([[1, -1, -1], [0, -1, -1], [0, 1, -1]], ["a", "a", "b"])
    assert last.by_class == {"a": 1.0, "b": 0.0}


@pytest.mark.parametrize(
    ("near", "message"),
    [
        ([[1], [2]], "near must hold indices from -1 to n - 1 = 1; got 1 to 2"),
        ([[1], [-2]], "got -2 to 1"),
        ([[1], [-1]], "1 rows have none, the first is row 1"),
        ([[1.0], [0.0]], "near must be an array of integers"),
        ([1, 0], r"the shape \(2,\)"),
        ([[1, 2], [0]], "near must be an array of integers, .*; got rows of different lengths"),
    ],
)
def test_invalid_neighbors_of_the_agreement_are_errors(near, message):
    with pytest.raises(InputError, match=message):
        quality.agreement_among(near, ["a", "b"])
