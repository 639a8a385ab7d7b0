import numpy as np
import pytest
from scipy.stats import binomtest, norm

from featscape.findings.pixels.survey import MEASURES, Survey, survey_thumbnails
from featscape.findings.shortcuts.cells import (
    _exceeds_as_printed,
    _wilson_range,
    find_shortcuts,
)
from featscape.findings.shortcuts.properties import collect_properties, names_label
from featscape.findings.spaces import search_all_pairs
from featscape.labels.classes import NO_LABEL, NO_SPLIT, count_classes
from helpers.maps.planted import NAMES, Pictures, named, pictures


def shortcuts(labels, *, survey=None, neighbors=None, **options):
    n = len(labels)
    if neighbors is None:
        values = np.random.default_rng(7).normal(size=(n, 8)).astype(np.float32)
        neighbors = search_all_pairs(values, 10).indices
    return find_shortcuts(
        survey, count_classes(labels, n), neighbors=neighbors, **options, random_state=0
    )


def cells(part):
    return [(one.property_name, one.label) for one in part.findings if one.label]


def random_measures(n, *, seed):
    rng = np.random.default_rng(seed)
    empty = np.zeros((n, 1), dtype=np.uint8)
    measures = rng.normal(size=(len(MEASURES), n)).astype(np.float32)
    return Survey(empty, empty, empty, dict(zip(MEASURES, measures, strict=True)))


def random_labels(n, *, seed):
    return named(np.random.default_rng(seed).integers(0, 4, n))


@pytest.mark.parametrize("seed", range(3))
def test_a_tint_in_a_fifth_of_one_class_is_found(seed):
    rng = np.random.default_rng(seed)
    images = pictures(800, size=(32, 24), seed=seed)
    labels = random_labels(800, seed=seed)
    of_class = rng.permutation([i for i in range(800) if labels[i] == "bee"])
    tinted = of_class[: len(of_class) // 5]
    survey = survey_thumbnails(Pictures(images))
    warm, bright = survey.measures["red_blue"], survey.measures["brightness"]
    # a gain of 1.3 of red and of 0.7 of blue
    warm[tinted] += 0.6 * bright[tinted]
    part = shortcuts(labels, survey=survey)
    assert ("color cast, cold to warm", "bee") in cells(part)
    first = part.findings[0]
    assert set(first.items[:20]) <= set(tinted.tolist())
    assert first.text.startswith("Of the ")
    assert " warmest (yellow to red) items, " in first.text


def test_datasets_without_shortcuts_have_few_false_alarms():
    alarms = [
        bool(cells(shortcuts(random_labels(300, seed=s), survey=random_measures(300, seed=s))))
        for s in range(24)
    ]
    assert sum(alarms) <= 4  # 1.2 are expected; more than 4 have a probability of 1 %


@pytest.mark.parametrize(("paths", "noun"), [(None, "item"), (["a.png"] * 400, "image")])
def test_the_sentences_name_images_only_in_a_map_of_images(paths, noun):
    labels = random_labels(400, seed=1)
    is_cat = np.array(labels) == "cat"
    depth = 5.0 * is_cat + np.arange(400) / 400
    camera = np.where(is_cat | (np.arange(400) < 40), "a", "b").astype(object)
    labels[:9] = [NO_LABEL] * 9
    near = search_all_pairs(depth[:, None].astype(np.float32), 10).indices
    columns = {"depth": depth, "camera": camera}
    part = shortcuts(labels, neighbors=near, columns=columns, paths=paths)
    for start in (
        f"of labeled {noun}s with the highest depth",
        f"Of the labeled {noun}s with camera a",
        f"{noun.capitalize()}s with similar features",
    ):
        assert any(start in one.text for one in part.findings)
    other = {"item": "image", "image": "item"}[noun]
    texts = "".join(one.text + one.evidence.method for one in part.findings).lower()
    assert f"other {noun}s of the same source" in texts
    assert other not in texts


def test_a_category_that_predicts_a_label_is_found():
    rng = np.random.default_rng(0)
    labels = random_labels(400, seed=1)
    camera = np.array([rng.choice(["a", "b", "c"]) for _ in labels], dtype=object)
    for item, label in enumerate(labels):
        if label == "cat" and rng.random() < 0.5:
            camera[item] = "d"
    part = shortcuts(labels, columns={"camera": camera})
    assert cells(part)[0] == ("camera", "cat")
    text = part.findings[0].text
    assert text.startswith("Of the items with camera d, 100 % (")
    assert " to 100 %) have the label cat; " in text
    first = part.findings[0]
    assert first.share == 1
    assert first.share_high == pytest.approx(1)
    expected = labels.count("cat") / 400
    assert first.share_expected == pytest.approx(expected)
    assert expected < first.share_low < 1
    assert f"100 % ({100 * first.share_low:.0f} to 100 %)" in text
    assert {camera[item] for item in part.findings[0].items} == {"d"}


def test_no_property_predicts_that_a_label_is_missing():
    labels = np.array(random_labels(400, seed=1), dtype=object)
    camera = np.where(np.arange(400) % 4 == 0, "a", "b").astype(object)
    labels[camera == "a"] = NO_LABEL
    camera[labels == "cat"] = "c"
    labels[:20] = NO_LABEL
    found = shortcuts(list(labels), columns={"camera": camera}).findings
    assert found[0].label == "cat"
    assert NO_LABEL not in {one.label for one in found}
    share = (labels == "cat").sum() / (labels != NO_LABEL).sum()
    assert f"to 100 %) have the label cat; {100 * share:.0f} % are expected" in found[0].text


def test_the_range_of_a_share_is_wilsons_interval():
    shares, sizes, limit = np.array([8 / 39, 1.0, 0.0]), np.array([39, 5, 20]), 3.2
    low, high = _wilson_range(shares, sizes, limit)
    confidence = norm.cdf(limit) - norm.cdf(-limit)
    for at, (share, size) in enumerate(zip(shares, sizes, strict=True)):
        test = binomtest(round(share * size), int(size))
        expected = test.proportion_ci(confidence, method="wilson")
        assert (low[at], high[at]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_order_is_that_of_the_effects_that_are_certain():
    codes = np.arange(2_000) % 4
    camera = np.full(2_000, "other", dtype=object)
    of = [np.flatnonzero(codes == code) for code in range(4)]
    camera[of[0][:14]] = "few"  # the largest share: 100 % of 14 images
    camera[np.append(of[1][:57], of[3][:3])] = "many"  # 95 % of 60 images
    camera[np.append(of[2][:450], of[3][3:453])] = "most"  # the largest statistic: 50 % of 900
    texts = [one.text for one in shortcuts(named(codes), columns={"camera": camera}).findings]
    for text, (name, share) in zip(texts[:2], (("many", 95), ("few", 100)), strict=True):
        assert text.startswith(f"Of the items with camera {name}, {share} % (")
    assert "with camera most, 50 % (" in texts[2]


@pytest.mark.parametrize(("low", "is_above"), [(0.2549, False), (0.2551, True)])
def test_a_range_that_touches_the_expected_share_as_printed_is_not_above_this_share(low, is_above):
    assert _exceeds_as_printed(low, 0.25) == is_above


def test_low_and_high_tails_are_named_and_hold_the_extreme_images():
    labels = named(np.arange(400) % 4)
    values = np.random.default_rng(0).normal(size=400)
    values[np.arange(400) % 4 == 0] -= 2
    part = shortcuts(labels, columns={"depth": values})
    first = part.findings[0]
    assert (first.kind, first.label) == ("label", NAMES[0])
    assert "of items with the lowest depth" in first.text
    assert list(values[list(first.items)]) == sorted(values[list(first.items)])
    assert values[list(first.items)].max() < np.median(values)


def test_tails_hold_at_most_a_quarter_of_the_images():
    codes = np.arange(400) % 4
    values = np.random.default_rng(0).normal(size=400) + 0.7 * (codes == 0)
    texts = [one.text for one in shortcuts(named(codes), columns={"depth": values}).findings]
    shares = [int(text.split("the ")[1].split(" %")[0]) for text in texts]
    assert shares
    assert max(shares) <= 25


def test_a_number_of_two_values_is_compared_although_its_tails_are_large():
    codes = np.arange(400) % 4
    values = np.where((codes < 2) ^ (np.arange(400) % 10 == 0), 1.0, 2.0)
    assert cells(shortcuts(named(codes), columns={"depth": values}))


def test_another_label_column_is_no_shortcut():
    codes = np.arange(400) % 4
    other = np.where(np.arange(400) % 5 == 0, (codes + 1) % 4, codes)
    column = np.array([name.title() for name in named(other)], dtype=object)
    assert cells(shortcuts(named(codes), columns={"annotator": column})) == []


def test_the_tags_of_a_label_are_no_shortcut_for_the_label():
    codes = np.arange(400) % 4
    of_class = ("horse", "airplane, bird", "bird", "sky")
    labels = [of_class[code] for code in codes]
    tags = np.array([of_class[code] for code in codes], dtype=object)
    tags[::3] = [f"{tag}, sky" for tag in tags[::3]]
    assert cells(shortcuts(labels, columns={"tags": tags})) == []
    # some tags name the label, and the others are properties
    tags[codes > 0] = np.array(["winter", "summer"])[np.arange(300) % 2]
    tags[codes == 3] = "night"
    found = cells(shortcuts(labels, columns={"tags": tags, "Horse": codes == 0}))
    assert ("tags", "sky") in found
    assert {label for _, label in found}.isdisjoint({"horse"})


def test_a_part_of_a_word_names_no_label():
    assert names_label("airplane, bird", "bird")
    assert names_label("bird", "Airplane | bird")
    assert names_label("train/birds", "birds")
    assert not names_label("water", "water bird")
    assert not names_label("", "bird")


@pytest.mark.parametrize(
    "column",
    [
        np.full(200, np.nan),
        np.full(200, None, dtype=object),
        np.full(200, 3.0),
        np.arange(200),
        np.array([f"id {i}" for i in range(200)], dtype=object),
        np.array(named(np.arange(200) % 4), dtype=object),
        np.where(np.arange(200) % 50 == 0, 1.0, np.nan),
        np.where(np.arange(200) == 3, 1e300, 0.0),
    ],
    ids=["NaN", "None", "constant", "number", "text", "label", "rare", "huge"],
)
def test_columns_without_information_give_no_finding(column):
    labels = named(np.arange(200) % 4)
    assert shortcuts(labels, columns={"column": column}).findings == ()


def test_the_folder_of_the_label_is_no_shortcut_and_another_folder_is():
    labels = named(np.arange(200) % 4)
    by_label = [f"train/{label}/{i}.jpg" for i, label in enumerate(labels)]
    assert cells(shortcuts(labels, paths=by_label)) == []
    mixed = [f"{'a' if i % 4 == 1 or i % 7 == 0 else 'b'}/{i}.jpg" for i in range(200)]
    assert ("folder", "bee") in cells(shortcuts(labels, paths=mixed))


def test_a_split_with_one_image_gives_no_finding():
    splits = ["train"] * 199 + ["test"]
    assert shortcuts(named(np.arange(200) % 4), splits=splits).findings == ()


def scenes(*, seed):
    """Return the scene and the label of 800 images: 160 scenes of five images with one label."""
    scene = np.repeat(np.arange(160), 5)
    return scene, np.random.default_rng(seed).integers(0, 4, 160)[scene]


def test_copies_count_once_so_that_chance_is_no_shortcut():
    n_alarms = {True: 0, False: 0}
    for seed in range(5):
        scene, codes = scenes(seed=seed)
        hours = np.random.default_rng(seed + 100).normal(size=160)[scene]
        for is_known in n_alarms:
            originals = 5 * scene if is_known else None
            part = shortcuts(named(codes), columns={"hour": hours}, originals=originals)
            n_alarms[is_known] += bool(cells(part))
    assert n_alarms[True] == 0
    assert n_alarms[False] >= 4


def test_a_shortcut_of_scenes_is_found_and_its_shares_count_copies_once():
    scene, codes = scenes(seed=0)
    is_robin = (codes == 0) & (scene % 5 > 0)
    camera = np.where(is_robin, "K3", np.array(["K1", "K2"])[scene % 2]).astype(object)
    camera[:200:5] = "K3"
    originals = 5 * scene
    part = shortcuts(named(codes), columns={"camera": camera}, originals=originals)
    (one,) = (one for one in part.findings if one.label == named([0])[0] and "K3" in one.text)
    is_counted = originals == np.arange(800)
    assert one.share == np.mean((codes == 0)[is_counted & (camera == "K3")])
    assert one.share_low < one.share < one.share_high
    assert one.share_expected == np.mean((codes == 0)[is_counted])
    assert one.evidence.method.endswith("A group of duplicates with one label counts as one item.")
    without = shortcuts(named(codes), columns={"camera": camera})
    assert "duplicates" not in without.findings[0].evidence.method


def test_missing_values_do_not_count_as_low_or_high():
    labels = named(np.arange(400) % 4)
    values = np.random.default_rng(1).normal(size=400)
    values[np.arange(400) % 4 == 2] = np.nan
    assert cells(shortcuts(labels, columns={"depth": values})) == []


def test_sizes_and_file_types_are_properties():
    found = collect_properties(
        None,
        sizes_px=np.array([[10, 20], [30, 20], [10, 10]], dtype=np.int32),
        paths=["a.png", "b.JPG", "c.png"],
    )
    assert [one.name for one in found] == ["size", "aspect ratio", "file type"]
    assert found[0].tails == ("lowest-resolution", "highest-resolution")  # the size in pixels
    assert found[2].levels == (".jpg", ".png")


@pytest.mark.parametrize(
    ("cameras", "names"),
    [
        (["K1", "K1", "K2", "K3", "K3"], ["camera"]),
        ([7, 7, 2, 3, 3], ["camera"]),
        (["K1", "K1", "K1", "K3", "K3"], ["folder", "camera"]),
        (["K1", "K4", "K2", "K3", "K3"], ["folder", "camera"]),
        (["K1", "K1", "K2", "K3", None], ["folder", "camera"]),
    ],
)
def test_folders_that_divide_the_images_as_a_column_are_left_out(cameras, names):
    dtype = object if isinstance(cameras[0], str) else int
    found = collect_properties(
        None,
        paths=[f"{folder}/{name}.jpg" for name, folder in enumerate("aabcc")],
        columns={"camera": np.array(cameras, dtype)},
    )
    assert [one.name for one in found] == names


def test_images_without_a_split_have_no_value():
    (split,) = collect_properties(None, splits=["train", "test", NO_SPLIT, "test"])
    assert split.levels == ("test", "train")
    assert split.values.tolist() == [1, 0, -1, 0]


def test_booleans_are_categories_and_dates_are_ordered():
    days = np.array(["2026-05-01", "NaT", "2026-05-03", "2026-05-03"], dtype="datetime64[D]")
    found = collect_properties(
        None,
        columns={
            "blurry": np.array([True, False, True, False]),
            "good": np.array([True, None, False, False], dtype=object),
            "taken": days,
        },
    )
    blurry, good, taken = found
    assert blurry.levels == good.levels == ("false", "true")
    assert blurry.values.tolist() == [1, 0, 1, 0]
    assert good.values.tolist() == [1, -1, 0, 0]
    assert taken.tails == ("earliest", "latest")
    assert taken.known.tolist() == [True, False, True, True]
    assert taken.values[2] - taken.values[0] == 2
