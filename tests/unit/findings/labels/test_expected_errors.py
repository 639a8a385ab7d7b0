import numpy as np
import pytest

from featscape.errors import InputError
from featscape.findings import Evidence, LabelError, choose_checks, estimate_errors
from featscape.findings.labels.expected_errors import (
    _explain_limit,
    _keep_classes,
    _limit_wrong,
    consider_bursts,
)
from featscape.findings.records import ExpectedErrors
from featscape.findings.wording import count_wrong, note_accuracy

ESTIMATE = "Check 30 labels for an estimate."
IF_SINGLE = (
    "This limit assumes that no label was corrected and that no whole burst or scene has a wrong "
    "label."
)


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
    ("high", "n_listed", "sentence"),
    [
        (1, 1, "The label may be right."),
        (5, 5, "Look at all 5 to know how many are wrong."),
        (5, 30, f"Look at all 30: at most about 5 of these labels are wrong. {IF_SINGLE}"),
        (5, 31, f"At most about 5 of these labels are wrong. {IF_SINGLE} {ESTIMATE}"),
        (31, 31, f"The number of wrong labels is not known. {ESTIMATE}"),
    ],
)
def test_the_sentence_has_the_limit_with_its_conditions_and_names_the_checks(
    high, n_listed, sentence
):
    assert count_wrong(ExpectedErrors(0, high, n_listed, "")) == sentence


@pytest.mark.parametrize(
    ("high", "share", "assumption", "start"),
    [
        (5, 0.219, "a", "There is no limit, because about 22 % of the images are in groups of "),
        (5, 0.09, "a", "a"),
        (40, 0.219, "checked", "checked"),
    ],
)
def test_there_is_one_reason_for_no_limit_in_a_map_with_many_bursts(high, share, assumption, start):
    expected = consider_bursts(ExpectedErrors(0, high, 40, assumption), burst_share=share)
    assert expected.assumption.startswith(start)
    assert expected.burst_share == share
    assert expected.high == (5 if share < 0.1 else 40)
    assert "because" not in count_wrong(expected)


def suspicions(n_wrong, n_right, *, seed=0):
    """Return the suspicion of wrong labels around 6, and of right labels around 1, descending."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(6, 1, n_wrong), rng.exponential(1, n_right)])
    return np.sort(values[values > 0])[::-1].astype(np.float32)


@pytest.mark.parametrize(
    ("n_wrong", "most"), [(0, 3), (2, 8), (20, 30), (200, 230)]
)  # whatever the share of errors that was planted
def test_the_limit_is_near_the_number_of_wrong_labels_if_these_are_suspicious(n_wrong, most):
    planted = suspicions(400, 0, seed=1)
    limits = [_limit_wrong(suspicions(n_wrong, 100, seed=s), planted) for s in range(20)]
    assert n_wrong <= np.median(limits) <= most
    assert np.mean(np.array(limits) >= n_wrong) >= 0.9


def test_the_limit_is_all_listed_labels_if_no_planted_error_is_listed():
    assert _limit_wrong(suspicions(0, 40), np.full(400, -1, np.float32)) == len(suspicions(0, 40))
    assert _limit_wrong(np.zeros(0, np.float32), suspicions(400, 0)) == 0


@pytest.mark.parametrize(
    ("high", "n_listed", "n_found", "start"),
    [
        (4, 5, 400, "The limit assumes"),
        (1, 1, 400, "The list is too short"),
        (2, 2, 5, "The list is too short"),
        (794, 794, 400, "The listed labels are as suspicious as errors"),
        (30, 30, 0, "None of the errors that were planted in 2 % of the labels is listed"),
    ],
)
def test_one_reason_is_given_for_a_list_without_a_limit(high, n_listed, n_found, start):
    reason = _explain_limit(high, n_listed, n_found=n_found)
    assert reason.startswith(start)
    assert reason.endswith('See "Find label errors" in the documentation.')


@pytest.mark.parametrize(
    ("n_listed", "share", "is_weak"), [(20, "80 %", False), (49, "51 %", False), (53, "47 %", True)]
)
def test_the_accuracy_of_the_classifier_is_beside_the_list(n_listed, share, is_weak):
    note = note_accuracy(ExpectedErrors(0, 5, n_listed, "", n_classified=100))
    assert note.startswith(f"The classifier of the list agrees with {share} of 100 tested labels.")
    assert note.endswith("also lists many right labels.") == is_weak
    assert note_accuracy(ExpectedErrors(0, 5, n_listed, "")) == ""


def test_few_planted_errors_give_a_higher_limit_than_many():
    listed = suspicions(2, 100)
    few, many = (_limit_wrong(listed, suspicions(n, 0, seed=1)) for n in (4, 400))
    assert few > many


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
    assert estimate.assumption == "All 20 listed labels were checked, and 5 were wrong."
    assert count_wrong(estimate) == "5 of the 20 labels are wrong: all were checked."


def test_an_estimate_of_some_labels_has_a_probability():
    listed = listed_labels(500)
    estimate = estimate_errors(listed, {listed[place].item: False for place in choose_checks(500)})
    assert "with a probability of about 80 %" in estimate.assumption
    assert "all were checked" not in count_wrong(estimate)


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


def test_equal_limits_are_one_number():
    checked = {"n_listed": 1_500, "assumption": "", "n_checked": 30}
    few = ExpectedErrors(low=2, high=2, **checked)
    many = ExpectedErrors(low=5, high=1_200, **checked)
    assert (few.number, many.number) == ("2", "5 to 1,200")
    assert count_wrong(few).startswith("About 2 of these labels are wrong")


def test_planted_errors_leave_an_item_in_each_class():
    codes = np.array([0, 1, 2, 2])
    changed = np.array([1, 2, 2, 2])  # without class 1 after the first item returns to its class
    assert _keep_classes(changed, codes, 3).tolist() == [0, 1, 2, 2]
    changed = np.array([0, 1, 2, 1])  # all classes have items
    assert _keep_classes(changed, codes, 3).tolist() == [0, 1, 2, 1]
