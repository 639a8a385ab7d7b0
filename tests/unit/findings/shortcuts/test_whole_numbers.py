"""Columns of whole numbers, which may be a quantity or the codes of a category."""

import numpy as np
import pytest

from featscape.findings.shortcuts.cells import _BinnedProperty, find_shortcuts
from featscape.findings.shortcuts.properties import Property, collect_properties
from featscape.findings.spaces import search_all_pairs
from featscape.labels.classes import count_classes
from helpers.maps.planted import named

N = 600


def shortcuts(labels, near=None, **columns):
    if near is None:
        values = np.random.default_rng(7).normal(size=(N, 8)).astype(np.float32)
        near = search_all_pairs(values, 10).indices
    classes = None if labels is None else count_classes(labels, N)
    return find_shortcuts(None, classes, neighbors=near, columns=columns, random_state=0).findings


def collected(values):
    (one,) = collect_properties(None, columns={"store": np.asarray(values)})
    return one


@pytest.fixture
def codes():
    return np.random.default_rng(1).integers(0, 4, N)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float32])
def test_one_value_that_predicts_a_label_is_found(codes, kind):
    store = np.random.default_rng(2).integers(1, 6, N).astype(kind)
    store[codes == 2] = 3
    found = shortcuts(named(codes), store=store)[0]
    assert found.label == "cat"
    assert found.text.startswith("Of the items with store 3, ")
    assert {int(store[item]) for item in found.items} == {3}


def test_a_missing_number_has_no_value(codes):
    store = np.random.default_rng(2).integers(1, 6, N).astype(np.float64)
    store[codes == 2] = 3
    store[:50] = np.nan
    one = collected(store)
    assert one.levels == ("1", "2", "3", "4", "5")
    assert one.values[:50].tolist() == [-1] * 50
    np.testing.assert_array_equal(one.numbers.values, store)
    found = shortcuts(named(codes), store=store)[0]
    assert found.label == "cat"
    assert min(found.items) >= 50


def test_a_quantity_has_tails_and_one_view_for_each_label(codes):
    count = np.random.default_rng(2).poisson(np.where(codes == 1, 7, 3))
    texts = [one.text for one in shortcuts(named(codes), count=count) if one.label == "bee"]
    assert texts
    assert all(" of items with the highest count, " in text for text in texts)


def test_numbers_without_a_relation_to_the_labels_have_few_false_alarms():
    alarms = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        columns = {
            "rating": random.integers(1, 6, N),
            "year": random.integers(1990, 2025, N),
            "count": random.poisson(3, N),
            "camera": random.integers(0, 100, N),
        }
        alarms += bool(shortcuts(named(random.integers(0, 4, N)), **columns))
    assert alarms <= 2  # 0.4 are expected; more than 2 have a probability of 1 %


def test_few_repeated_whole_numbers_are_a_category_and_other_numbers_are_not():
    many = np.arange(N) % 300  # each twice
    assert len(collected(many).levels) == 300
    some = np.where(np.arange(N) < 301, many, np.nan)  # most once, and missing values
    for values in (
        some,
        np.append(many[:-1], 300),
        many + 0.5,
        np.random.default_rng(0).normal(size=N),
    ):
        one = collected(values)
        assert (one.levels, one.numbers) == (None, None)


def test_a_column_of_codes_that_repeats_the_label_is_one_finding(codes):
    (found,) = shortcuts(named(codes), code=7 - codes)
    assert (found.kind, found.items) == ("column", ())
    assert found.text.startswith("code has one value for each label in all 600 items with a value")
    wrong = 7 - codes
    wrong[[30, 70]] = 7 - (codes[[30, 70]] + 1) % 4
    (found,) = shortcuts(named(codes), code=wrong)
    assert (found.kind, found.items) == ("column", (30, 70))


def test_numbers_that_are_labels_by_chance_are_compared_and_another_label_is_not(codes):
    labels = [str(code) for code in codes]
    assert shortcuts(labels, label_id=codes) == ()
    random = np.random.default_rng(3)
    annotator = np.where(random.random(N) < 0.3, random.integers(0, 4, N), codes)
    assert shortcuts(labels, annotator=annotator) == ()
    store = random.integers(0, 4, N)
    store[codes == 2] = 2
    found = shortcuts(labels, store=store)
    assert ("2", "Of the items with store 2, ") in {(one.label, one.text[:27]) for one in found}


def test_the_codes_of_cameras_and_a_quantity_order_the_neighbors():
    random = np.random.default_rng(4)
    camera = np.array([5, 1, 3, 2])[random.integers(0, 4, N)]  # codes without an order
    features = random.normal(size=(N, 3)).astype(np.float32)

    def near(shift):
        return search_all_pairs(
            features + np.outer(shift, [1, 0, 0]).astype(np.float32), 10
        ).indices

    (found,) = shortcuts(None, near(20 * (camera == 3)), camera=camera)
    assert found.text.startswith("The items with camera 3 are near one another: ")
    assert found.evidence.method.endswith(
        "higher than under 60 permutations of the values, because 1 property, 1 of them also as "
        "numbers, and the values of 1 category were tested. The value is compared with all other "
        "values together."
    )
    apart = np.array([0, 60, 20, 40, 0, 0])[camera]  # in another order than the codes
    (found,) = shortcuts(None, near(apart), camera=camera)
    assert found.text.startswith("Items with similar features also have a similar camera")
    assert found.assortativity > 0.95
    year = random.integers(1990, 2025, N)
    (found,) = shortcuts(None, near(2.0 * (year - 2000)), year=year)
    assert found.text.startswith("Items with similar features also have a similar year")
    assert found.assortativity > 0.9


def test_values_of_few_images_are_one_bin_and_no_cell_is_lost(codes):
    random = np.random.default_rng(5)
    values = np.minimum(random.geometric(0.02, N), 250)
    one = Property("code", values - 1, levels=tuple(str(value) for value in range(1, 251)))
    used = np.arange(N)
    for weights in ([0.7, 0.1, 0.1, 0.1], [0.25] * 4):
        codes = random.choice(4, N, p=weights)
        some = _BinnedProperty(one, used, int(np.bincount(codes).max()))
        all_bins = _BinnedProperty(one, used, 100 * N)
        assert some.n_bins < all_bins.n_bins == len(np.unique(values))
        first, second = (each.compare(codes, 4).statistics for each in (some, all_bins))
        first, second = (each[each != 0] for each in (first, second))
        assert len(first) > 10
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("is_category", [True, False])
def test_the_cells_with_an_image_are_those_of_a_full_table_above_expectation(is_category):
    random = np.random.default_rng(6)
    values = np.sort(random.integers(0, 40, N))[::-1] // 4 * 4
    values[random.random(N) < 0.1] = -1  # missing
    codes = random.choice(5, N, p=[0.6, 0.2, 0.1, 0.07, 0.03])
    codes[values == 8] = 1
    levels = tuple(str(value) for value in range(40))
    numbers = np.where(values < 0, np.nan, values)
    one = Property("code", values, levels=levels) if is_category else Property("code", numbers)
    binned = _BinnedProperty(one, np.arange(N), 100 * N)
    cells = binned.compare(codes, 6)
    of_cell = {
        (group, label): (statistic, share)
        for group, label, statistic, share in zip(
            cells.groups, cells.labels, cells.statistics, cells.shares, strict=True
        )
    }
    known = values >= 0
    n_groups = binned.n_bins if is_category else 2 * (binned.n_bins - 1)
    n_above = 0
    for group in range(n_groups):
        in_group = known & binned._members(group)[0]
        size = in_group.sum()
        # the two most extreme tails are compared at any size
        is_compared = is_category or group in {binned.n_bins - 2, binned.n_bins - 1}
        is_compared |= size <= known.sum() / 4 + 1
        for label in range(6):
            has_label = codes == label
            observed, expected = (has_label & in_group).sum(), has_label[known].mean()
            statistic = 0.0
            if is_compared and size * expected >= 2:
                deviation = np.sqrt(size * expected * (1 - expected))
                statistic = (observed - size * expected) / deviation
            found, share = of_cell.get((group, label), (0.0, 0.0))
            assert share == pytest.approx(observed / size)
            assert found == pytest.approx(statistic) or (observed == 0 and statistic <= 0)
            n_above += statistic > 0
    assert n_above >= 10
    assert len(of_cell) == len(cells.groups) < n_groups * 6
