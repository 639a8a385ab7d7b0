"""Columns that repeat the label, exactly or except in few rows."""

import numpy as np
import pytest

from featscape.findings.shortcuts.cells import find_shortcuts
from featscape.findings.spaces import search_all_pairs
from featscape.labels.classes import NO_LABEL, count_classes
from helpers.maps.planted import named

N = 600


def shortcuts(labels, column, *, name="dept", is_checked=None):
    values = np.random.default_rng(7).normal(size=(N, 8)).astype(np.float32)
    return find_shortcuts(
        None,
        count_classes(labels, N),
        neighbors=search_all_pairs(values, 10).indices,
        paths=[f"{i}.png" for i in range(N)],
        columns={name: np.array(column, dtype=object)},
        is_checked=is_checked,
        random_state=0,
    ).findings


@pytest.fixture
def labels():
    return named(np.random.default_rng(1).integers(0, 4, N))


def test_a_column_that_equals_the_label_except_in_two_rows_is_one_finding(labels):
    column = [label[0].upper() for label in labels]
    column[30] = "X"
    column[70] = next(value for value in "AB" if value != column[70])
    (found,) = shortcuts(labels, column)
    assert found.items == found.evidence.items == (30, 70)
    assert (found.property_name, found.kind, found.label) == ("dept", "column", "")
    assert found.text == (
        "Each label has one value of dept, except for 2 of 600 images. The first is 30.png: label "
        f"{labels[30]}, dept X. A network can learn dept instead of the content, or the label or "
        "the value of these images is wrong."
    )
    assert 0.99 < found.evidence.score < 1


def test_a_column_that_equals_the_label_where_both_are_known_is_one_line_without_images(labels):
    column = [label[0].upper() for label in labels]
    column[:5] = [None] * 5
    labels[5:9] = [NO_LABEL] * 4
    (found,) = shortcuts(labels, column)
    assert found.items == ()
    assert found.evidence.score == 1
    assert found.text == (
        "dept has one value for each label in all 591 images with a value, such as "
        f"{column[9]} for {labels[9]}. A network can learn dept instead of the content, unless "
        "dept is another name of the label."
    )


def test_a_column_of_the_names_of_the_classes_is_another_label(labels):
    column = [label.title() for label in labels]
    assert shortcuts(labels, column) == ()
    column[30] = next(value for value in ("Ant", "Bee") if value != column[30])
    (found,) = shortcuts(labels, column)
    assert found.text.endswith(f"dept {column[30]}. The label or the value may be wrong.")


def test_a_column_equals_the_label_if_two_labels_have_five_known_values(labels):
    column = [None] * N
    for label, number in (("ant", 5), ("bee", 4)):
        for item in np.flatnonzero(np.array(labels) == label)[:number]:
            column[item] = label[0].upper()
    assert [one.label for one in shortcuts(labels, column)] == ["ant"]
    column[labels.index("bee", 300)] = "B"
    assert [one.label for one in shortcuts(labels, column)] == [""]


def test_a_column_that_often_differs_from_the_label_is_a_shortcut(labels):
    column = np.array([label[0].upper() for label in labels], dtype=object)
    changed = np.random.default_rng(0).permutation(N)[: N // 5]
    column[changed] = np.random.default_rng(2).permutation(column[changed])
    found = shortcuts(labels, column)
    assert {one.label for one in found} == {"ant", "bee", "cat", "dog"}


def test_a_rare_value_beside_a_frequent_label_is_no_repeated_label():
    labels = named((np.arange(N) < 10).astype(int))
    column = ["rare" if item % 40 == 0 else "usual" for item in range(N)]
    assert shortcuts(labels, column) == ()


def correct(labels, n_checked, n_changed):
    """Return the labels after checks that changed some labels, and which labels were checked."""
    checked = np.random.default_rng(4).permutation(N)[:n_checked]
    is_checked = np.zeros(N, dtype=bool)
    is_checked[checked] = True
    corrected = list(labels)
    for item in checked[:n_changed]:
        corrected[item] = "dog" if labels[item] == "ant" else "ant"
    corrected[checked[0]] = NO_LABEL
    return corrected, is_checked


@pytest.mark.parametrize(("n_checked", "n_changed"), [(30, 29), (200, 150), (590, 60), (N, 60)])
@pytest.mark.parametrize("folder", ["{0}", "train/{0}", "{0}/day"])
def test_a_folder_that_gave_the_label_is_not_listed_after_checks(
    labels, folder, n_checked, n_changed
):
    folders = [folder.format(label) for label in labels]
    assert shortcuts(labels, folders, name="folder") == ()
    corrected, is_checked = correct(labels, n_checked, n_changed)
    assert shortcuts(corrected, folders, name="folder", is_checked=is_checked) == ()


def test_the_italian_folders_of_animals10_are_not_listed(labels):
    animals = {"cane": "dog", "gatto": "cat", "ragno": "spider"}
    folders = [list(animals)[item % 3] for item in range(len(labels))]
    assert shortcuts([animals[one] for one in folders], folders, name="folder") == ()


def test_items_with_a_checked_label_are_not_compared_with_a_column(labels):
    corrected, is_checked = correct(labels, 30, 29)
    column = [label[0].upper() for label in labels]
    (found,) = shortcuts(corrected, column, is_checked=is_checked)
    assert found.items == ()
    assert "each label in all 570 images with a value and an unchecked label, such as" in found.text
    odd = np.flatnonzero(~is_checked)[9]
    column[odd] = "X"
    (found,) = shortcuts(corrected, column, is_checked=is_checked)
    assert found.items == (odd,)
    assert found.text.startswith(
        "Each label has one value of dept, except for 1 of 570 images with an unchecked label. The "
        f"first is {odd}.png: label {labels[odd]}, dept X. "
    )


@pytest.mark.parametrize("n_checked", [30, N])
@pytest.mark.parametrize("tags", ["{0}", "{0}, sky"])
def test_the_label_of_the_source_in_a_column_is_not_listed_after_checks(labels, tags, n_checked):
    corrected, is_checked = correct(labels, n_checked, 29)
    assert shortcuts(corrected, [tags.format(one) for one in labels], is_checked=is_checked) == ()


@pytest.mark.parametrize("n_unchecked", [0, 3, 10, N])
@pytest.mark.parametrize("share", [0.87, 1])
def test_a_folder_that_predicts_the_label_is_listed_whatever_was_checked(n_unchecked, share):
    """The labels come from a table, and the few labels without a check are those of the folder."""
    codes = np.random.default_rng(3).integers(0, 3, N)
    labels = named(codes)
    equal = np.arange(N) < share * N
    folders = [f"hosp{'ABC'[code]}" for code in np.where(equal, codes, 0)]
    is_checked = np.arange(N) >= n_unchecked
    assert shortcuts(labels, folders, name="folder", is_checked=is_checked)
