import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageOps

from featscape.findings import (
    KINDS,
    ItemData,
    compute,
    summarize_findings,
    with_labels,
)
from featscape.findings.labels import expected_errors
from featscape.findings.records import ClassFinding, Evidence
from featscape.findings.reliability import N_NEAR, WIDER
from featscape.findings.sections import arrange_findings
from featscape.findings.spaces import search_all_pairs, searched_components
from featscape.labels.classes import NO_LABEL
from helpers.maps.planted import Pictures, clouds, named, pictures, with_errors

compute_findings = partial(
    compute.compute_findings, search=search_all_pairs, n_threads=1, random_state=0
)


def some_items(n_items=400, *, labels="planted", share=0.05, **changes):
    features, codes = clouds(n_items)
    codes, _ = with_errors(codes, share)
    neighbors = search_all_pairs(features, min(90, n_items - 1)).indices
    given = {
        "features": features,
        "positions": features[:, :2].copy(),
        "neighbors": neighbors,
        "labels": named(codes) if labels == "planted" else labels,
        "paths": [f"{i}.png" for i in range(n_items)],
    }
    return ItemData(**{**given, **changes})


def saved_copies(features, rows, labels):
    """Return an item for each of the rows of the features; items of one row are equal files."""
    digests = np.random.default_rng(0).integers(0, 256, (len(features), 32)).astype(np.uint8)
    return some_items(
        len(features),
        features=features[rows],
        positions=features[rows, :2],
        neighbors=None,
        labels=labels,
        digests=digests[rows],
        paths=[f"{i}.png" for i in range(len(rows))],
    )


@pytest.fixture(scope="module")
def findings():
    """Return the findings of 400 items with planted label errors."""
    return compute_findings(some_items())


def test_all_kinds_are_computed_or_have_a_reason(findings):
    assert findings.labels
    assert findings.reliability
    for kind in KINDS:
        assert isinstance(getattr(findings, kind), tuple)
    assert len(findings.columns) == 400
    json.dumps(findings.to_json(), allow_nan=False)


def test_columns_and_lists_agree(findings):
    for one in findings.labels:
        assert findings.columns.suspicion[one.item] == pytest.approx(one.evidence.score)
        assert findings.columns.suggested[one.item] == one.suggested
    flagged = {one.item for one in findings.off_topic}
    assert flagged == set(np.flatnonzero(findings.columns.off_topic > 0))


def test_without_labels_and_paths_the_rest_is_computed():
    findings = compute_findings(some_items(labels=None, paths=None))
    assert findings.labels == ()
    assert findings.not_computed["labels"] == "The items have no labels."
    assert np.isnan(findings.columns.suspicion).all()
    assert np.isfinite(findings.columns.off_topic).all()
    assert np.isfinite(findings.columns.torn).all()


def test_items_without_a_label_take_no_part_in_findings_about_labels(findings):
    items = some_items()
    is_labeled = np.random.default_rng(1).random(len(items)) < 0.8
    labels = [
        label if has else NO_LABEL for label, has in zip(items.labels, is_labeled, strict=True)
    ]
    found = compute_findings(replace(items, labels=labels, paths=None))
    assert NO_LABEL not in json.dumps(found.to_json())
    assert np.array_equal(np.isfinite(found.columns.suspicion), is_labeled)
    listed = {one.item for one in found.labels}
    assert {one.item for one in findings.labels if is_labeled[one.item]} <= listed
    for one in found.labels:
        assert f"item {one.item} resembles" in one.text
        assert one.label == labels[one.item]
        assert {labels[near] for near in one.evidence.neighbors} == {one.suggested}
    for one in found.classes:
        assert {labels[item] for item in one.items} <= set(one.classes)


def test_close_classes_have_the_neighbors_of_the_map_if_an_item_has_no_label():
    rng = np.random.default_rng(0)
    codes = np.arange(360) % 4
    features = rng.normal(0, 0.1, (360, 8)).astype(np.float32)
    features[np.arange(360), codes // 2] += 1
    features[codes == 1] *= 30  # classes 0 and 1 differ in length, and not in direction
    labels = named(codes)
    labels[7] = NO_LABEL
    items = some_items(360, features=features, neighbors=None, labels=labels, paths=None)
    found = compute_findings(items)
    kinds = {one.classes: one.kind for one in found.classes if "pair" in one.kind}
    one, other, third, fourth = sorted(set(labels) - {NO_LABEL})
    assert kinds[third, fourth] == "close pair"
    assert kinds.get((one, other)) != "close pair"


@pytest.fixture(scope="module")
def bursts():
    """Return 200 items, of which each has five equal files; four have wrong labels.

    The items of the wrong labels are 0, 6, 12 and 18.
    """
    features, codes = clouds(200)
    codes[:4] = (codes[:4] + 1) % (codes.max() + 1)
    rows = np.repeat(np.arange(200), 6)
    return saved_copies(features, rows, named(codes[rows]))


@pytest.fixture(scope="module")
def with_bursts(bursts):
    """Return the findings of the bursts."""
    return compute_findings(bursts)


def test_a_wrong_label_of_six_copies_is_listed_once(with_bursts):
    listed = {one.item: one for one in with_bursts.labels}
    assert {0, 6, 12, 18} <= set(listed)
    assert all(item % 6 == 0 for item in listed)
    assert listed[6].text.endswith("The same label has 5 copies of the image.")
    assert listed[6].evidence.items == tuple(range(6, 12))
    assert listed[0].evidence.items == tuple(range(6))
    suspicion = with_bursts.columns.suspicion.reshape(200, 6)
    np.testing.assert_array_equal(suspicion, np.repeat(suspicion[:, :1], 6, axis=1))
    assert with_bursts.columns.suggested[7] == listed[6].suggested
    assert set(listed[6].evidence.neighbors).isdisjoint(range(7, 12))


def test_the_checked_label_of_a_copy_is_that_of_all_copies(bursts, with_bursts):
    column = np.full(1200, None, dtype=object)
    column[8] = bursts.labels[8]  # a copy of item 6
    column[12] = "another label"  # than that of the item, which nobody checked
    found = compute_findings(replace(bursts, columns={"checked_label": column}))
    listed = [one.item for one in with_bursts.labels if one.item != 6]
    assert [one.item for one in found.labels] == listed
    assert np.isnan(found.columns.suspicion[6:12]).all()


def test_the_checked_labels_are_no_property_of_the_images(findings):
    items = some_items()
    is_first = np.array(items.labels) == items.labels[0]
    share = np.where(is_first, 0.8, 0.1)
    is_robin = np.random.default_rng(0).random(len(items)) < share
    column = np.where(is_robin, "robin", "wren").astype(object)

    def found(name):
        return compute_findings(replace(items, columns={name: column})).shortcuts

    assert found("checked_label") == findings.shortcuts
    assert len(found("origin")) > len(findings.shortcuts)


def test_a_checked_label_does_not_make_the_folder_a_shortcut():
    items = some_items()
    paths = [f"{label}/{i}.png" for i, label in enumerate(items.labels)]
    labels, column = list(items.labels), np.full(len(items), None, dtype=object)
    for item in range(0, 80, 10):
        labels[item] = column[item] = "ant" if labels[item] != "ant" else "bee"
    items = replace(items, paths=paths, labels=labels)
    in_source = [one.property_name for one in compute_findings(items).shortcuts]
    assert in_source == ["folder"]  # the labels differ from the folder, and nobody checked them
    assert compute_findings(replace(items, columns={"checked_label": column})).shortcuts == ()


def test_one_of_two_copies_is_typical():
    features, codes = clouds(400)
    rows = np.argsort(codes, kind="stable")  # the copies of one label follow each other
    items = some_items(
        400,
        features=features[rows],
        positions=features[rows, :2],
        neighbors=None,
        labels=named(codes[rows]),
        digests=np.repeat(np.arange(200, dtype=np.uint8), 2)[:, None].repeat(32, axis=1),
    )
    typical = [one.items for one in compute_findings(items).classes if one.kind == "exemplars"]
    assert {len(chosen) for chosen in typical} == {10}
    assert all(item % 2 == 0 for chosen in typical for item in chosen)


def test_the_suspicion_is_more_than_0_for_the_listed_items_and_their_copies(with_bursts):
    listed = sorted(item for one in with_bursts.labels for item in one.evidence.items)
    assert np.flatnonzero(with_bursts.columns.suspicion > 0).tolist() == listed


def test_the_summary_says_that_copies_raise_the_label_agreement(with_bursts, findings):
    sentence = (
        "100 % of the images have two or more copies, so the label agreement is too high: the "
        "nearest neighbors of a copy are copies."
    )
    assert sentence in summarize_findings(with_bursts)
    all_leak = replace(
        with_bursts, duplicates=[replace(one, leak=True) for one in with_bursts.duplicates]
    )
    for found in (with_bursts, all_leak):
        section = next(one for one in arrange_findings(found).sections if one.name == "labels")
        assert section.text.endswith(sentence)
    assert sentence not in summarize_findings(findings)
    half = replace(with_bursts, duplicates=with_bursts.duplicates[:100])
    assert sentence.replace("100 %", "At least 50 %") in summarize_findings(half)
    part = replace(with_bursts, duplicates=with_bursts.duplicates[:55])
    assert sentence.replace("100 %", "At least 27 %") in summarize_findings(part)  # of 27.5 %


@pytest.mark.parametrize(("n_labels", "is_found"), [(1, False), (2, True)])
def test_a_shortcut_of_copies_of_one_image_is_found_only_if_the_copies_have_several_labels(
    n_labels, is_found
):
    features, codes = clouds(300)
    rows = np.where(np.arange(300) < 80, 0, np.arange(300))  # 80 equal files of camera A
    codes[:80] = 0
    codes[: n_labels - 1] = 1
    camera = np.where(np.arange(300) < 80, "A", "B").astype(object)
    items = replace(saved_copies(features, rows, named(codes)), columns={"camera": camera})
    found = compute_findings(items).shortcuts
    assert any(one.kind == "label" and "camera A" in one.text for one in found) == is_found


def test_the_limit_of_wrong_labels_holds_for_images_that_are_saved_twice():
    features, truth = clouds(300, n_classes=3, spread=0.5, seed=3)
    codes, wrong = with_errors(truth, 0.15)
    rows = np.repeat(np.arange(300), 2)
    found = compute_findings(saved_copies(features, rows, named(codes[rows])))
    assert all(one.evidence.items == (one.item, one.item + 1) for one in found.labels)
    n_wrong = sum(wrong[rows[one.item]] for one in found.labels)
    assert 20 < n_wrong <= found.expected_errors.high


@pytest.mark.parametrize("is_burst", [True, False])
def test_a_map_with_bursts_has_the_same_list_but_no_limit_of_wrong_labels(is_burst, monkeypatch):
    features, codes = clouds(186, n_classes=3, spread=0.5, seed=3)
    codes, _ = with_errors(codes, 0.05)
    rows = np.concatenate([np.arange(186), np.repeat(np.arange(7), 2)])  # 21 of 200 in threes
    images = [pictures(186)[row] for row in rows]
    if is_burst:
        for shift_px, item in enumerate(range(186, 200)):
            images[item] = images[item].crop((shift_px % 2, 1, 120, 90 - shift_px % 2))
    given = saved_copies(features, rows, named(codes[rows]))
    items = replace(given, digests=None, thumbnails=Pictures(images))
    found = compute_findings(items)
    assert sum(len(one.items) for one in found.duplicates) == 21
    assert {one.kind for one in found.duplicates} == {"near" if is_burst else "pixels"}
    expected = found.expected_errors
    assert (expected.high == len(found.labels)) == is_burst
    assert expected.burst_share == (21 / 200 if is_burst else 0)
    section = next(one for one in arrange_findings(found).sections if one.name == "labels")
    for text in (section.text, " ".join(summarize_findings(found))):
        assert ("no whole burst or scene has a wrong label" in text) != is_burst
    reason = "There is no limit, because about 10 % of the images are in groups"
    assert expected.assumption.startswith(reason) == is_burst
    monkeypatch.setattr(expected_errors, "MANY_BURSTS", 1)
    without_rule = compute_findings(items)
    assert without_rule.labels == found.labels
    assert without_rule.expected_errors.high < len(found.labels)


def test_a_right_label_is_not_judged_by_a_copy_with_a_wrong_label():
    features, codes = clouds(240, n_classes=3, spread=0.35, seed=3)
    rows = np.concatenate([np.arange(240), np.arange(0, 240, 4)])  # 60 copies
    labels = codes[rows]
    labels[240:] = (labels[240:] + 1) % 3  # with wrong labels
    given = some_items(
        240, features=features, positions=features[:, :2], labels=named(codes), neighbors=None
    )
    items = saved_copies(features, rows, named(labels))
    found = compute_findings(items)
    assert sum(one.conflict for one in found.duplicates) == 60
    listed = {one.item: one for one in found.labels}
    without = {one.item for one in compute_findings(given).labels}  # right labels without copies
    assert listed.keys() & set(range(0, 240, 4)) <= without
    wrong = [listed[item] for item in range(240, 300) if item in listed]
    right = [items.labels[4 * (one.item - 240)] for one in wrong]
    assert sum(one.suggested == label for one, label in zip(wrong, right, strict=True)) > 50
    for one, label in zip(wrong, right, strict=True):
        assert 4 * (one.item - 240) not in one.evidence.neighbors
        assert one.text.endswith(f" A copy with the label {label} was left out.")


@pytest.mark.parametrize("n_labeled", [0, 1, 2])
def test_few_labels_are_reported(n_labeled):
    labels = [f"{i}" if i < n_labeled else NO_LABEL for i in range(30)]
    found = compute_findings(some_items(30, labels=labels))
    assert found.labels == ()
    assert found.not_computed["labels"]


@pytest.mark.parametrize("n_items", [1, 2, 3, 9, 12, 30])
def test_few_items_are_reported(n_items):
    features, codes = clouds(n_items)
    items = ItemData(
        features=features,
        positions=features[:, :2].copy(),
        neighbors=None,
        labels=named(codes),
    )
    findings = compute_findings(items)
    assert len(findings.columns) == n_items
    assert {"labels", "off_topic", "reliability"} <= findings.not_computed.keys() or n_items > 9


def test_identical_items_are_reported():
    same = np.ones((60, 8), np.float32)
    neighbors = np.array([[j for j in range(60) if j != i] for i in range(60)], np.int32)
    items = ItemData(
        features=same,
        positions=np.zeros((60, 2), np.float32),
        neighbors=neighbors,
        labels=named(np.arange(60) % 2),
    )
    findings = compute_findings(items)
    for kind in ("labels", "off_topic", "reliability"):
        assert "same features" in findings.not_computed[kind]


def test_neighbors_are_searched_if_unknown():
    items = some_items(120, neighbors=None)
    values = searched_components(items.features, random_state=0)
    neighbors = search_all_pairs(values, WIDER * N_NEAR).indices
    known = compute_findings(replace(items, neighbors=neighbors))
    assert compute_findings(items).to_json() == known.to_json()


@pytest.mark.parametrize("n_sentences", [1, 2])
def test_the_number_of_sentences_limits_the_summary(findings, n_sentences):
    evidence = Evidence(items=(), neighbors=(), score=1.0, method="planted")
    pair = ClassFinding(kind="close pair", classes=("a", "b"), text="a", evidence=evidence)
    found = replace(findings, classes=(pair, replace(pair, kind="split")))
    assert len(summarize_findings(found, 100)) == 3
    sentences = summarize_findings(found, n_sentences)
    assert len(sentences) == n_sentences
    assert "not in this summary" in sentences[-1]


def test_the_first_sentence_of_the_summary_is_about_the_labels(findings):
    sentences = summarize_findings(findings)
    assert "another class more than the labeled class" in sentences[0]
    assert re.search("Look at all [0-9]+ to know how many are wrong", sentences[0])


@pytest.mark.parametrize("kind", ["close pair", "separate pair"])
def test_the_summary_has_close_pairs_only(findings, kind):
    evidence = Evidence(items=(), neighbors=(), score=1.0, method="planted")
    pair = ClassFinding(kind=kind, classes=("a", "b"), text="a and b", evidence=evidence)
    sentences = summarize_findings(replace(findings, classes=(pair,)), n_sentences=100)
    assert ("a and b" in sentences) == (kind == "close pair")


def test_pixels_sizes_and_columns_give_duplicates_faults_and_shortcuts():
    images = pictures(60)
    images[50] = images[10].copy()
    images[20] = Image.new("RGB", images[20].size, (90, 120, 60))
    sizes = np.full((60, 2), (640, 480), dtype=np.int32)
    sizes[30] = 16, 16
    codes = np.arange(60) % 2
    findings = compute_findings(
        some_items(
            60,
            labels=named(codes),
            splits=["test" if i == 50 else "train" for i in range(60)],
            thumbnails=Pictures(images),
            sizes_px=sizes,
            columns={"exposure": np.where(codes == 1, 2.5, 1.5)},
        )
    )
    assert [one.items for one in findings.duplicates] == [(10, 50)]
    assert findings.duplicates[0].leak
    assert np.flatnonzero(findings.columns.duplicate_group == 0).tolist() == [10, 50]
    assert {one.item: one.kinds for one in findings.quality} == {20: ("flat",), 30: ("tiny",)}
    assert findings.shortcuts[0].property_name == "exposure"
    json.dumps(findings.to_json(), allow_nan=False)


def with_faults(order=None, names=("beetle", "maple")):
    """Return 80 pictures with a copy, a flat picture and a column that predicts the label."""
    images = pictures(80)
    images[50] = ImageOps.mirror(images[10])
    images[20] = Image.new("RGB", images[20].size, (90, 120, 60))
    order = np.arange(80) if order is None else order
    codes = np.arange(80) % 2
    features, _ = clouds(80)
    features[50] = features[10]
    features = features[order]
    return ItemData(
        features=features,
        positions=features[:, :2].copy(),
        neighbors=search_all_pairs(features, 39).indices,
        labels=[names[code] for code in codes[order]],
        thumbnails=Pictures([images[item] for item in order]),
        sizes_px=np.full((80, 2), 640, dtype=np.int32),
        columns={"exposure": np.where(codes == 1, 2.5, 1.5)[order]},
    )


@pytest.fixture(scope="module")
def faults():
    """Return the findings of pictures with faults."""
    return compute_findings(with_faults())


def test_a_permutation_of_the_items_permutes_duplicates_faults_and_shortcuts(faults):
    order = np.random.default_rng(5).permutation(80)
    permuted = compute_findings(with_faults(order))
    assert [one.items for one in faults.duplicates] == [(10, 50)]
    assert [sorted(order[list(one.items)]) for one in permuted.duplicates] == [[10, 50]]
    assert [(order[one.item], one.kinds) for one in permuted.quality] == [(20, ("flat",))]
    assert [(one.item, one.kinds) for one in faults.quality] == [(20, ("flat",))]
    shortcuts = [(one.property_name, one.label, one.text) for one in faults.shortcuts]
    assert shortcuts
    assert [(one.property_name, one.label, one.text) for one in permuted.shortcuts] == shortcuts


def test_renamed_labels_change_only_the_names(faults):
    renamed = compute_findings(with_faults(names=("first", "second"))).to_json()
    text = json.dumps(faults.to_json()).replace("beetle", "first").replace("maple", "second")
    assert json.dumps(renamed) == text


def test_label_errors_of_many_items_are_found_by_the_neighbors_of_the_map(findings, monkeypatch):
    monkeypatch.setattr(with_labels, "_MOST_SEARCHED", 100)
    near = compute_findings(some_items())
    listed = [{one.item for one in found.labels} for found in (findings, near)]
    assert len(listed[0] & listed[1]) >= 0.9 * len(listed[0])
    assert near.labels[0].item == findings.labels[0].item
