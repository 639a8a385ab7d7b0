import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from featscape.findings.duplicates import find_duplicates, number_groups
from featscape.findings.spaces import search_all_pairs
from featscape.findings.survey import survey_thumbnails
from planted import Pictures, pictures


def duplicates(images, *, features=None, **options):
    survey = survey_thumbnails(Pictures(images))
    if features is None:
        features = np.random.default_rng(0).normal(size=(len(images), 16)).astype(np.float32)
    neighbors = search_all_pairs(features, min(40, len(images) - 1)).indices
    return find_duplicates(survey, features=features, neighbors=neighbors, **options)


def groups(part):
    return [one.items for one in part.findings]


def test_different_pictures_are_no_duplicates():
    part = duplicates(pictures(80))
    assert part.findings == ()
    assert part.reason is None


def test_edited_copies_are_found():
    images = pictures(80)
    features = np.random.default_rng(1).normal(size=(80, 16)).astype(np.float32)
    features[71:76] = features[1:6] + 0.5 * features[11:16]
    images[71] = ImageOps.mirror(images[1])
    images[72] = images[2].crop((10, 8, 118, 88))
    images[73] = images[3].rotate(4, Image.Resampling.BICUBIC)
    images[74] = ImageEnhance.Contrast(images[4]).enhance(0.5)
    images[75] = images[5].resize((60, 45))
    part = duplicates(images, features=features)
    assert groups(part) == [(1, 71), (2, 72), (3, 73), (4, 74), (5, 75)]
    assert {one.kind for one in part.findings} == {"near"}


def test_large_groups_of_edited_copies_are_found_whole():
    rng = np.random.default_rng(3)
    images = pictures(100)
    features = rng.normal(size=(100, 16)).astype(np.float32)
    members = np.sort(rng.permutation(100)[:30])
    for member in members[1:]:
        left, top = rng.integers(0, 12, 2).tolist()
        images[member] = images[members[0]].crop((left, top, left + 115, top + 84))
        features[member] = features[members[0]] + 0.05 * rng.normal(size=16)
    part = duplicates(images, features=features)
    assert len(part.findings) == 1
    assert len(set(part.findings[0].items) & set(members.tolist())) >= 28
    assert set(part.findings[0].items) <= set(members.tolist())


def test_variations_of_one_shape_are_no_duplicates():
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:48, :48] / 24 - 1
    images = []
    for _ in range(100):
        a, b, dx, dy = rng.normal(0, 0.12, 4)
        shape = np.exp(-((((x - dx) ** 2 / (0.1 + 0.05 * a)) + (y - dy) ** 2 / (0.3 + b)) ** 2))
        level = 255 * shape + rng.normal(0, 3, shape.shape)
        images.append(Image.fromarray(np.clip(level, 0, 255).astype(np.uint8)).convert("RGB"))
    assert groups(duplicates(images)) == []


def test_equal_files_and_equal_pixels_are_told_apart():
    images = pictures(40)
    images[30] = images[10].copy()
    images[31] = images[11].copy()
    digests = np.random.default_rng(0).integers(0, 256, (40, 32)).astype(np.uint8)
    digests[30] = digests[10]
    kinds = {one.items: one.kind for one in duplicates(images, digests=digests).findings}
    assert kinds == {(10, 30): "exact", (11, 31): "pixels"}


def test_leaks_come_first_then_conflicts_and_are_named():
    images = pictures(60)
    for copy, original in ((50, 10), (51, 11), (52, 12), (53, 12)):
        images[copy] = images[original].copy()
    labels = ["cat"] * 60
    splits = ["train"] * 60
    labels[51], splits[50] = "dog", "test"
    part = duplicates(images, labels=labels, splits=splits)
    assert groups(part) == [(10, 50), (11, 51), (12, 52, 53)]
    assert part.findings[0].leak
    assert part.findings[0].text.endswith("in the splits test and train.")
    assert part.findings[1].conflict
    assert part.findings[1].text.endswith("with the labels cat and dog.")
    assert not part.findings[2].leak
    assert not part.findings[2].conflict


def test_identical_images_form_one_group():
    images = [pictures(1)[0]] * 50
    part = duplicates(images)
    assert groups(part) == [tuple(range(50))]
    assert "1 different image;" in part.reason


def test_many_copies_of_one_image_do_not_hide_other_duplicates():
    images = pictures(60)
    images += [images[0]] * 300
    images[50] = ImageOps.mirror(images[20])
    assert groups(duplicates(images)) == [(0, *range(60, 360)), (20, 50)]


def test_flat_images_of_one_color_are_equal_and_of_different_colors_are_not():
    images = pictures(60) + [Image.new("RGB", (64, 48), color) for color in ("red", "red", "blue")]
    assert groups(duplicates(images)) == [(60, 61)]


def test_a_split_with_one_image_can_leak():
    images = pictures(40)
    images[39] = images[0].copy()
    splits = ["train"] * 39 + ["test"]
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
    images = pictures(40)
    images[30], images[31] = images[10].copy(), images[11].copy()
    numbers = number_groups(duplicates(images).findings, 40)
    assert numbers[[10, 30]].tolist() == [0, 0]
    assert numbers[[11, 31]].tolist() == [1, 1]
    assert (np.delete(numbers, [10, 11, 30, 31]) == -1).all()
