"""The comparison of two sets of features of the same items."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from featscape import compare_features
from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL
from featscape.records import Estimate, Features, ImageSet, ModelCard
from meshtsne import label_agreement


@pytest.fixture(scope="module")
def layers():
    """Return features of two layers, 80 x 120 and 80 x 60, and labels of four classes."""
    rng = np.random.default_rng(0)
    codes = np.arange(80) % 4
    hidden = 2 * np.eye(4, 12)[codes] + rng.normal(size=(80, 12))
    first = hidden @ rng.normal(size=(12, 120)) + 0.5 * rng.normal(size=(80, 120))
    second = hidden[:, :6] @ rng.normal(size=(6, 60)) + 3 * rng.normal(size=(80, 60))
    return first.astype(np.float32), second.astype(np.float32), [f"class {code}" for code in codes]


def nearest(values, k):
    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(values).kneighbors()[1]


@pytest.mark.parametrize("k", [3, 10])
def test_the_overlap_is_the_mean_share_of_common_neighbors(layers, k):
    first, second, _ = layers
    found = compare_features(first, second, n_neighbors=k)
    rows = zip(nearest(first, k), nearest(second, k), strict=True)
    shares = [np.isin(*both).mean() for both in rows]
    assert found.overlap.value == pytest.approx(np.mean(shares), abs=1e-6)
    error = np.std(shares) / np.sqrt(80)  # the normal approximation of the interval
    assert found.overlap.low == pytest.approx(np.mean(shares) - 1.96 * error, abs=0.3 * error)
    assert found.overlap.high == pytest.approx(np.mean(shares) + 1.96 * error, abs=0.3 * error)
    assert found.overlap_chance == k / 79
    assert found.agreement is found.agreement_difference is found.agreement_chance is None


def test_unrelated_features_have_the_overlap_of_chance():
    rng = np.random.default_rng(1)
    found = compare_features(rng.normal(size=(400, 5)), rng.normal(size=(400, 5)))
    assert found.overlap.low < found.overlap_chance < found.overlap.high


@pytest.mark.parametrize("n", [80, 40])
def test_the_linear_cka_is_that_of_centered_kernels(layers, n):
    first, second = (values[:n, :50].astype(np.float64) for values in layers[:2])
    center = np.eye(n) - 1 / n
    kernels = [center @ values @ values.T @ center for values in (first, second)]
    norms = [np.linalg.norm(kernel) for kernel in kernels]
    expected = np.trace(kernels[0] @ kernels[1]) / np.prod(norms)
    assert 0.1 < expected < 0.9
    assert compare_features(first, second).cka == pytest.approx(expected, abs=1e-5)
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(50, 50)))[0]
    assert compare_features(first, 1e6 * first @ turned + 3).cka == pytest.approx(1, abs=1e-4)


def test_the_agreement_is_that_of_all_features(layers):
    first, second, labels = layers
    found = compare_features(first, second, labels=labels)
    expected = [label_agreement(values, labels).overall for values in (first, second)]
    assert expected[1] < expected[0] < 1
    assert [one.value for one in found.agreement] == pytest.approx(expected)
    assert found.agreement_difference.value == pytest.approx(expected[1] - expected[0])
    for one, share in zip(found.agreement, expected, strict=True):
        error = np.sqrt(share * (1 - share) / 80)  # of a binomial
        assert one.high - one.low == pytest.approx(2 * 1.96 * error, rel=0.25)
    same = compare_features(first, first, labels=labels).agreement_difference
    assert same == Estimate(0, 0, 0)


def test_items_without_a_label_are_not_counted(layers):
    first, second, labels = layers
    some = [*labels[:60], *[NO_LABEL] * 20]
    near = np.array(some)[nearest(first, 5)[:60]]
    expected = ((near == np.array(some[:60])[:, None]).sum(axis=1) > 2).mean()
    found = compare_features(first, second, labels=some)
    assert found.agreement[0].value == pytest.approx(expected)
    few = [f"{number // 3}" for number in range(80)]  # classes of three items
    assert compare_features(first, second, labels=few).agreement is None


def test_features_far_from_0_have_the_neighbors_of_the_centered_features():
    features = np.random.default_rng(3).normal(size=(200, 16))
    found = compare_features(features + 1e6, features)
    assert found.overlap.value == 1
    assert found.cka == pytest.approx(1, abs=1e-6)


def test_features_of_other_images_or_of_another_order_are_refused():
    values = np.random.default_rng(4).normal(size=(20, 3)).astype(np.float32)
    card = ModelCard("net", "fc", "w", "0", "none", 3)

    def features(paths):
        images = ImageSet(Path("photos"), tuple(paths), contents=None, decode=None)
        return Features(values, images, None, card)

    paths = [f"{i}.png" for i in range(20)]
    swapped = [paths[0], paths[2], paths[1], *paths[3:]]
    first, second = features(paths), features(swapped)
    with pytest.raises(InputError, match=r"row 1 is '1\.png' and '2\.png'\. Extract both"):
        compare_features(first, second)
    for other in (features(paths), values):
        assert compare_features(first, other).overlap.value == 1


def test_missing_labels_are_items_without_a_label(layers):
    first, second, labels = layers
    expected = compare_features(first, second, labels=[*labels[:60], *[NO_LABEL] * 20])
    assert expected.agreement is not None
    missing = [None, np.nan, pd.NA, NO_LABEL] * 5
    assert compare_features(first, second, labels=[*labels[:60], *missing]) == expected
    codes = np.where(np.arange(80) < 60, np.arange(80.0) % 4, np.nan)
    assert compare_features(first, second, labels=codes) == expected


def test_labels_may_be_an_array(layers):
    first, second, labels = layers
    expected = compare_features(first, second, labels=labels)
    for given in (np.array(labels), pd.Series(labels), np.arange(80) % 4, torch.arange(80) % 4):
        assert compare_features(first, second, labels=given) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.eye(5), np.eye(6)), "one row per item; got 5 and 6 rows"),
        ((np.ones(5), np.eye(5)), r"must be a matrix of numbers, \(n, d\)"),
        (
            (np.eye(5), torch.eye(5).requires_grad_()),
            r"the second features .* Pass tensor\.detach\(\)\.cpu",
        ),
        ((np.full((5, 2), np.nan), np.eye(5)), "features must be finite"),
        ((np.full((5, 2), 0.1), np.eye(5)), "all 5 rows of the first features are equal"),
        ((np.eye(5) * 1e300, np.eye(5)), "features must be finite .* range of float32"),
        ((np.eye(15), np.full((15, 3), 0.1)), "all 15 rows of the second features are equal"),
        ((np.eye(5), np.eye(5)), "between 1 and n - 1 = 4; got 10"),
    ],
)
def test_invalid_features_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        compare_features(*arguments)


def test_a_wrong_number_of_labels_is_refused(layers):
    with pytest.raises(InputError, match="one label per item = 80; got 3"):
        compare_features(*layers[:2], labels=["a"] * 3)
