from functools import partial

import numpy as np
import pytest

from featscape.findings.classes import relations as module
from featscape.findings.classes.parts import choose_exemplars, split_class
from featscape.findings.spaces import principal_components, search_all_pairs
from featscape.labels.classes import count_classes
from helpers.maps.planted import clouds, named

find_class_relations = partial(
    module.find_class_relations, is_copy=None, noun="image", n_threads=1, random_state=0
)


def related(n_items=400, *, small=False):
    """Return features in which the classes 0 and 1 are close, and the classes."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(5, 20))
    centers[1] = centers[0] + 0.3 * rng.normal(size=20)
    codes = np.arange(n_items) % 5
    noise = (0.2 if small else 0.35) * rng.normal(size=(n_items, 20))
    return (2 + centers[codes] + noise).astype(np.float32), codes


def relations(features, labels, **options):
    n = len(features)
    return find_class_relations(
        principal_components(features, random_state=0),
        search_all_pairs(features, min(15, n - 1)).indices,
        None if labels is None else count_classes(labels, n),
        **{"confidence": np.full(n, 0.5, np.float32), **options},
    )


def test_the_text_of_a_pair_has_the_number_of_neighbors():
    features, codes = related()
    near = search_all_pairs(features, 9).indices
    part = find_class_relations(
        principal_components(features, random_state=0),
        near,
        count_classes(named(codes), 400),
        confidence=np.full(400, 0.5, np.float32),
    )
    assert "of the 9 nearest images" in of_kind(part, "close pair")[0].text


def of_kind(part, kind):
    return [one for one in part.findings if one.kind == kind]


@pytest.mark.parametrize(("n_items", "distance"), [(400, "lift"), (100, "class means")])
def test_the_close_pair_is_found_with_its_support(n_items, distance):
    features, codes = related(n_items)
    pair = of_kind(relations(features, named(codes)), "close pair")[0]
    assert set(pair.classes) == {"ant", "bee"}
    assert pair.evidence.score >= 0.8
    assert distance in pair.evidence.method
    assert pair.text.startswith("ant and bee are close: ")


def pairs_of(counts, shares):
    """Return the pairs for classes of given sizes whose items have given shares of neighbors.

    `shares` has a row for each class with the number of the 10 neighbors in each class; the
    neighbors are consecutive items of the class.
    """
    codes = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum([0, *counts])
    near = np.empty((len(codes), 10), np.int32)
    for item, code in enumerate(codes):
        row = [
            starts[other] + (item + at) % counts[other]
            for other, number in enumerate(shares[code][item % len(shares[code])])
            for at in range(1, number + 1)
        ]
        near[item] = row
    features = 5 * np.eye(len(counts))[codes] + np.random.default_rng(0).normal(
        size=(len(codes), len(counts))
    )
    part = find_class_relations(
        principal_components(features.astype(np.float32), random_state=0),
        near,
        count_classes(named(codes), len(codes)),
        confidence=np.ones(len(codes), np.float32),
    )
    return of_kind(part, "close pair"), of_kind(part, "separate pair")


def test_the_share_of_a_pair_is_that_of_the_class_that_mixes_more():
    counts = (40, 1000, 100)  # of 1,000 bees, one in ten has an ant among the neighbors
    ants, bees, cats = [(6, 4, 0)], [(1, 9, 0), *[(0, 10, 0)] * 9], [(0, 0, 10)]
    (pair,), separate = pairs_of(counts, (ants, bees, cats))
    assert separate == []
    assert pair.text == (
        "ant and bee are close: 40 % of the 10 nearest images of ant are bee, and 1 % of those of "
        "bee are ant."
    )
    assert pair.items


def test_a_pair_that_mixes_much_less_than_by_chance_is_not_close():
    counts = (180, 180, 180)
    ants, bees, cats = [(9, 1, 0), (10, 0, 0)], [(1, 9, 0), (0, 10, 0)], [(0, 0, 10)]
    close, (pair,) = pairs_of(counts, (ants, bees, cats))
    assert close == []
    assert pair.text == "ant and bee are separate, and each is the nearest class of the other."


def test_close_pairs_are_sorted_by_their_share():
    one = [(8, 2, 0, 0)], [(2, 8, 0, 0)]
    other = [(0, 0, 7, 3)], [(0, 0, 3, 7)]
    close, _ = pairs_of((100,) * 4, (*one, *other))
    assert [pair.classes for pair in close] == [("cat", "dog"), ("ant", "bee")]


def test_a_pair_of_separate_classes_has_no_border_images():
    rng = np.random.default_rng(0)
    centers = 10 * rng.normal(size=(4, 20))
    centers[1] = centers[0] + 1
    codes = np.arange(100) % 4
    features = (centers[codes] + 0.1 * rng.normal(size=(100, 20))).astype(np.float32)
    pair = of_kind(relations(features, named(codes)), "separate pair")[0]
    assert pair.text == "ant and bee are separate, and each is the nearest class of the other."
    assert pair.items == ()


def test_a_group_of_most_classes_is_reported_as_the_distance_of_the_others():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(7, 20))
    centers[1:3] = centers[0] + 0.3 * rng.normal(size=(2, 20))
    centers[6] -= 3 * centers[:6].sum(axis=0)  # far from all others
    codes = np.arange(140) % 7
    features = (9 + centers[codes] + 0.1 * rng.normal(size=(140, 20))).astype(np.float32)
    groups = of_kind(relations(features, named(codes)), "group")
    texts = {len(one.classes): one.text for one in groups}
    assert texts[3].startswith("ant, bee and cat form a group: ")
    assert texts[6] == (
        "class 6 is apart from the other 6 classes, which are closer to each other."
    )


def two_branches(n_first, n_second):
    """Return the groups of two branches of classes; the classes of a branch do not mix."""
    rng = np.random.default_rng(0)
    n_classes = n_first + n_second
    codes = np.arange(20 * n_classes) % n_classes
    centers = 2 * rng.normal(size=(n_classes, 20))
    centers[:n_first, 0] += 60
    noise = 0.1 * rng.normal(size=(len(codes), 20))
    features = (99 + centers[codes] + noise).astype(np.float32)
    names = named(np.arange(n_classes))
    branches = {frozenset(names[:n_first]), frozenset(names[n_first:])}
    groups = of_kind(relations(features, named(codes)), "group")
    return [one for one in groups if frozenset(one.classes) in branches]


def test_the_two_branches_of_all_classes_are_one_finding():
    (group,) = two_branches(3, 4)
    assert group.classes == ("ant", "bee", "cat")
    assert group.text == (
        "ant, bee and cat form a group, and so do the other 4 classes: the classes of each group "
        "are closer to each other than to the others."
    )
    assert group.evidence.method.endswith("Of the two groups, the lower score counts.")


def test_two_branches_of_equal_size_are_two_findings_with_all_names():
    end = "form a group: they are closer to each other than to the others."
    assert sorted(one.text for one in two_branches(3, 3)) == [
        f"ant, bee and cat {end}",
        f"class 4, class 5 and dog {end}",
    ]


@pytest.mark.parametrize(("n_large", "n_groups"), [(4, 1), (3, 0)])
def test_a_group_leaves_out_small_classes_and_says_so(n_large, n_groups):
    rng = np.random.default_rng(0)
    centers = 10 * np.eye(5, 20)
    centers[1:3] = centers[0] + 0.3 * rng.normal(size=(2, 20))
    codes = np.repeat(np.arange(5), [20] * n_large + [4] * (5 - n_large))
    features = (centers[codes] + 0.1 * rng.normal(size=(len(codes), 20))).astype(np.float32)
    groups = of_kind(relations(features, named(codes)), "group")
    text = (
        "dog is apart from the other 3 classes, which are closer to each other. Classes of fewer "
        "than 5 images are left out."
    )
    assert [one.text for one in groups] == n_groups * [text]


def test_border_images_are_of_the_pair_and_near_the_other_class():
    features, codes = related()
    pair = of_kind(relations(features, named(codes)), "close pair")[0]
    assert 1 <= len(pair.items) <= 10
    assert set(codes[list(pair.items)]) <= {0, 1}


def test_a_class_of_two_parts_is_split_and_others_are_not():
    features, codes = clouds(600, n_classes=6, spread=0.1)
    merged = np.minimum(codes, 4)  # the classes 4 and 5 have one label
    splits = of_kind(relations(features, named(merged)), "split")
    assert [one.classes for one in splits] == [("class 4",)]
    part = codes[list(splits[0].items)]
    assert len(set(part)) == 1
    assert splits[0].evidence.score >= 0.9


def test_a_class_of_four_parts_is_said_to_have_at_least_two():
    features, codes = clouds(400, n_classes=8, spread=0.1)
    merged = np.maximum(codes - 3, 0)  # the classes 0 to 3 have one label
    split = of_kind(relations(features, named(merged)), "split")[0]
    assert split.classes == ("ant",)
    assert split.text.startswith("ant splits into at least two parts: ")


def test_the_findings_do_not_depend_on_the_number_of_threads():
    features, codes = clouds(600, n_classes=6, spread=0.1)
    merged = named(np.minimum(codes, 4))
    one, three = (relations(features, merged, n_threads=n).findings for n in (1, 3))
    assert [found.text for found in one] == [found.text for found in three]
    assert [found.items for found in one] == [found.items for found in three]


def test_a_single_cloud_is_not_split():
    values = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
    assert split_class(values)[1] > 0.1


@pytest.mark.parametrize(("n_items", "is_found"), [(5, True), (4, False)])
def test_classes_of_fewer_than_5_items_are_not_related(n_items, is_found):
    codes = np.repeat(np.arange(4), n_items)
    centers = 10 * np.eye(4, 20)
    centers[1] = centers[0] + 0.1
    noise = 0.01 * np.random.default_rng(0).normal(size=(4 * n_items, 20))
    part = relations((centers[codes] + noise).astype(np.float32), named(codes))
    pairs = [one.classes for one in of_kind(part, "close pair")]
    assert (("ant", "bee") in pairs) == is_found
    assert (part.reason is None) == is_found


def test_exemplars_are_of_their_class_and_avoid_doubtful_labels():
    features, codes = clouds()
    confidence = np.where(np.arange(400) < 200, 1e-6, 0.9).astype(np.float32)
    found = of_kind(relations(features, named(codes), confidence=confidence), "exemplars")
    assert [one.classes for one in found] == [("ant",), ("bee",), ("cat",), ("dog",)]
    for code, one in enumerate(found):
        assert len(one.items) == 10
        assert set(codes[list(one.items)]) == {code}
    assert found[0].items[0] >= 200


def test_exemplars_cover_each_cluster():
    rng = np.random.default_rng(0)
    centers = np.repeat(np.eye(3), 20, axis=0)
    values = (centers + 0.01 * rng.normal(size=(60, 3))).astype(np.float32)
    chosen, coverage = choose_exemplars(values, np.ones(60, np.float32), 3)
    assert sorted(chosen // 20) == [0, 1, 2]
    assert coverage > 0.99


def test_renamed_labels_change_only_the_names():
    features, codes = related()
    new = {"ant": "zebra", "bee": "ape", "cat": "1", "dog": "2", "class 4": "3"}
    found = relations(features, named(codes))
    renamed = relations(features, [new[name] for name in named(codes)])
    pairs = [{new[name] for name in one.classes} for one in of_kind(found, "close pair")]
    assert pairs == [set(one.classes) for one in of_kind(renamed, "close pair")]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (None, "no labels"),
        (named(np.zeros(40, int)), "at least three"),
        (named(np.arange(40) % 2), "at least three"),
    ],
)
def test_what_cannot_be_computed_is_reported(labels, reason):
    part = relations(clouds(40)[0], labels)
    assert reason in part.reason


def test_a_class_of_one_item_has_no_exemplars():
    features, codes = clouds(300)
    codes[0] = 4
    part = relations(features, named(codes))
    classes = [one.classes for one in of_kind(part, "exemplars")]
    assert classes == [("ant",), ("bee",), ("cat",), ("dog",)]
    codes[1] = 4
    found = of_kind(relations(features, named(codes)), "exemplars")
    assert [sorted(one.items) for one in found if one.classes == ("class 4",)] == [[0, 1]]


def test_each_of_many_classes_has_exemplars():
    many = relations(clouds(300)[0], named(np.arange(300) // 2))
    assert len(of_kind(many, "exemplars")) == 150


def test_identical_items_are_reported():
    labels = count_classes(named(np.arange(60) % 3), 60)
    part = find_class_relations(
        None,
        np.zeros((60, 5), np.int32),
        labels,
        confidence=np.ones(60, np.float32),
    )
    assert part.reason == "All images have the same features."
