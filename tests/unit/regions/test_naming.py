"""The words that name a region."""

import numpy as np
import pytest

from featscape.records.regions import Terms
from featscape.regions import code_terms
from featscape.regions.naming import (
    MOST_TERMS,
    N_WORDS,
    choose_name,
    count_shares,
)


def shares_of(terms, groups, group):
    """Return the shares in a group, in the map around it, and in the whole map."""
    whole = count_shares(terms, np.zeros(len(groups), int), 1)[0]
    return count_shares(terms, groups, groups.max() + 1)[group], whole, whole


def words(names, rows):
    """Return the words of items, from rows of {name: probability}."""
    codes = np.array([[names.index(name) for name in row] for row in rows])
    weights = np.array([list(row.values()) for row in rows], np.float32)
    return Terms("word", names, codes, weights, np.eye(len(names), dtype=np.float32))


def test_shares_are_mean_weights_of_the_codes_below_a_term():
    members = np.array([[1, 1], [0, 1], [0, 0]], np.float32)  # pug, tabby, car: pug, animal
    codes = np.array([[0, 1], [1, 2], [2, -1]])
    weights = np.array([[0.5, 0.25], [0.5, 0.5], [1, 1]], np.float32)
    terms = Terms("word", ("pug", "animal"), codes, weights, members)
    shares = count_shares(terms, np.array([0, 0, -1]), 1)
    assert shares == pytest.approx(np.array([[0.25, (0.5 + 0.25 + 0.5) / 2]]))


def test_a_name_is_frequent_inside_and_rare_outside():
    names = ("dog", "animal")
    rows = [{"dog": 0.8, "animal": 0.2}] * 10 + [{"dog": 0.0, "animal": 0.9}] * 30
    terms = words(names, rows)
    groups = np.repeat([0, 1], [10, 30])
    assert choose_name([terms], [shares_of(terms, groups, 0)], taken=[]) == [("dog", 0.8)]


def test_a_name_of_a_region_around_is_not_used_again():
    rows = [{"dog": 0.8, "pug": 0.4}] * 10 + [{"dog": 0.0, "pug": 0.0}] * 30
    terms = words(("dog", "pug"), rows)
    shares = [shares_of(terms, np.repeat([0, 1], [10, 30]), 0)]
    assert choose_name([terms], shares, taken=["Dog"]) == [("pug", 0.4)]
    assert choose_name([terms], shares, taken=["dog", "pug"]) == []


def test_a_term_of_all_items_precedes_rarer_terms_of_parts():
    names = ("terrier", "hound", "dog")
    rows = [{"terrier": 0.9, "dog": 0.9}] * 5 + [{"hound": 0.9, "dog": 0.9}] * 5
    rows += [{"dog": 0.0, "hound": 0.0}] * 30
    terms = words(names, rows)
    groups = np.repeat([0, 1], [10, 30])
    found = choose_name([terms], [shares_of(terms, groups, 0)], taken=[])
    assert found == [("dog", 0.9), ("terrier", 0.45), ("hound", 0.45)]


def test_a_rare_word_is_no_name():
    rows = [{"dog": 0.1, "pug": 0.05}] * 10 + [{"dog": 0.0, "pug": 0.0}] * 30
    terms = words(("dog", "pug"), rows)
    assert choose_name([terms], [shares_of(terms, np.repeat([0, 1], [10, 30]), 0)], taken=[]) == []


def test_one_label_is_no_name_and_two_labels_are_a_mixed_region():
    groups = np.repeat([0, 1, 2], [20, 20, 80])
    labels = code_terms(["4"] * 20 + ["4", "9"] * 10 + ["0"] * 80, kind="label")
    assert choose_name([labels], [shares_of(labels, groups, 0)], taken=[]) == []
    mixed = choose_name([labels], [shares_of(labels, groups, 1)], taken=[])
    assert mixed == [("9 / 4", 1.0), ("9", 0.5), ("4", 0.5)]
    assert choose_name([labels], [shares_of(labels, groups, 1)], taken=["9 / 4"]) == []


def test_the_word_that_equals_the_label_is_no_name():
    groups = np.repeat([0, 1], [20, 60])
    labels = code_terms(["Dog"] * 20 + ["car"] * 60, kind="label")
    rows = [{"dog": 0.8, "pug": 0.4}] * 20 + [{"dog": 0.0, "pug": 0.0}] * 60
    terms = [labels, words(("dog", "pug"), rows)]
    shares = [shares_of(one, groups, 0) for one in terms]
    assert choose_name(terms, shares, taken=[]) == [("pug", 0.4)]


def test_columns_name_a_region_without_words():
    groups = np.repeat([0, 1], [20, 60])
    values = ["beach"] * 15 + [None] * 5 + ["city"] * 60
    terms = code_terms(values, kind="column", prefix="place: ")
    assert choose_name([terms], [shares_of(terms, groups, 0)], taken=[]) == [("place: beach", 0.75)]


def test_at_most_five_words_are_returned():
    names = tuple("abcdefgh")
    rows = [dict.fromkeys(names, 0.22)] * 10 + [dict.fromkeys(names, 0.0)] * 90
    terms = words(names, rows)
    shares = [shares_of(terms, np.repeat([0, 1], [10, 90]), 0)]
    assert len(choose_name([terms], shares, taken=[])) == N_WORDS


def test_columns_without_values_and_with_too_many_are_no_terms():
    assert code_terms([None, "", None], kind="column") is None
    assert code_terms(list(map(str, range(MOST_TERMS + 1))), kind="column") is None
    assert code_terms([True, False, None], kind="column").names == ("False", "True")
