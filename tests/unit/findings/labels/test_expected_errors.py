import numpy as np
import pytest

from featscape.errors import InputError
from featscape.findings import Evidence, LabelError, choose_checks, estimate_errors
from featscape.findings.records import ExpectedErrors
from featscape.findings.wording import count_wrong


def listed_labels(n_listed):
    scores = np.linspace(6, 0.1, n_listed)
    return [
        LabelError(
            item=10 * place,
            label="cat",
            suggested="dog",
            text="",
            evidence=Evidence((10 * place,), (), float(score), ""),
        )
        for place, score in enumerate(scores)
    ]


@pytest.mark.parametrize("n_listed", [0, 1, 5, 30, 31, 1_000, 100_000])
def test_thirty_different_places_of_the_list_are_checked(n_listed):
    places = choose_checks(n_listed)
    assert len(set(places)) == len(places) == min(30, n_listed)
    assert all(0 <= place < n_listed for place in places)
    assert list(places) == sorted(places)


@pytest.mark.parametrize(
    ("n_listed", "checks"),
    [(1, "the label"), (25, "all 25 labels"), (30, "all 30 labels"), (31, "30 labels")],
)
def test_the_range_holds_before_corrections_and_names_the_checks(n_listed, checks):
    sentence = count_wrong(ExpectedErrors(2, 5, n_listed, ""))
    assert sentence.endswith(
        f"or more after corrections with this list. Check {checks} for a better estimate."
    )


def test_places_are_dense_at_the_beginning_of_the_list():
    places = np.array(choose_checks(3_000))
    assert (places < 750).sum() == 15


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_thirty_checks_estimate_the_number_of_wrong_labels(share):
    listed = listed_labels(500)
    hits = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = np.clip(2 * share * np.linspace(1, 0, 500), 0, 1)
        wrong = rng.random(500) < p
        checked = {listed[place].item: bool(wrong[place]) for place in choose_checks(500)}
        estimate = estimate_errors(listed, checked)
        assert estimate.n_checked == 30
        hits += estimate.low - 25 <= wrong.sum() <= estimate.high + 25
    assert hits >= 16


def test_if_no_checked_label_is_wrong_there_may_be_none():
    listed = listed_labels(500)
    estimate = estimate_errors(listed, {listed[p].item: False for p in choose_checks(500)})
    assert estimate.low == 0
    assert estimate.high < 150


def test_the_estimate_is_exact_when_all_labels_are_checked():
    listed = listed_labels(20)
    estimate = estimate_errors(listed, {one.item: one.item < 50 for one in listed})
    assert (estimate.low, estimate.high) == (5, 5)


@pytest.mark.parametrize(("checked", "got"), [({}, "no item"), ({3: True}, "item 3")])
def test_checks_of_other_items_are_refused(checked, got):
    with pytest.raises(InputError, match=got):
        estimate_errors(listed_labels(4), checked)


@pytest.mark.parametrize(("n_listed", "n_checks"), [(10, -3), (10, 0), (-1, 30)])
def test_impossible_numbers_of_checks_are_refused(n_listed, n_checks):
    with pytest.raises(InputError, match=f"got n_listed={n_listed}, n_checks={n_checks}"):
        choose_checks(n_listed, n_checks)


def test_the_estimate_depends_on_the_seed_only():
    listed = listed_labels(500)
    checked = {listed[place].item: place < 200 for place in choose_checks(500)}
    first, again, other = (
        estimate_errors(listed, checked, random_state=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
