import numpy as np
import pytest

from featscape.labels.name_anchors import (
    MAX_NAMED_CLASSES,
    MAX_NAMES_PER_CLASS,
    NameAnchor,
    find_name_anchors,
)


def cloud(center, n_points, spread=1.0, seed=0):
    return np.asarray(center) + np.random.default_rng(seed).normal(size=(n_points, 2)) * spread


def test_the_name_is_in_the_densest_spot_of_the_class():
    points = np.vstack([cloud((0, 0), 300, 0.5), cloud((4, 0), 60, 2.0), cloud((20, 20), 200)])
    codes = np.repeat([0, 0, 1], [300, 60, 200])
    anchors = find_name_anchors(points, codes)
    assert [anchor.name_id for anchor in anchors[:2]] == [0, 1]
    assert np.hypot(*points[anchors[0].item]) < 1
    assert codes[anchors[0].item] == 0


def test_each_cluster_of_a_class_has_a_name_and_stray_items_have_none():
    points = np.vstack([cloud((0, 0), 100), cloud((30, 0), 80), cloud((0, 30), 100), [[30, 30]]])
    codes = np.repeat([0, 0, 1, 0], [100, 80, 100, 1])
    anchors = find_name_anchors(points, codes)
    assert [anchor.name_id for anchor in anchors] == [0, 1, 0]
    assert np.hypot(*points[anchors[0].item]) < 2
    assert 60 <= anchors[2].n_items <= 80
    assert np.linalg.norm(points[anchors[2].item] - (30, 0)) < 2


def test_a_class_has_at_most_three_names():
    points = np.vstack([cloud((30 * i, 0), 50) for i in range(6)])
    anchors = find_name_anchors(points, np.zeros(300, dtype=int))
    assert len(anchors) == MAX_NAMES_PER_CLASS


def test_the_name_avoids_a_region_that_another_class_dominates():
    points = np.vstack([cloud((0, 0), 400), cloud((0, 0), 60), cloud((4, 0), 50)])
    codes = np.repeat([0, 1, 1], [400, 60, 50])
    anchor = next(anchor for anchor in find_name_anchors(points, codes) if anchor.name_id == 1)
    assert points[anchor.item, 0] > 2


def test_main_anchors_come_before_further_anchors_and_large_clusters_before_small():
    points = np.vstack([cloud((0, 0), 100), cloud((30, 0), 90), cloud((0, 30), 20)])
    anchors = find_name_anchors(points, np.repeat([0, 0, 1], [100, 90, 20]))
    assert [anchor.name_id for anchor in anchors] == [0, 1, 0]
    assert anchors[2].n_items > 2 * anchors[1].n_items


def test_clusters_of_the_same_size_are_spread_after_larger_clusters():
    x = np.array([0.0, 1, 2, 50, 100, 3])
    sizes = np.array([2, 2, 2, 2, 2, 4])
    points = np.column_stack([np.repeat(x, sizes), np.zeros(sizes.sum())])
    anchors = find_name_anchors(points, np.repeat(np.arange(6), sizes))
    assert [anchor.name_id for anchor in anchors] == [5, 4, 3, 0, 1, 2]


@pytest.mark.parametrize("n_dimensions", [2, 3])
@pytest.mark.parametrize("n_points", [1, 2, 12, 500])
def test_every_class_has_an_anchor(n_points, n_dimensions):
    rng = np.random.default_rng(1)
    points = rng.normal(size=(n_points, n_dimensions)).astype(np.float32)
    codes = rng.integers(0, 5, n_points)
    anchors = find_name_anchors(points, codes)
    assert {anchor.name_id for anchor in anchors} == set(codes.tolist())
    assert all(codes[anchor.item] == anchor.name_id for anchor in anchors)


def test_identical_points_and_extreme_extents_have_anchors():
    assert find_name_anchors(np.zeros((3, 2)), np.zeros(3, dtype=int)) == [NameAnchor(0, 0, 3)]
    line = np.column_stack([np.arange(10.0), np.zeros(10)]) * 1e-30
    assert len(find_name_anchors(line, np.repeat([0, 1], 5))) >= 2


def test_items_without_a_class_have_no_name():
    anchors = find_name_anchors(cloud((0, 0), 100), np.repeat([-1, 0], 50))
    assert {anchor.name_id for anchor in anchors} == {0}


def test_only_the_largest_classes_have_names():
    codes = np.concatenate([np.arange(MAX_NAMED_CLASSES + 50), [MAX_NAMED_CLASSES + 49] * 9])
    anchors = find_name_anchors(cloud((0, 0), len(codes)), codes)
    named = {anchor.name_id for anchor in anchors}
    assert len(named) == MAX_NAMED_CLASSES
    assert MAX_NAMED_CLASSES + 49 in named
