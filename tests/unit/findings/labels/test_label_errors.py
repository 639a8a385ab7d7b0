import re
import textwrap

import numpy as np
import pytest

from featscape.findings.labels import expected_errors
from featscape.findings.labels.label_errors import LabelErrors, _describe_label_error
from featscape.findings.labels.model import LabelModel, LabelOdds, _Ridge
from featscape.findings.spaces import Components, principal_components, search_all_pairs
from featscape.findings.wording import count_wrong
from featscape.labels.classes import count_classes
from helpers.maps.planted import average_precision, clouds, label_errors, named, with_errors


@pytest.fixture(scope="module")
def planted():
    features, truth = clouds()
    codes, wrong = with_errors(truth, 0.05)
    return features, truth, codes, wrong


def test_planted_errors_are_the_most_suspicious_and_the_truth_is_suggested(planted):
    features, truth, codes, wrong = planted
    found = label_errors(features, named(codes))
    assert average_precision(found.suspicion, wrong) > 0.95
    right = np.array(found.suggested)[wrong] == np.array(named(truth))[wrong]
    assert right.mean() >= 0.95
    first = found.result.findings[0]
    assert wrong[first.item]
    assert first.label == named(codes)[first.item]
    assert first.suggested == found.suggested[first.item]


def test_each_finding_has_supporting_neighbors_with_the_suggested_label(planted):
    features, _, codes, _ = planted
    labels = named(codes)
    findings = label_errors(
        features, labels, paths=[f"{i}.png" for i in range(400)]
    ).result.findings
    space = principal_components(features, random_state=0).half_whitened()
    scores = [one.evidence.score for one in findings]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    for one in findings:
        assert one.evidence.items == (one.item,)
        assert {labels[i] for i in one.evidence.neighbors} <= {one.suggested}
        start = f"{one.item}.png resembles {one.suggested} more than its label {one.label}: "
        assert one.text.startswith(start)
        evidence = one.text.removeprefix(start).rpartition("; ")[2]
        other, near, own = map(int, re.findall(r"\d+", evidence))
        nearest = [labels[i] for i in search_all_pairs(space, near).indices[one.item]]
        assert (other, own) == (nearest.count(one.suggested), nearest.count(one.label))
    assert len(findings[0].evidence.neighbors) == 5


@pytest.mark.parametrize(
    ("near", "p_own", "p_other", "classifier", "neighbors"),
    [
        ("bbbaa", 0.08, 0.62, "", "3 of its 5 nearest neighbors are bee, and 2 are ant."),
        (
            "baacc",
            0.08,
            0.62,
            "a classifier trained on the other images gives bee 62 % and ant 8 %; ",
            "1 of its 5 nearest neighbors is bee, and 2 are ant.",
        ),
        (
            "bbaac",
            0.342,
            0.344,
            "a classifier trained on the other images gives bee 34 % and ant a little less; ",
            "2 of its 5 nearest neighbors are bee, and 2 are ant.",
        ),
    ],
)
def test_the_text_has_the_evidence_that_supports_the_suggestion(
    near, p_own, p_other, classifier, neighbors
):
    codes = ["abc".index(letter) for letter in f"a{near}"]
    n_items = len(codes)
    odds = LabelOdds(
        suspicion=np.full(n_items, np.log(p_other / p_own), np.float32),
        suggested=np.ones(n_items, np.intp),
        confidence=np.full(n_items, p_own, np.float32),
        gain=1.0,
        calibrations=(),
    )
    others = np.arange(1, n_items, dtype=np.int32)[None]
    classes = count_classes(named(codes), n_items)
    found = _describe_label_error(
        0, odds, classes, others, paths=["scan.jpg"] * n_items, noun="image"
    )
    start = "scan.jpg resembles bee more than its label ant: "
    assert found.text == f"{start}{classifier}{neighbors}"


def test_the_probabilities_in_the_text_are_those_of_the_model():
    features, codes = clouds(spread=0.9)
    codes, _ = with_errors(codes, 0.1)
    found = label_errors(features, named(codes))
    by_classifier = [
        (one, numbers)
        for one in found.result.findings
        if len(numbers := [int(number) for number in re.findall(r"\d+", one.text)[1:]]) == 5
    ]
    assert by_classifier
    for one, (other, own, n_other, _, n_own) in by_classifier:
        assert n_other <= n_own
        assert other > own
        assert own == pytest.approx(100 * found.confidence[one.item], abs=0.51)
        assert np.log(other / own) == pytest.approx(one.evidence.score, abs=1 / own)


def test_a_permutation_of_the_items_permutes_the_findings(planted):
    features, _, codes, _ = planted
    order = np.random.default_rng(2).permutation(len(codes))
    found = label_errors(features, named(codes))
    permuted = label_errors(features[order], named(codes[order]))
    np.testing.assert_allclose(permuted.suspicion, found.suspicion[order], atol=0.02)
    sure = np.abs(found.suspicion[order]) > 0.1
    listed = {one.item for one in permuted.result.findings}
    assert listed & set(np.flatnonzero(sure)) == set(
        np.flatnonzero(sure & (found.suspicion[order] > 0))
    )


def test_renamed_labels_change_nothing_but_the_names(planted):
    features, _, codes, _ = planted
    new = {"ant": "zebra", "bee": "yak", "cat": "ape", "dog": "1"}
    found = label_errors(features, named(codes))
    renamed = label_errors(features, [new[name] for name in named(codes)])
    np.testing.assert_allclose(renamed.suspicion, found.suspicion, atol=0.02)
    clear = np.abs(found.suspicion) > 0.1
    for old, other, is_clear in zip(found.suggested, renamed.suggested, clear, strict=True):
        assert not is_clear or new[old] == other


@pytest.mark.parametrize("share", [0, 0.01, 0.2])
def test_the_expected_number_of_errors_is_a_limit_with_its_assumption(share):
    features, codes = clouds(400, n_classes=3)
    codes, wrong = with_errors(codes, share)
    found = label_errors(features, named(codes))
    expected, listed = found.expected, found.result.findings
    assert expected.n_listed == len(listed)
    assert expected.low == 0
    assert sum(wrong[one.item] for one in listed) <= expected.high <= len(listed)
    shown = f"{count_wrong(expected)} {expected.assumption}"
    assert len(textwrap.wrap(shown, 98)) <= 5
    has_limit = "in 2 % of the labels, between random and between similar classes" in shown
    assert has_limit == (expected.high < len(listed))
    assert expected.n_classified == 400
    assert expected.accuracy == (found.suspicion <= 0).mean() == 1 - len(listed) / 400
    assert all(0.7 < share <= 1 for share in expected.found_shares)


def test_the_share_of_listed_errors_is_between_those_of_both_kinds_of_planted_errors():
    features, codes = clouds(900, n_classes=6, spread=0.6)  # many items resemble another class
    codes, wrong = with_errors(codes, 0.1)
    found = label_errors(features, named(codes))
    of_random, of_similar = found.expected.found_shares
    assert of_similar - 0.1 < (found.suspicion[wrong] > 0).mean() < of_random + 0.1
    assert of_similar < of_random


def test_few_errors_among_look_alikes_have_a_low_limit():
    features, codes = clouds(900, n_classes=3, spread=0.3)  # some items resemble another class
    codes, wrong = with_errors(codes, 2 / 900)
    found = label_errors(features, named(codes))
    assert sum(wrong[one.item] for one in found.result.findings) == 2
    assert found.expected.n_listed >= 25
    assert 2 <= found.expected.high <= 15


def test_at_most_the_listed_labels_are_expected_to_be_wrong_in_very_unequal_classes():
    features, codes = clouds(1_400, n_classes=2, spread=0.1)
    kept = np.flatnonzero((codes == 1) | (np.arange(1_400) < 16))
    codes = codes[kept]
    codes[-1] = 0  # one wrong label among 9 of ant, and 699 of bee
    expected = label_errors(features[kept], named(codes)).expected
    assert (expected.low, expected.high, expected.n_listed) == (0, 1, 1)
    assert count_wrong(expected) == "The label may be right."


def test_without_labels_nothing_is_suspicious():
    features, _ = clouds(40)
    found = label_errors(features, None)
    assert found.result.reason == "The images have no labels."
    assert np.isnan(found.suspicion).all()
    assert found.suggested == (None,) * 40


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (np.zeros(40, int), "All images have the label ant"),
        (np.arange(40), "Each image has a label of its own"),
        (np.arange(40) // 2, "Each class has one or two images"),
    ],
)
def test_labels_that_cannot_be_compared_are_reported(codes, reason):
    features, _ = clouds(40)
    found = label_errors(features, named(codes))
    assert reason in found.result.reason
    assert found.result.findings == ()


def test_identical_items_are_reported():
    found = label_errors(np.ones((40, 8), np.float32), named(np.arange(40) % 2))
    assert found.result.reason == "All images have the same features."


def test_too_few_items_are_reported():
    features, codes = clouds(8)
    assert "has 8 items; at least 10" in label_errors(features, named(codes)).result.reason


def test_classes_with_one_or_two_items_are_not_checked():
    features, codes = clouds(200)
    codes[:3] = 4, 5, 5
    found = label_errors(features, named(codes))
    assert np.isnan(found.suspicion[:3]).all()
    assert found.suggested[:3] == (None,) * 3
    assert found.result.reason.startswith("3 images are in classes with fewer than 3 images")
    assert np.isfinite(found.suspicion[3:]).all()


def test_right_labels_of_a_class_with_four_items_are_not_listed_but_a_wrong_label_is():
    features, codes = clouds(400, n_classes=3, spread=0.3)
    kept = np.flatnonzero((codes != 0) | (np.arange(400) < 12))
    features, codes = features[kept], codes[kept]
    right = np.flatnonzero(codes == 0)
    assert len(right) == 4
    wrong = np.flatnonzero(codes == 1)[0]
    codes[wrong] = 0
    found = label_errors(features, named(codes))
    assert found.result.findings[0].item == wrong
    assert (found.suspicion[right] <= 0).all()


def test_the_distances_to_the_means_are_those_of_all_pairs_of_items():
    features, codes = clouds(60, n_classes=3, spread=0.6)
    codes[(codes == 0) & (np.arange(60) > 9)] = 1  # classes of 4, 36 and 20 items
    components = principal_components(features, 10, random_state=0)
    model = LabelModel(components, search_all_pairs(components.half_whitened(), 9), random_state=0)
    rows = model._rows.astype(np.float64)
    rows *= model._variances**-0.25
    items, suggested = np.arange(60), (codes + 1) % 3
    sums = np.stack([model._rows[codes == code].sum(axis=0) for code in range(3)])
    found = model._is_nearer(items, suggested, codes, np.bincount(codes), sums)

    def distance(item, code):
        others = rows[(codes == code) & (items != item)]
        pairs = others @ others.T
        n = len(others)
        return (pairs.sum() - np.trace(pairs)) / (n * (n - 1)) - 2 * (others @ rows[item]).mean()

    expected = [distance(i, suggested[i]) < distance(i, codes[i]) for i in items]
    assert 5 < sum(expected) < 55
    np.testing.assert_array_equal(found, expected)


def test_labels_without_relation_to_the_features_are_reported():
    features, codes = clouds()
    shuffled = np.random.default_rng(5).permutation(codes)
    found = label_errors(features, named(shuffled))
    assert "The labels cannot be checked" in found.result.reason
    assert np.isnan(found.suspicion).all()
    assert not any(found.suggested)
    assert found.result.findings == ()


def test_errors_are_found_among_hundreds_of_classes(monkeypatch):
    monkeypatch.setattr(expected_errors, "_MOST_REPEATS", 1)  # the limit of wrong labels is slow
    features, codes = clouds(600, n_classes=200, spread=0.05)
    codes, wrong = with_errors(codes, 0.02)
    found = label_errors(features, named(codes))
    assert average_precision(found.suspicion, wrong) > 0.8


def test_the_ridge_equals_a_fit_without_the_item():
    features, codes = clouds(60)
    components = principal_components(features, 10, random_state=0)
    rows = np.hstack([components.values, np.ones((60, 1))]).astype(np.float64)
    variances, axes = np.linalg.eigh(rows.T @ rows)
    counts = np.bincount(codes)
    ridge = _Ridge.fit((rows @ axes).astype(np.float32), variances, codes, counts, np.arange(60))
    scores = ridge.scores(np.arange(60))
    penalty = 1 / ridge.shrinkage[0] - variances[0]
    targets = np.eye(4)[codes]
    for item in (0, 17, 59):
        others = np.arange(60) != item
        product = rows[others].T @ rows[others] + penalty * np.eye(rows.shape[1])
        weights = np.linalg.solve(product, rows[others].T @ targets[others])
        np.testing.assert_allclose(scores[item], rows[item] @ weights, atol=1e-3)


@pytest.mark.parametrize("n_components", [4, 30])  # fewer and more than the items of the group
def test_the_items_of_a_group_are_predicted_without_the_group(n_components):
    features, codes = clouds(120)
    components = principal_components(features, n_components, random_state=0)
    neighbors = search_all_pairs(components.half_whitened(), 9)
    group = np.array([3, 8, 17, 40, 41, 77, 90])
    groups = np.full(120, -1)
    groups[group] = 0
    model = LabelModel(components, neighbors, groups=groups, random_state=0)
    counts = np.bincount(codes)
    given = model._rows, model._variances, codes, counts, np.arange(120)
    ridge = _Ridge.fit(*given, groups=model._groups)
    rows = model._rows.astype(np.float64)
    others = groups < 0
    penalty = 1 / ridge.shrinkage[0] - model._variances[0]
    product = rows[others].T @ rows[others] + penalty * np.eye(rows.shape[1])
    weights = np.linalg.solve(product, rows[others].T @ np.eye(4)[codes[others]])
    chosen = np.arange(5, 100)
    listed = np.isin(chosen, group)
    np.testing.assert_allclose(
        ridge.scores(chosen)[listed], rows[chosen[listed]] @ weights, atol=1e-3
    )
    alone = _Ridge.fit(*given)
    np.testing.assert_array_equal(ridge.scores(chosen)[~listed], alone.scores(chosen)[~listed])
    assert (model._weights[group][np.isin(neighbors.indices[group], group)] == 0).all()
    assert (model._weights[others] > 0).all()


def test_the_distance_to_a_mean_is_that_without_the_copies():
    features, codes = clouds(60, n_classes=3)
    copies = np.flatnonzero(codes == 1)[:15]
    features[copies] = features[0]  # most items of class 1 are copies of an item of class 0
    components = principal_components(features, 10, random_state=0)
    neighbors = search_all_pairs(components.half_whitened(), 9)
    groups = np.full(60, -1)
    groups[[0, *copies]] = 0
    for given, is_nearer in ((None, True), (groups, False)):
        model = LabelModel(components, neighbors, groups=given, random_state=0)
        sums = np.stack([model._rows[codes == code].sum(axis=0) for code in range(3)])
        item, suggested = np.zeros(1, np.intp), np.ones(1, np.intp)
        found = model._is_nearer(item, suggested, codes, np.bincount(codes), sums)
        assert found.tolist() == [is_nearer]


def test_the_label_of_a_copy_is_suggested_if_it_is_more_probable_than_the_given_label():
    features, codes = clouds(200, spread=0.6)
    features[1] = 0.9 * features[0] + 0.1 * features[1]  # nearest to class 0, then to class 1
    features[5] = features[1]
    codes[5] = 3
    copies = np.where(np.isin(np.arange(200), (1, 5)), 0, -1)
    assert label_errors(features, named(codes), copies=copies).suggested[5] == "bee"
    others = np.arange(200) != 1
    assert label_errors(features[others], named(codes[others])).suggested[4] == "ant"


def test_an_item_with_copies_only_in_its_class_is_not_checked():
    features, codes = clouds(200)
    codes[:4] = 4  # a class of four items
    features[1:3] = features[0]
    features[50] = features[0]
    copies = np.full(200, -1)
    copies[[0, 1, 2, 50]] = 0
    found = label_errors(features, named(codes), copies=copies)
    assert np.isnan(found.suspicion[:3]).all()
    assert np.isfinite(found.suspicion[3:]).all()
    reason = "3 images are in classes with fewer than 3 images besides copies with different labels"
    assert found.result.reason.startswith(reason)


def test_an_item_does_not_vote_for_itself():
    features, _ = clouds(100)
    components = principal_components(features, random_state=0)
    model = LabelModel(components, search_all_pairs(components.half_whitened(), 9), random_state=0)
    assert (model._voters != np.arange(100)[:, None]).all()


def test_the_result_without_findings_has_an_entry_per_item():
    nothing = LabelErrors.not_computed(3, "why")
    assert nothing.result.reason == "why"
    assert len(nothing.suspicion) == len(nothing.suggested) == len(nothing.confidence) == 3


def test_components_do_not_depend_on_the_scale_of_the_features():
    features, _ = clouds(50)
    one, other = (
        principal_components(features, random_state=0),
        principal_components(features * 7, random_state=0),
    )
    assert isinstance(one, Components)
    np.testing.assert_allclose(np.abs(one.values), np.abs(other.values), atol=1e-3)


def test_components_of_few_rows_equal_those_of_the_covariance():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(60, 100)).astype(np.float32)  # fewer rows than columns
    found = principal_components(wide, 5, random_state=0)
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    unit -= unit.mean(axis=0)
    _, values, axes = np.linalg.svd(unit, full_matrices=False)
    expected = unit @ axes[:5].T
    expected /= np.sqrt((expected**2).sum(axis=1).mean())
    np.testing.assert_allclose(np.abs(found.values), np.abs(expected), atol=1e-3)
    np.testing.assert_allclose(found.variances, (values[:5] / values[0]) ** 2, rtol=1e-3)


def test_checked_labels_are_not_listed_and_there_is_no_limit(planted):
    features, _, codes, _ = planted
    before = label_errors(features, named(codes))
    first = before.result.findings[0].item
    is_checked = np.arange(len(codes)) == first
    found = label_errors(features, named(codes), is_checked=is_checked)
    assert [one.item for one in found.result.findings] == [
        one.item for one in before.result.findings[1:]
    ]
    assert np.isnan(found.suspicion[first])
    assert found.suggested[first] is None
    expected = found.expected
    assert (expected.high, expected.n_listed) == (len(found.result.findings),) * 2
    assert expected.n_classified == before.expected.n_classified - 1
    assert "A map with checked labels has no limit" in expected.assumption
