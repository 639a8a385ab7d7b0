from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from featscape.findings.duplicates import groups as module
from featscape.findings.duplicates import near_pairs, power_law
from featscape.findings.duplicates.groups import find_originals, measure_bursts, number_groups
from featscape.findings.duplicates.subset import Subset
from featscape.findings.pixels.survey import survey_thumbnails
from featscape.findings.records import DuplicateGroup, Evidence
from featscape.findings.spaces import search_all_pairs
from featscape.labels.classes import NO_LABEL
from helpers.maps.planted import Pictures, pictures

find_duplicates = partial(
    module.find_duplicates,
    values=None,
    digests=None,
    labels=None,
    splits=None,
    paths=None,
    n_threads=1,
    random_state=0,
)


def duplicates(images, *, features=None, **options):
    survey = survey_thumbnails(Pictures(images))
    if features is None:
        features = np.random.default_rng(0).normal(size=(len(images), 16)).astype(np.float32)
    neighbors = search_all_pairs(features, min(40, len(images) - 1)).indices
    return find_duplicates(survey, features=features, neighbors=neighbors, **options)


def groups(part):
    return [one.items for one in part.findings]


def test_different_pictures_are_no_duplicates():
    part = duplicates(pictures(50))
    assert part.findings == ()
    assert part.reason is None


def test_edited_copies_are_found():
    images = pictures(50)
    features = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    features[41:46] = features[1:6] + 0.5 * features[11:16]
    images[41] = ImageOps.mirror(images[1])
    images[42] = images[2].crop((10, 8, 118, 88))
    images[43] = images[3].rotate(4, Image.Resampling.BICUBIC)
    images[44] = ImageEnhance.Contrast(images[4]).enhance(0.5)
    images[45] = images[5].resize((60, 45))
    part = duplicates(images, features=features)
    assert sorted(groups(part)) == [(1, 41), (2, 42), (3, 43), (4, 44), (5, 45)]
    assert {one.kind for one in part.findings} == {"near"}
    scores = [one.evidence.score for one in part.findings]
    assert scores == sorted(scores, reverse=True)
    for one in part.findings:
        copies = "mirrored copies" if one.items == (1, 41) else "copies"
        assert f"may be {copies} (correlation " in one.text


def drawing(missing=0):
    """Return a drawing of bars on white; a bar may be missing, as for the letters E and F."""
    image = Image.new("RGB", (96, 96), "white")
    draw = ImageDraw.Draw(image)
    for number, box in enumerate([(20, 10, 34, 86), (20, 10, 70, 24), (20, 40, 60, 54)]):
        if number != missing:
            draw.rectangle(box, fill=(40, 70, 160))
    draw.line((10, 92, 86, 92), fill="black")
    return image


def test_drawings_that_differ_in_a_part_are_only_similar_and_come_last():
    images = pictures(50)
    images[40] = ImageOps.mirror(images[1])
    images[41], images[42] = drawing(), drawing(missing=2)
    features = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    features[42] = features[41] + 0.01
    labels = ["letter"] * 50
    labels[42] = "other"
    part = duplicates(images, features=features, labels=labels)
    assert [(one.items, one.kind) for one in part.findings] == [
        ((1, 40), "near"),
        ((41, 42), "similar"),
    ]
    assert "are similar and may be copies (correlation " in part.findings[1].text


def test_copies_of_a_drawing_may_be_copies_and_be_similar_to_another_drawing():
    images = pictures(50)
    images[40], images[41], images[42] = drawing(), drawing().resize((72, 72)), drawing(missing=2)
    features = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    features[41], features[42] = features[40] + 0.01, features[40] + 0.02
    part = duplicates(images, features=features)
    assert [one.kind for one in part.findings] == ["near", "similar"]
    assert part.findings[0].items == (40, 41)
    assert 42 in part.findings[1].items
    numbers = number_groups(part.findings, 50)
    assert numbers[40:43].tolist() == [0, 0, 1]


def test_the_paths_splits_and_labels_of_a_group_are_separable():
    images = pictures(50)
    images[40] = images[1]
    labels, splits = ["letter"] * 50, ["train"] * 50
    labels[40], splits[40] = "noisy, tiny", "test, hard"
    paths = [f"{item}, of 50.png" for item in range(50)]
    features = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    part = duplicates(images, features=features, labels=labels, splits=splits, paths=paths)
    text = part.findings[0].text
    assert text.startswith("“1, of 50.png”, “40, of 50.png” ")
    assert "in the splits “train” and “test, hard”" in text
    assert text.endswith("with the labels “letter” and “noisy, tiny”.")


def test_an_image_without_a_split_is_no_leak():
    images = pictures(50)
    images[40], images[41] = images[1], images[2]
    splits = ["train"] * 50
    splits[40], splits[41] = "(no split)", "test"
    part = duplicates(images, splits=splits)
    assert {one.items: one.leak for one in part.findings} == {(1, 40): False, (2, 41): True}


def test_the_doubt_is_the_least_multiple_of_the_share_at_which_a_pair_is_chosen(monkeypatch):
    def choose(log_p, pairs, n_images, *, most_false, n_corrections=0):
        del log_p, n_images, n_corrections
        return np.arange(len(pairs)) < round(100 * most_false)

    monkeypatch.setattr(near_pairs, "choose", choose)
    grays = survey_thumbnails(Pictures(pictures(50))).grays
    features = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    found = near_pairs.find_near_pairs(
        grays,
        features,
        search_all_pairs(features, 30).indices,
        values=None,
        n_threads=1,
        random_state=0,
    )
    doubts, counts = np.unique(found.doubt, return_counts=True)
    assert dict(zip(doubts, counts, strict=True)) == {1: 10, 2: 10, 4: 20, 8: 40}


def test_doubtful_pairs_need_equal_foregrounds(monkeypatch):
    images = pictures(50)
    images[40], images[41], images[42] = (
        drawing(),
        ImageEnhance.Contrast(drawing()).enhance(0.8),
        drawing(missing=2),
    )
    pairs = np.array([[0, 1], [40, 41], [40, 42]])
    found = near_pairs.NearPairs(pairs, *np.float32([[0.9] * 3, [2] * 3, [0.1] * 3]))
    monkeypatch.setattr(module, "find_near_pairs", lambda *_, **__: found)
    assert [(one.items, one.kind) for one in duplicates(images).findings] == [((40, 41), "near")]


def plant_pairs(
    monkeypatch, pairs, correlation=1, *, doubt=1, distance=1, is_certain=True, is_mirrored=False
):
    """Let the search find these pairs, with one value for all pairs or one value per pair."""

    def spread(value, dtype):
        return np.broadcast_to(np.array(value, dtype), len(pairs)).copy()

    values = [spread(one, np.float32) for one in (correlation, doubt, distance)]
    found = near_pairs.NearPairs(np.array(pairs), *values)
    match = SimpleNamespace(
        agrees=lambda: spread(is_certain, bool),
        is_equal=lambda doubt: doubt > 0,
        is_mirrored=spread(is_mirrored, bool),
    )
    monkeypatch.setattr(module, "find_near_pairs", lambda *_, **__: found)
    monkeypatch.setattr(module, "compare_foregrounds", lambda *_, **__: match)


def test_a_picture_similar_to_one_of_many_copies_is_left_out(monkeypatch):
    chain = [(item, item + 1) for item in range(7)]  # eight copies
    links = {20: 2, 21: 1, 22: 8}  # number of the copies that a picture is similar to
    pairs = chain + [(copy, item) for item, n in links.items() for copy in range(n)] + [(30, 31)]
    is_certain = np.arange(len(pairs)) < len(chain)
    is_mirrored = [pair in {(3, 4), (30, 31)} for pair in pairs]
    plant_pairs(monkeypatch, pairs, is_certain=is_certain, is_mirrored=is_mirrored)
    images = pictures(50)
    images[40:] = [images[30]] * 10  # equal pictures do not count
    findings = duplicates(images).findings
    assert [one.text.partition(" (")[0].partition(" more ")[2] for one in findings[1:3]] == [
        "may be copies, some mirrored",
        "are similar and may be copies",
    ]
    assert "item 31 are similar and may be mirrored copies (correlation " in findings[3].text
    kinds = [(one.kind, one.items) for one in findings]
    assert kinds[:2] == [("pixels", (30, *range(40, 50))), ("near", tuple(range(8)))]
    assert kinds[2:] == [("similar", (*range(8), 20, 22)), ("similar", (30, 31))]


def test_two_bursts_with_a_few_pairs_are_two_groups_without_these_pairs(monkeypatch):
    starts = 0, 6
    within = [(first + start, start + 5) for start in starts for first in range(5)]
    pairs = [*within, (0, 6), (1, 7), (2, 8)]
    correlation, distance = [0.99] * 10 + [0.9] * 3, [0.01] * 10 + [0.3] * 3
    is_mirrored = np.arange(13) >= 10
    plant_pairs(monkeypatch, pairs, correlation, distance=distance, is_mirrored=is_mirrored)
    images = pictures(50)
    images[40:] = [images[0]] * 10  # an equal picture is in the group of its original
    findings = duplicates(images).findings
    assert [one.items for one in findings] == [(*range(6), *range(40, 50)), tuple(range(6, 12))]
    assert {round(one.evidence.score, 4) for one in findings} == {0.99}
    assert not any("mirrored" in one.text for one in findings)


def test_a_pair_whose_pixels_do_not_correlate_is_not_listed(monkeypatch):
    plant_pairs(monkeypatch, [(0, 1), (2, 3)], [0.71, 0.69], doubt=0.5, distance=0.01)
    assert [one.items for one in duplicates(pictures(40)).findings] == [(0, 1)]


def test_copies_with_a_sky_that_is_not_of_one_color_may_be_copies():
    images = pictures(50)
    levels = np.asarray(images[1]).copy()
    rows = levels.shape[0] // 2
    levels[:rows] = np.linspace(194, 222, rows)[:, None, None]
    images[1] = Image.fromarray(levels)
    images[40] = ImageOps.mirror(images[1])
    assert [(one.items, one.kind) for one in duplicates(images).findings] == [((1, 40), "near")]


def test_near_features_without_near_pixels_are_no_duplicates():
    images = pictures(50)
    images[41], images[42] = (Image.new("RGB", (64, 48), color) for color in ("gray", "white"))
    features = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    features[42] = features[41]
    assert groups(duplicates(images, features=features)) == []


def test_large_groups_of_edited_copies_are_found_whole():
    rng = np.random.default_rng(3)
    images = pictures(60)
    features = rng.normal(size=(60, 16)).astype(np.float32)
    members = np.sort(rng.permutation(60)[:20])
    for member in members[1:]:
        left, top = rng.integers(0, 12, 2).tolist()
        images[member] = images[members[0]].crop((left, top, left + 115, top + 84))
        features[member] = features[members[0]] + 0.05 * rng.normal(size=16)
    part = duplicates(images, features=features)
    assert len(part.findings) == 1
    assert len(set(part.findings[0].items) & set(members.tolist())) >= 19
    assert set(part.findings[0].items) <= set(members.tolist())


def test_variations_of_one_shape_are_no_duplicates():
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:48, :48] / 24 - 1
    images = []
    for _ in range(60):
        a, b, dx, dy = rng.normal(0, 0.12, 4)
        shape = np.exp(-((((x - dx) ** 2 / (0.1 + 0.05 * a)) + (y - dy) ** 2 / (0.3 + b)) ** 2))
        level = 255 * shape + rng.normal(0, 3, shape.shape)
        images.append(Image.fromarray(np.clip(level, 0, 255).astype(np.uint8)).convert("RGB"))
    assert groups(duplicates(images)) == []


def test_equal_files_and_equal_pixels_are_distinguished():
    images = pictures(12)
    images[8], images[9] = images[2], images[3]
    digests = np.random.default_rng(0).integers(0, 256, (12, 32)).astype(np.uint8)
    digests[8] = digests[2]
    kinds = {one.items: one.kind for one in duplicates(images, digests=digests).findings}
    assert kinds == {(2, 8): "exact", (3, 9): "pixels"}
    found = duplicates(images, digests=digests).findings
    assert {one.equal_files + one.equal_pixels for one in found} == {()}
    texts = [one.text for one in duplicates(images, digests=digests).findings]
    assert texts == [
        "item 2, item 8 are the same picture (equal files).",
        "item 3, item 9 are the same picture (equal pixels).",
    ]


def test_equal_files_and_pixels_inside_a_group_of_copies_are_named(monkeypatch):
    plant_pairs(monkeypatch, [(0, 1), (1, 2), (5, 6)])
    images = pictures(50)
    digests = np.random.default_rng(0).integers(0, 256, (50, 32)).astype(np.uint8)
    for copy, original, is_file in ((40, 0, True), (41, 2, True), (42, 2, False), (43, 6, False)):
        images[copy] = images[original]
        if is_file:
            digests[copy] = digests[original]
    frames, burst = duplicates(images, digests=digests).findings
    assert (frames.kind, frames.items) == ("near", (0, 1, 2, 40, 41, 42))
    assert frames.equal_files == ((0, 40), (2, 41))
    assert frames.equal_pixels == ((2, 41, 42),)
    assert frames.text.endswith(
        "(correlation 1.0000), including 2 sets of equal files (4 images) and 3 images with equal "
        "pixels."
    )
    assert (burst.items, burst.equal_files, burst.equal_pixels) == ((5, 6, 43), (), ((6, 43),))
    assert burst.text.endswith("including 2 images with equal pixels.")


def test_leaks_come_first_then_conflicts_and_are_named():
    images = pictures(12)
    for copy, original in ((8, 1), (9, 2), (10, 3), (11, 3)):
        images[copy] = images[original]
    labels = ["cat"] * 12
    splits = ["train"] * 12
    labels[9], splits[8] = "ant", "test"
    part = duplicates(images, labels=labels, splits=splits)
    assert groups(part) == [(1, 8), (2, 9), (3, 10, 11)]
    assert part.findings[0].leak
    assert part.findings[0].text.endswith("in the splits train and test.")
    assert part.findings[1].conflict
    assert part.findings[1].text.endswith("with the labels cat and ant.")
    assert not part.findings[2].leak
    assert not part.findings[2].conflict


def test_the_most_certain_leak_is_first_also_if_another_leak_has_several_labels():
    images = pictures(50)
    images[40], images[41] = images[1], ImageOps.mirror(images[2])
    splits = ["train"] * 40 + ["test"] * 10
    labels = ["cat"] * 41 + ["dog"] * 9
    found = duplicates(images, labels=labels, splits=splits).findings
    assert [(one.items, one.leak, one.conflict) for one in found] == [
        ((1, 40), True, False),
        ((2, 41), True, True),
    ]


def test_a_copy_without_a_label_does_not_conflict():
    images = pictures(12)
    images[9] = images[2]
    found = duplicates(images, labels=["cat"] * 9 + [NO_LABEL] * 3).findings
    assert [(one.items, one.conflict) for one in found] == [((2, 9), False)]
    assert NO_LABEL not in found[0].text


def test_different_labels_of_copies_do_not_conflict_if_all_are_checked():
    images = pictures(12)
    images[9] = images[2]
    labels = ["cat"] * 9 + ["dog"] * 3
    is_checked = np.isin(np.arange(12), (2, 9))
    (pair,) = duplicates(images, labels=labels, is_checked=is_checked).findings
    assert not pair.conflict
    (pair,) = duplicates(images, labels=labels, is_checked=np.arange(12) == 9).findings
    assert pair.conflict


def test_identical_images_form_one_group():
    images = [pictures(1)[0]] * 50
    part = duplicates(images)
    assert groups(part) == [tuple(range(50))]
    assert "1 different image;" in part.reason


def test_many_copies_of_one_image_do_not_hide_other_duplicates():
    images = pictures(40)
    images += [images[0]] * 100
    images[30] = ImageOps.mirror(images[20])
    assert groups(duplicates(images)) == [(0, *range(40, 140)), (20, 30)]


def test_flat_images_of_one_color_are_equal_and_of_different_colors_are_not():
    images = pictures(30) + [Image.new("RGB", (64, 48), color) for color in ("red", "red", "blue")]
    assert groups(duplicates(images)) == [(30, 31)]


def test_a_split_with_one_image_can_leak():
    images = pictures(5)
    images[4] = images[0]
    splits = ["train"] * 4 + ["test"]
    assert duplicates(images, splits=splits).findings[0].leak


@pytest.mark.parametrize(
    ("digests", "reason", "found"),
    [
        (None, "The map has neither images nor hashes of files.", []),
        (
            np.repeat(np.arange(6, dtype=np.uint8)[:, None] // 5, 32, axis=1),
            "Without images, only equal files can be found.",
            [(0, 1, 2, 3, 4)],
        ),
    ],
)
def test_without_images_only_equal_files_are_found(digests, reason, found):
    features = np.eye(6, dtype=np.float32)
    neighbors = search_all_pairs(features, 3).indices
    part = find_duplicates(None, features=features, neighbors=neighbors, digests=digests)
    assert groups(part) == found
    assert part.reason == reason


def test_each_item_has_the_number_of_its_group():
    images = pictures(6)
    images[4], images[5] = images[1], images[2]
    numbers = number_groups(duplicates(images).findings, 6)
    assert numbers.tolist() == [-1, 0, 1, -1, 0, 1]


def test_copies_with_one_label_have_one_original():
    made = [
        SimpleNamespace(items=(1, 2, 3, 4, 5), kind="near"),
        SimpleNamespace(items=(6, 7), kind="exact"),
        SimpleNamespace(items=(0, 8, 9), kind="similar"),
    ]
    labels = np.array([0, 0, 1, 0, 0, -1, 0, 0, 0, 0])
    np.testing.assert_array_equal(find_originals(made, labels), [0, 1, 2, 1, 1, 5, 6, 6, 8, 9])


def test_possible_edited_copies_are_a_sign_of_bursts_and_equal_or_similar_pictures_are_not():
    kinds = {"near": (0, 1), "exact": (2, 3, 4), "pixels": (5, 6), "similar": (7, 8)}
    groups = [
        DuplicateGroup(items=items, kind=kind, text="", evidence=Evidence((), (), 1.0, ""))
        for kind, items in kinds.items()
    ]
    assert measure_bursts(groups, 10) == 0.2
    assert measure_bursts(groups[1:], 10) == 0


def test_a_subset_has_the_chosen_rows():
    rows = np.random.default_rng(0).normal(size=(50, 4))
    subset = Subset(rows, np.arange(1, 50, 2))
    assert len(subset) == 25
    assert (subset[np.array([2, 0])] == rows[[5, 1]]).all()
    assert (subset[3:5] == rows[[7, 9]]).all()
    assert (Subset(rows)[:] == rows).all()


def test_features_of_half_precision_give_the_same_groups():
    images = pictures(40)
    images[30] = ImageOps.mirror(images[5])
    features = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
    features[30] = features[5]
    whole = duplicates(images, features=features)
    assert groups(whole) == [(5, 30)]
    assert groups(duplicates(images, features=features.astype(np.float16))) == [(5, 30)]


def test_a_limit_of_the_compared_pairs_keeps_the_most_likely_duplicates(monkeypatch):
    monkeypatch.setattr(near_pairs, "_MOST_OF_SUSPECTS", 0)
    images = pictures(60)
    images[50] = ImageOps.mirror(images[10])
    features = np.random.default_rng(1).normal(size=(60, 16)).astype(np.float32)
    features[50] = features[10] + 0.05
    assert groups(duplicates(images, features=features)) == [(10, 50)]


@pytest.mark.parametrize(("most_pairs", "expected"), [(100_000, {0, 1, 20}), (0, {0})])
def test_expected_numbers_are_corrected_only_if_all_candidates_are_aligned(
    monkeypatch, most_pairs, expected
):
    used = set()

    def choose(*args, n_corrections=0, **options):
        used.add(n_corrections)
        return power_law.choose(*args, n_corrections=n_corrections, **options)

    monkeypatch.setattr(near_pairs, "choose", choose)
    monkeypatch.setattr(near_pairs, "_MOST_PAIRS", most_pairs)
    monkeypatch.setattr(near_pairs, "_N_SAMPLE", 10)
    duplicates(pictures(50))
    assert used == expected
