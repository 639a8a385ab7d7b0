import numpy as np
import pandas as pd
import pytest
import torch

from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL, count_classes, label_names


def test_no_labels_are_no_classes():
    assert count_classes(None, 3) is None


def test_classes_are_counted_in_natural_order():
    classes = count_classes(["class10", "class9", "class10"], 3)
    assert classes.names == ("class9", "class10")
    np.testing.assert_array_equal(classes.codes, [1, 0, 1])
    np.testing.assert_array_equal(classes.counts, [1, 2])


def test_integers_are_labels_too():
    assert count_classes(np.array([10, 9, 10]), 3).names == ("9", "10")


@pytest.mark.parametrize(
    "labels",
    [torch.tensor([10, 9, 10]), list(torch.tensor([10, 9, 10])), np.array([[10], [9], [10]])],
)
def test_labels_of_a_tensor_are_its_values(labels):
    classes = count_classes(labels, 3)
    assert classes.names == ("9", "10")
    np.testing.assert_array_equal(classes.codes, [1, 0, 1])


def test_every_item_needs_its_label():
    with pytest.raises(InputError, match=r"one label per item = 3; got 2"):
        count_classes(["a", "b"], 3)


@pytest.mark.parametrize("labels", ["abc", {"a": 0, "b": 1, "c": 2}, {"a", "b", "c"}])
def test_a_string_a_mapping_and_a_set_are_no_sequence_of_labels(labels):
    with pytest.raises(InputError, match=r"must be a sequence .* got (str|dict|set)"):
        count_classes(labels, 3)


@pytest.mark.parametrize("label", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_a_missing_label_is_no_label(label):
    assert count_classes(["a", label], 2).names == (NO_LABEL, "a")


def test_whole_floats_are_integers():
    assert count_classes(pd.Series([2, None, 10]), 3).names == (NO_LABEL, "2", "10")
    assert count_classes(np.array([2, np.nan], np.float32), 2).names == (NO_LABEL, "2")


@pytest.mark.parametrize("labels", [[True, False, None], np.array([True, False])])
def test_booleans_are_two_classes_named_as_on_the_page(labels):
    names = set(count_classes(labels, len(labels)).names)
    assert names - {NO_LABEL} == {"false", "true"}


@pytest.mark.parametrize("label", [1.5, float("inf"), b"a"])
def test_other_labels_are_refused(label):
    with pytest.raises(InputError, match=r"must be strings or integers; got .* for item 1"):
        count_classes(["a", label], 2)


def test_the_label_of_unlabeled_items_is_no_name():
    assert label_names(["cat", NO_LABEL, "dog", "cat"]) == {"cat", "dog"}
    assert label_names(None) == set()


def test_items_without_a_label_are_gray_and_the_classes_keep_their_colors():
    classes = count_classes(["dog", NO_LABEL, "cat", "!"], 4)
    color = dict(zip(classes.names, classes.colors, strict=True))
    red, green, blue = (int(color[NO_LABEL][i : i + 2], 16) for i in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) < 16
    without = count_classes(["dog", "cat", "!"], 3)
    assert [color[name] for name in without.names] == list(without.colors)
    assert [classes.names[code] for code in classes.codes] == ["dog", NO_LABEL, "cat", "!"]
