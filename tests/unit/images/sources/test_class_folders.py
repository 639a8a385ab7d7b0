"""The classes and splits of a folder, and the order of its files."""

import pytest

from featscape.images import find_images
from featscape.images.sources.animals10 import ENGLISH_NAMES
from featscape.steps.facts import describe_found
from helpers.images.empty_images import make_files


def test_the_class_is_the_first_folder_at_any_depth_of_the_file(tmp_path):
    make_files(tmp_path, "dog/1.jpg", "cat/deep/er/2.jpg", "cat/1.jpg")
    images = find_images(tmp_path)
    assert images.paths == ("cat/1.jpg", "cat/deep/er/2.jpg", "dog/1.jpg")
    assert images.labels == ("cat", "cat", "dog")
    assert images.splits is None
    assert images.skipped == ()
    assert images.source == tmp_path


def test_a_flat_folder_has_no_labels(tmp_path):
    images = find_images(str(make_files(tmp_path, "b.png", "a.png")))
    assert images.paths == ("a.png", "b.png")
    assert images.labels is None
    assert images.splits is None


def test_a_single_folder_of_all_images_is_no_class(tmp_path):
    images = find_images(make_files(tmp_path, "scans/1.png", "scans/deeper/2.png"))
    assert images.paths == ("scans/1.png", "scans/deeper/2.png")
    assert images.labels is None


def test_images_beside_class_folders_are_skipped_with_a_reason(tmp_path, skipped):
    images = find_images(make_files(tmp_path, "cat/1.jpg", "stray.jpg"))
    assert images.paths == ("cat/1.jpg",)
    assert skipped(images) == {"stray.jpg": "outside the class folders"}


def test_skipped_images_beside_class_folders_are_reported_with_a_remedy(tmp_path):
    make_files(tmp_path, "edited/1.jpg", "1.jpg", "2.jpg", "3.heic")
    _, line = describe_found(find_images(tmp_path))
    assert line.startswith("2 images outside the class folders: move these images into a folder")


def test_labels_that_differ_only_in_case_are_reported(tmp_path):
    make_files(tmp_path, "Cat/1.jpg", "cat/1.jpg", "dog/1.jpg")
    _, line = describe_found(find_images(tmp_path))
    assert line == "labels that differ only in case are different classes: 'Cat', 'cat'"


def test_folders_without_images_are_not_classes(tmp_path):
    images = find_images(make_files(tmp_path, "a.jpg", "b.jpg", "notes/readme.txt"))
    assert images.labels is None
    assert images.paths == ("a.jpg", "b.jpg")


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"),
        ("val", "val"),
        ("valid", "val"),
        ("validation", "val"),
        ("test", "test"),
        ("Train", "train"),
    ],
)
def test_each_name_of_a_split_is_recognized(tmp_path, folder, split):
    images = find_images(make_files(tmp_path, f"{folder}/cat/1.jpg", f"{folder}/dog/x/1.jpg"))
    assert images.splits == (split, split)
    assert images.labels == ("cat", "dog")
    assert images.paths == (f"{folder}/cat/1.jpg", f"{folder}/dog/x/1.jpg")


def test_folders_are_splits_only_if_all_of_them_are(tmp_path):
    make_files(tmp_path, "train/cat/1.jpg", "test/cat/1.jpg", "annotations/1.xml")
    images = find_images(tmp_path)
    assert images.splits == ("test", "train")
    assert images.labels == ("cat", "cat")

    images = find_images(make_files(tmp_path, "extra/cat/1.jpg"))
    assert images.splits is None
    assert images.labels == ("extra", "test", "train")


def test_images_of_a_split_without_a_class_are_skipped_if_others_have_one(tmp_path, skipped):
    images = find_images(make_files(tmp_path, "train/cat/1.jpg", "test/1.jpg", "stray.jpg"))
    assert images.paths == ("train/cat/1.jpg",)
    assert skipped(images) == {
        "stray.jpg": "outside the class folders",
        "test/1.jpg": "outside the class folders",
    }


def test_splits_without_classes_have_no_labels(tmp_path, skipped):
    images = find_images(make_files(tmp_path, "train/1.jpg", "test/1.jpg", "stray.jpg"))
    assert images.splits == ("test", "train")
    assert images.labels is None
    assert skipped(images) == {"stray.jpg": "outside the split folders"}


def test_animals10_gets_english_labels_and_reports_them(tmp_path):
    assert len(ENGLISH_NAMES) == 10
    images = find_images(make_files(tmp_path, *(f"{name}/1.jpeg" for name in ENGLISH_NAMES)))
    assert dict(zip(images.paths, images.labels, strict=True)) == {
        f"{italian}/1.jpeg": english for italian, english in ENGLISH_NAMES.items()
    }
    assert images.renamed_labels == ENGLISH_NAMES
    assert ENGLISH_NAMES["gallina"] == "chicken"


def test_animals10_gets_english_labels_with_a_limit_below_ten(tmp_path):
    make_files(tmp_path, *(f"{name}/1.jpeg" for name in ENGLISH_NAMES))
    assert set(find_images(tmp_path, limit=3).labels) < set(ENGLISH_NAMES.values())


@pytest.mark.parametrize("change", ["one less", "one more"])
def test_other_italian_folders_keep_their_names(tmp_path, change):
    names = [*ENGLISH_NAMES, "lupo"] if change == "one more" else list(ENGLISH_NAMES)[:-1]
    images = find_images(make_files(tmp_path, *(f"{name}/1.jpeg" for name in names)))
    assert set(images.labels) == set(names)
    assert images.renamed_labels == {}
