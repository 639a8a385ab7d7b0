"""The classes and splits of a folder, and the order of its files."""

import pytest

from featscape.images import find_images
from featscape.labels.animals10 import ENGLISH_NAMES
from featscape.labels.classes import NO_LABEL
from featscape.steps.facts.source import describe_found
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


def test_images_beside_class_folders_have_no_label(tmp_path):
    images = find_images(make_files(tmp_path, "cat/1.jpg", "stray.jpg"))
    assert images.paths == ("cat/1.jpg", "stray.jpg")
    assert images.labels == ("cat", NO_LABEL)
    assert list(describe_found(images)) == ["found 2 images in 1 class, 1 without a label"]


def test_the_first_line_names_the_splits_the_largest_first(tmp_path):
    make_files(tmp_path, "test/cat/1.jpg", "train/cat/1.jpg", "train/dog/1.jpg")
    (line,) = describe_found(find_images(tmp_path))
    assert line == "found 3 images in 2 classes, in the splits train, test"


def test_labels_that_differ_only_in_case_are_reported(tmp_path):
    make_files(tmp_path, "Cat/1.jpg", "cat/1.jpg", "dog/1.jpg")
    _, line = describe_found(find_images(tmp_path))
    start = "labels that differ only in case or Unicode form are different classes: "
    assert line == f"{start}'Cat', 'cat'"


def test_white_space_around_the_names_of_folders_is_removed_and_reported(tmp_path):
    make_files(tmp_path, "clothes /1.png", "clothes/1.png", " hat/1.png", " /1.png")
    images = find_images(tmp_path)
    assert images.labels == (NO_LABEL, "hat", "clothes", "clothes")
    assert list(describe_found(images)) == [
        "found 4 images in 2 classes, 1 without a label",
        "white space around 3 labels was removed",
    ]


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
        ("Training", "train"),
        ("Testing", "test"),
        ("Validation", "val"),
        ("training_set", "train"),
        ("TestSet", "test"),
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
    _, line, *_ = describe_found(images)
    assert line.startswith("classes with the name of a split: 'test', 'train', because other")


def test_a_class_with_the_name_of_a_split_is_not_reported_without_folders_in_it(tmp_path):
    images = find_images(make_files(tmp_path, "train/1.jpg", "car/2.jpg"))
    assert images.labels == ("car", "train")
    assert len(list(describe_found(images))) == 1


def test_images_of_a_split_without_a_class_have_no_label_if_others_have_one(tmp_path, skipped):
    images = find_images(make_files(tmp_path, "train/cat/1.jpg", "test/1.jpg", "stray.jpg"))
    assert images.paths == ("test/1.jpg", "train/cat/1.jpg")
    assert images.labels == (NO_LABEL, "cat")
    assert images.splits == ("test", "train")
    assert skipped(images) == {"stray.jpg": "outside the split folders"}


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
    assert find_images(make_files(tmp_path, "0.jpg")).labels == (NO_LABEL, *images.labels)
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


def test_folders_below_the_classes_are_reported_with_the_remedy(tmp_path):
    make_files(tmp_path, "A/train/ill/1.jpg", "A/test/ok/2.jpg", "B/train/ok/3.jpg", "B/4.jpg")
    images = find_images(tmp_path)
    assert images.labels == ("A", "A", "B", "B")
    assert images.unused_folders == ("test", "train")
    _, line = describe_found(images)
    assert line.startswith("the folders below the class folders are not used: 'test', 'train'. ")
    assert line.endswith(
        'write metadata.csv: see "Use your own labels and columns" in the documentation'
    )
    rows = "".join(f"{path},{path[2:5]}\n" for path in images.paths)
    (tmp_path / "metadata.csv").write_text(f"file_name,part\n{rows}")
    assert "not used" not in "\n".join(describe_found(find_images(tmp_path)))


def test_classes_in_a_single_folder_are_reported_with_the_remedy(tmp_path):
    images = find_images(make_files(tmp_path, "birds/owl/1.jpg", "birds/gull/2.jpg"))
    assert images.labels is None
    _, line = describe_found(images)
    assert "and the folders in this folder are not used: 'gull', 'owl'. Name this folder" in line


@pytest.mark.parametrize("paths", [("cat/1.jpg", "dog/2.jpg"), ("1.jpg",), ("a/1.jpg", "a/2.jpg")])
def test_folders_that_are_all_used_are_not_reported(tmp_path, paths):
    images = find_images(make_files(tmp_path, *paths))
    assert images.unused_folders == ()
    assert len(list(describe_found(images))) == 1
