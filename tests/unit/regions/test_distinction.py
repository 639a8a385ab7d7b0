"""The second words of regions with the same name."""

from dataclasses import replace

import numpy as np

from featscape.records.regions import Region, Terms
from featscape.regions import code_terms
from featscape.regions.distinction import distinguish

NAMES = ("fruit", "food", "banana", "apple")
MEMBERS = np.array([[1, 1, 1, 0], [1, 1, 0, 1], [0, 1, 0, 0]], np.float32)
WORDS = Terms("word", NAMES, np.zeros((4, 1), int), np.ones((4, 1), np.float32), MEMBERS)
OVERALL = np.array([0.1, 0.2, 0.05, 0.05])
LARGE = Region(0, None, "fruit", (("fruit", 0.8), ("apple", 0.3)), 60, 0, 0)
SMALL = replace(LARGE, n_items=20, anchor=1)


def names(*shares, regions=(LARGE, SMALL), positions=((0, 0), (1, 0), (9, 9), (0, 9))):
    """Return the names of regions of fruit with these shares of the NAMES."""
    found = distinguish(
        regions,
        [[np.array(each)] for each in shares],
        positions=np.array(positions, np.float32),
        terms=[WORDS],
        overall=[OVERALL],
    )
    return [region.name for region in found]


def test_the_word_is_frequent_in_the_smaller_region_and_rare_in_the_larger_one():
    large = (0.8, 0.9, 0.1, 0.3)
    assert names(large, (0.8, 0.9, 0.2, 0.4)) == ["fruit", "fruit, banana"]
    assert names(large, (0.8, 0.9, 0.2, 0.7)) == ["fruit", "fruit, apple"]


def test_the_larger_region_gets_the_word_if_the_smaller_one_has_none():
    assert names((0.8, 0.9, 0.4, 0.1), (0.8, 0.9, 0.1, 0.1)) == ["fruit, banana", "fruit"]


def test_the_name_its_hypernyms_and_words_of_few_items_distinguish_nothing():
    assert names((0.3, 0.3, 0.0, 0.0), (0.8, 0.9, 0.0, 0.0)) == ["fruit", "fruit"]
    assert names((0.8, 0.9, 0.0, 0.0), (0.8, 0.9, 0.09, 0.0)) == ["fruit", "fruit"]


def test_a_third_region_has_a_word_of_its_own():
    third = replace(SMALL, anchor=2)
    shares = (0.8, 0.9, 0.1, 0.1), (0.8, 0.9, 0.4, 0.1), (0.8, 0.9, 0.7, 0.4)
    found = names(*shares, regions=(LARGE, SMALL, third))
    assert found == ["fruit", "fruit, banana", "fruit, apple"]


def test_small_regions_that_the_page_never_shows_together_may_have_one_name():
    large, small = (0.8, 0.9, 0.1, 0.3), (0.8, 0.9, 0.4, 0.3)
    far = replace(SMALL, level=1, anchor=2)  # more than half of the map away
    assert names(large, small, regions=(LARGE, far)) == ["fruit", "fruit"]
    near = replace(SMALL, level=1)
    assert names(large, small, regions=(LARGE, near)) == ["fruit", "fruit, banana"]


def test_the_words_of_the_name_come_first():
    shares = [[np.array(each)] for each in ((0.8, 0.9, 0.1, 0.3), (0.8, 0.9, 0.4, 0.3))]
    positions = np.array([(0, 0), (1, 0)], np.float32)
    given = {"positions": positions, "terms": [WORDS], "overall": [OVERALL]}
    found = distinguish([LARGE, SMALL], shares, **given)
    assert found[1].words == (("fruit", 0.8), ("banana", 0.4), ("apple", 0.3))


def test_labels_do_not_distinguish():
    labels = code_terms(["a", "b"], kind="label")
    shares = [[np.array([0.0, 1.0])], [np.array([1.0, 0.0])]]
    given = {"positions": np.eye(2), "terms": [labels], "overall": [np.array([0.5, 0.5])]}
    assert [one.name for one in distinguish([LARGE, SMALL], shares, **given)] == ["fruit"] * 2
