"""The named regions of a map with planted clusters and planted words."""

from itertools import pairwise

import numpy as np
import pytest

from featscape.records.regions import Terms
from featscape.regions import code_terms, find_regions

GROUPS = ("animal", "vehicle", "fruit")


@pytest.fixture(scope="module")
def planted():
    """Return positions, features and words of three groups with four kinds each."""
    rng = np.random.default_rng(4)
    kinds = np.arange(1600) % 12
    groups = np.array([(0, 0), (60, 0), (0, 60)])
    inner = np.array([(0, 0), (7, 0), (0, 7), (7, 7)])
    centers = (groups[:, None] + inner).reshape(-1, 2)
    positions = (centers[kinds] + rng.normal(size=(1600, 2)) * 1.1).astype(np.float32)
    features = (np.eye(12)[kinds] + 0.1 * rng.normal(size=(1600, 12))).astype(np.float32)
    members = np.zeros((12, 15), np.float32)
    members[np.arange(12), np.arange(12)] = 1
    members[np.arange(12), 12 + np.arange(12) // 4] = 1
    names = tuple(f"kind {kind}" for kind in range(12)) + GROUPS
    weights = np.full((1600, 1), 0.9, np.float32)
    return positions, features, Terms("word", names, kinds[:, None], weights, members), kinds


def find(planted, **options):
    positions, features, words, _ = planted
    given = {"features": features, "terms": [words], "random_state": 1} | options
    return find_regions(positions, **given)


def test_clusters_have_their_planted_words(planted):
    kinds = planted[3]
    regions = find(planted)
    named = {region.name for region in regions}
    assert {f"kind {kind}" for kind in range(12)} <= named
    for region in regions:
        if region.name.startswith("kind"):
            kind = int(region.name.split()[1])
            assert kinds[region.anchor] == kinds[region.representative] == kind
            assert region.words[0] == (region.name, pytest.approx(0.9, abs=0.1))


def test_regions_are_in_the_order_of_level_and_size_and_follow_their_parents(planted):
    regions = find(planted)
    for one, other in pairwise(regions):
        assert (one.level, -one.n_items) <= (other.level, -other.n_items)
    for index, region in enumerate(regions):
        if region.parent is not None:
            parent = regions[region.parent]
            assert region.parent < index
            assert parent.level < region.level
            assert parent.n_items > region.n_items
            assert parent.name != region.name


def test_a_region_of_a_larger_cluster_has_the_name_of_its_group():
    rng = np.random.default_rng(0)
    kinds = np.arange(2880) % 72  # 40 items each: too few for the first level
    angle = kinds % 24 * 2 * np.pi / 24
    centers = np.array([(0, 0), (300, 0), (0, 300)])[kinds // 24]
    centers = centers + np.stack([np.cos(angle), np.sin(angle)], axis=1) * 40
    positions = centers + rng.normal(size=(2880, 2))
    members = np.zeros((72, 75), np.float32)
    members[np.arange(72), np.arange(72)] = 1
    members[np.arange(72), 72 + np.arange(72) // 24] = 1
    names = tuple(f"kind {kind}" for kind in range(72)) + GROUPS
    words = Terms("word", names, kinds[:, None], np.ones((2880, 1), np.float32), members)
    regions = find_regions(positions, features=positions, terms=[words], random_state=0)
    inner_regions = [region for region in regions if region.parent is not None]
    assert len(inner_regions) >= 12
    for region in inner_regions:
        assert regions[region.parent].words[0][0] in GROUPS
        assert region.name.startswith("kind")
    # two clusters of a group have its name; the smaller one has a second word
    assert len({region.name for region in regions}) == len(regions)


def test_the_same_input_has_the_same_regions(planted):
    assert find(planted) == find(planted)


def test_labels_name_only_mixed_regions(planted):
    labels = code_terms([f"class {kind}" for kind in planted[3]], kind="label")
    assert not {region.name for region in find(planted, terms=[labels])} & {
        f"class {kind}" for kind in range(12)
    }


def test_a_map_without_terms_or_with_one_word_for_all_has_no_regions(planted):
    assert find(planted, terms=[]) == ()
    one_class = code_terms(["digit"] * 1600, kind="label")
    assert find(planted, terms=[one_class]) == ()


def test_features_of_zeros_have_a_representative(planted):
    regions = find(planted, features=np.zeros((1600, 3), np.float32))
    assert all(0 <= region.representative < 1600 for region in regions)
    assert len(regions) >= 12


@pytest.mark.parametrize("n_items", [1, 4, 30])
def test_items_at_one_position_have_no_regions(n_items):
    words = Terms(
        "word",
        ("dog",),
        np.zeros((n_items, 1), int),
        np.ones((n_items, 1), np.float32),
        np.ones((1, 1), np.float32),
    )
    positions = np.zeros((n_items, 2))
    assert find_regions(positions, features=positions, terms=[words], random_state=0) == ()


@pytest.fixture(scope="module")
def vehicles_beside_fruit():
    """Return positions, features and the word "vehicle" of four clusters.

    Cluster 0 has 40 % vehicles at its edge and none in its dense middle, cluster 1 has 45 %
    vehicles all over, and the others have none.
    """
    rng = np.random.default_rng(7)
    clusters = np.repeat([0, 1, 2, 3], 200)
    centers = np.array([(0, 0), (80, 0), (0, 80), (80, 80)])
    positions = centers[clusters] + rng.normal(size=(800, 2)) * 0.5
    is_vehicle = np.zeros(800, dtype=bool)
    is_vehicle[np.argsort(np.linalg.norm(positions[:200], axis=1))[120:]] = True
    is_vehicle[200:290] = True
    features = np.eye(2)[is_vehicle.astype(int)] + 0.2 * rng.normal(size=(800, 2))
    words = Terms(
        "word",
        ("vehicle",),
        np.where(is_vehicle, 0, -1)[:, None],
        np.full((800, 1), 0.9, np.float32),
        np.ones((1, 1), np.float32),
    )
    return positions, features, words, is_vehicle, clusters


def test_the_anchor_and_the_representative_of_a_region_have_its_word(vehicles_beside_fruit):
    positions, features, words, is_vehicle, clusters = vehicles_beside_fruit
    regions = find_regions(positions, features=features, terms=[words], random_state=0)
    assert [one.name for one in regions if clusters[one.anchor] == 1] == ["vehicle"]
    for region in regions:
        assert is_vehicle[region.anchor]
        assert is_vehicle[region.representative]


def test_a_word_that_the_dense_middle_of_a_region_lacks_is_not_its_name(vehicles_beside_fruit):
    positions, features, words, _, clusters = vehicles_beside_fruit
    regions = find_regions(positions, features=features, terms=[words], random_state=0)
    assert [clusters[one.anchor] for one in regions if one.n_items == 200] == [1]
