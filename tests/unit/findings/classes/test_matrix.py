"""The matrix and the tree of the classes, for a picture."""

from functools import partial

import numpy as np
import pytest

from featscape import findings
from featscape.findings.records import ClassFinding, Evidence
from featscape.findings.spaces import search_all_pairs
from featscape.labels.classes import NO_LABEL
from helpers.maps.planted import clouds, named

relate_classes = partial(findings.relate_classes, found=(), random_state=0)


def close_pair(n_items=400):
    """Return features in which the classes cat and dog are close, and the labels."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(4, 20))
    centers[3] = centers[2] + 0.2 * rng.normal(size=20)
    codes = np.arange(n_items) % 4
    return (2 + centers[codes] + 0.35 * rng.normal(size=(n_items, 20))).astype(np.float32), codes


@pytest.mark.parametrize("n_items", [400, 60])
def test_the_closest_classes_are_merged_first_and_are_side_by_side(n_items):
    features, codes = close_pair(n_items)
    near = search_all_pairs(features, 10).indices
    relations = relate_classes(features, near, named(codes), most_classes=40)
    first = sorted(relations.merges[0, :2].astype(int))
    assert {relations.names[place] for place in first} == {"cat", "dog"}
    assert first[1] - first[0] == 1
    assert (np.diff(relations.merges[:, 2]) >= 0).all()


def test_the_shares_are_those_of_the_neighbors():
    features, codes = close_pair()
    near = search_all_pairs(features, 10).indices
    relations = relate_classes(features, near, named(codes), most_classes=40)
    place = {name: i for i, name in enumerate(relations.names)}
    expected = (codes[near[codes == 2]] == 3).mean()
    assert relations.shares[place["cat"], place["dog"]] == pytest.approx(expected)
    assert relations.shares.sum(axis=1) == pytest.approx(1)
    assert relations.counts.tolist() == [100] * 4


def test_a_small_matrix_has_the_closest_classes():
    features, codes = close_pair()
    near = search_all_pairs(features, 10).indices
    relations = relate_classes(features, near, named(codes), most_classes=3)
    assert len(relations.names) == 3
    assert {"cat", "dog"} < set(relations.names)
    assert relations.n_classes == 4
    assert (relations.shares.sum(axis=1) < 1.0001).all()
    assert relations.merges.shape == (2, 3)


def test_items_without_a_label_have_no_row():
    features, codes = close_pair()
    near = search_all_pairs(features, 10).indices
    labels = np.array(named(codes), dtype=object)
    everything = relate_classes(features, near, labels.tolist(), most_classes=40)
    labels[::5] = NO_LABEL
    for most in (40, 4, 3):
        relations = relate_classes(features, near, labels.tolist(), most_classes=most)
        assert len(relations.names) == min(most, 4)
        assert set(relations.names) <= set(everything.names)
        assert relations.n_classes == 4
        assert relations.shares.sum(axis=1).max() < 1
        assert relations.counts.tolist() == [80] * len(relations.names)
    assert relate_classes(features, near, [NO_LABEL, "cat"] * 200, most_classes=40) is None


def test_two_classes_have_a_matrix_without_a_tree():
    features, codes = clouds(100, n_classes=2)
    near = search_all_pairs(features, 10).indices
    relations = relate_classes(features, near, named(codes), most_classes=40)
    assert relations.shares.shape == (2, 2)
    assert relations.merges.shape == (0, 3)


@pytest.mark.parametrize("labels", [None, ["one"] * 100])
def test_fewer_than_two_classes_have_no_matrix(labels):
    features, _codes = clouds(100)
    near = search_all_pairs(features, 10).indices
    assert relate_classes(features, near, labels, most_classes=40) is None


def test_equal_features_have_a_matrix():
    features, near = np.ones((9, 4), np.float32), np.zeros((9, 2), np.int32)
    relations = relate_classes(features, near, list("abcabcabc"), most_classes=40)
    assert relations.shares.shape == (3, 3)


def test_the_support_of_a_branch_is_that_of_the_finding():
    features, codes = close_pair()
    near = search_all_pairs(features, 10).indices
    found = ClassFinding(
        kind="close pair",
        classes=("cat", "dog"),
        text="",
        evidence=Evidence(items=(), neighbors=(), score=0.94, method=""),
    )
    relations = relate_classes(features, near, named(codes), most_classes=40, found=[found])
    assert relations.support[0] == 0.94
    assert np.isnan(relations.support[1:]).all()
