import numpy as np
import pytest

from featscape.findings import off_topic as module
from featscape.findings.off_topic import find_off_topic
from featscape.findings.spaces import principal_components, search_all_pairs
from featscape.labels.classes import NO_LABEL, count_classes
from helpers.maps.planted import average_precision, clouds, named


def with_guests(n_hosts=400, n_guests=8, *, spread=0.25):
    """Return features whose last rows are a group of their own, and which rows these are."""
    features, codes = clouds(n_hosts)
    rng = np.random.default_rng(3)
    center = 3 * rng.normal(size=features.shape[1])
    guests = center + spread * rng.normal(size=(n_guests, features.shape[1]))
    codes = np.concatenate([codes, rng.integers(0, 4, n_guests)])
    is_guest = np.arange(n_hosts + n_guests) >= n_hosts
    return np.vstack([features, guests]).astype(np.float32), codes, is_guest


def off_topic(features, codes=None, *, labels=None, n_threads=1, **options):
    """Return the items off topic, with classes by `codes` or `labels` if one of these is given."""
    labels = labels if codes is None else named(codes)
    classes = None if labels is None else count_classes(list(labels), len(features))
    near = search_all_pairs(features, min(10, len(features) - 1)).indices
    return find_off_topic(
        features, near, classes=classes, **options, random_state=0, n_threads=n_threads
    )


@pytest.mark.parametrize("has_labels", [False, True])
def test_a_group_of_foreign_images_is_found(has_labels):
    features, codes, is_guest = with_guests()
    found = off_topic(features, codes if has_labels else None)
    assert average_precision(found.score, is_guest) > 0.99
    assert {one.item for one in found.result.findings} == set(np.flatnonzero(is_guest))


def test_most_images_of_a_class_are_not_off_topic_and_the_class_is_named():
    features, codes, is_guest = with_guests(n_guests=16, spread=1.5)
    labels = np.array(named(codes), dtype=object)
    labels[is_guest] = "odd"
    stray = np.flatnonzero(is_guest)[:4]
    labels[stray] = "ant", "bee", "cat", "dog"  # foreign images with labels of the dataset
    found = off_topic(features, labels=labels)
    assert {one.item for one in found.result.findings} == set(stray)
    assert (found.score[labels == "odd"] <= 0).all()
    assert found.result.reason == (
        "Most items of the class odd are unlike the rest of the dataset: the items of this class "
        "are not listed."
    )


@pytest.mark.parametrize("n_of_class", [16, 36])  # less and more than 5 % of the images
def test_a_class_of_equal_looking_images_far_from_the_others_is_named(n_of_class):
    features, codes, is_guest = with_guests(n_guests=n_of_class)
    labels = np.array(named(codes), dtype=object)
    labels[is_guest] = "odd"
    found = off_topic(features, labels=labels)
    assert found.result.reason.startswith("Most items of the class odd are unlike the rest")
    assert set(found.score[is_guest]) == {0.0}
    assert np.median(found.score[~is_guest]) < -1


@pytest.mark.parametrize(("n_of_class", "is_listed"), [(4, True), (5, False)])
def test_a_class_of_its_own_has_5_items(n_of_class, is_listed):
    features, codes, is_guest = with_guests(n_guests=n_of_class, spread=1.5)
    labels = np.where(is_guest, "odd", named(codes))
    found = off_topic(features, labels=labels)
    assert bool(found.result.findings) == is_listed
    assert (found.result.reason is None) == is_listed


def test_half_of_a_class_and_images_without_a_label_are_off_topic():
    features, codes, is_guest = with_guests(n_guests=16, spread=1.5)
    guests = np.flatnonzero(is_guest)
    labels = np.array(named(codes), dtype=object)
    labels[guests[:8]] = NO_LABEL
    labels[guests[8:]] = "mixed"
    labels[np.arange(0, 32, 4)] = "mixed"
    found = off_topic(features, labels=labels)
    assert {one.item for one in found.result.findings} >= set(guests)
    assert found.result.reason is None


def test_each_finding_has_its_score_and_neighbors():
    features, codes, is_guest = with_guests()
    found = off_topic(features, codes, paths=[f"{i}.png" for i in range(len(features))])
    first = found.result.findings[0]
    assert first.evidence.score == pytest.approx(found.score.max())
    assert is_guest[list(first.evidence.neighbors)].all()
    assert "nearest 5 % of 408 random images" in first.evidence.method
    assert first.text.startswith(f"{first.item}.png is unlike the rest of the dataset")
    assert "nearest class" in first.evidence.method
    assert "nearest class" not in off_topic(features).result.findings[0].evidence.method


def test_at_most_half_a_percent_of_clean_items_are_flagged():
    features, codes = clouds(1_000)
    assert len(off_topic(features, codes).result.findings) <= 5


def test_a_permutation_of_the_items_permutes_the_scores():
    features, codes, _ = with_guests()
    order = np.random.default_rng(1).permutation(len(features))
    score = off_topic(features, codes).score
    np.testing.assert_allclose(
        off_topic(features[order], codes[order]).score, score[order], atol=0.01
    )


def test_renamed_labels_change_nothing():
    features, codes, _ = with_guests()
    other = np.array([2, 0, 3, 1])[codes]
    score = off_topic(features, codes).score
    np.testing.assert_allclose(off_topic(features, other).score, score, atol=0.01)


@pytest.mark.parametrize("n_items", [1, 5, 19])
def test_too_few_items_are_reported(n_items):
    found = (
        off_topic(clouds(20)[0][:n_items], None)
        if n_items > 1
        else find_off_topic(
            np.ones((1, 4), np.float32), np.empty((1, 0), np.int32), random_state=0, n_threads=1
        )
    )
    assert "at least 20 are needed" in found.result.reason
    assert np.isnan(found.score).all()


@pytest.mark.parametrize("n_equal", [20, 30, 100])
def test_equal_features_of_more_than_a_quarter_of_the_items_are_reported(n_equal):
    features = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    features[:n_equal] = 1
    reason = "More than a quarter of the items have the same features as others."
    assert off_topic(features).result.reason == (reason if n_equal > 25 else None)


def test_equal_distances_of_all_items_are_reported():
    found = off_topic(np.eye(50, dtype=np.float32))
    assert found.result.reason == "Half of the items or more are equally far from the others."
    assert found.result.findings == ()


def test_a_class_with_one_item_and_many_classes_work():
    features, codes, is_guest = with_guests()
    codes[0] = 4
    assert average_precision(off_topic(features, codes).score, is_guest) > 0.99
    many = np.arange(len(features)) // 2
    assert average_precision(off_topic(features, many).score, is_guest) > 0.99


def test_components_give_the_scores_of_the_features(monkeypatch):
    features, codes, is_guest = with_guests(2_000, 40)
    exact = off_topic(features, codes)
    monkeypatch.setattr(module, "_MOST_EXACT", 0)
    components = principal_components(features, 20, random_state=0)  # of 40
    found = off_topic(features, codes, components=components, n_threads=2)
    assert (found.score != exact.score).any()
    assert np.corrcoef(found.score, exact.score)[0, 1] > 0.99
    assert average_precision(found.score, is_guest) > 0.99
    listed = {one.item for one in found.result.findings}
    assert listed == {one.item for one in exact.result.findings}
