"""Datasets of Hugging Face as sources."""

import pytest

from featscape import ImageError, InputError, find_images
from featscape.labels.classes import NO_LABEL
from featscape.records.skipped import NESTED, skipped_column
from featscape.steps.facts.source import describe_found
from helpers.images.collections import BLUE, HuggingFaceDataset, colors_of, png_of


def test_a_dataset_of_hugging_face_gives_images_classes_and_columns():
    dataset = HuggingFaceDataset()
    dataset.add_list("tags", [["a", "b"], None], dtype="string")
    dataset.add_list("codes", [[0, 1], [1]], dtype="int64", names=("x", "y"))
    dataset.add_list("box", [[0.5], [1.5]], dtype="float32")
    images = find_images(dataset)
    assert (images.labels, images.label_column) == (("cat", "dog"), "label")
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]
    assert images.columns["source id"].tolist() == [7, 8]
    assert images.columns["tags"] == ("a, b", None)
    assert images.columns["codes"] == ("x, y", "y")
    assert images.skipped[0] == skipped_column("HuggingFaceDataset", "box", NESTED)
    assert find_images(dataset, label_column="id").labels == ("7", "8")
    assert find_images(dataset, labels=["x", "y"]).columns["source label"] == ("cat", "dog")


@pytest.mark.parametrize("image_column", ["photo", "crop"])
def test_a_column_of_images_of_hugging_face_is_chosen(image_column):
    dataset = HuggingFaceDataset(image_column=image_column)
    dataset.features["crop"] = dataset.features["photo"]
    images = find_images(dataset, path_column=image_column)
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]
    assert not any(line.startswith("images:") for line in describe_found(images))
    if image_column == "photo":
        lines = list(describe_found(find_images(dataset)))
        assert (
            lines[1] == "images: the column 'photo' (--path-column or path_column= names another)"
        )
        assert lines[2].startswith("left out 1 column: 'crop'")


def test_the_files_of_a_dataset_of_hugging_face_are_read_without_its_decoder(tmp_path):
    BLUE.save(tmp_path / "b.png")
    dataset = HuggingFaceDataset()
    dataset.files = [{"bytes": b"damaged", "path": "a.png"}, {"bytes": None, "path": None}]
    images = find_images(dataset)
    assert images.read(0) == b"damaged"
    with pytest.raises(ImageError, match="no image in this row"):
        images.read(1)
    dataset.files[1] = {"bytes": None, "path": str(tmp_path / "b.png")}
    assert images.labels == ("cat", "dog")
    assert find_images(dataset).read(1) == png_of(BLUE)


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        ([(None, "a/0.png"), (None, "b/0.png")], ("a/0.png", "b/0.png")),
        ([(None, "0.png"), (None, "0.png")], ("image-0", "image-1")),
        ([(None, "0.png"), (None, None)], ("image-0", "image-1")),
        ([(b"x", "0.png"), (b"x", "1.png")], ("image-0", "image-1")),
    ],
    ids=["files", "one file twice", "a row without a file", "contents of files"],
)
def test_a_dataset_of_different_files_has_their_paths(files, paths):
    dataset = HuggingFaceDataset()
    dataset.files = [{"bytes": content, "path": path} for content, path in files]
    images = find_images(dataset)
    assert images.paths == paths
    assert images.columns["source id"].tolist() == [7, 8]


def test_the_transform_of_a_dataset_of_hugging_face_is_applied():
    dataset = HuggingFaceDataset()
    dataset.format = {"type": "custom"}
    dataset.files = []
    images = find_images(dataset)
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]
    assert images.kind == "pixels"


def test_a_column_that_the_dataset_and_the_caller_give_is_refused():
    with pytest.raises(InputError, match="different columns; both have 'id'"):
        find_images(HuggingFaceDataset(), columns={"id": [1, 2]})


@pytest.mark.parametrize("missing", [-1, None])
def test_a_missing_label_of_hugging_face_is_no_class(missing):
    assert find_images(HuggingFaceDataset(labels=(missing, 1))).labels == (NO_LABEL, "dog")


def test_a_dataset_of_hugging_face_without_a_column_of_images_is_refused():
    dataset = HuggingFaceDataset()
    del dataset.features["photo"]
    with pytest.raises(InputError, match="column of images; it has 'id', 'label'"):
        find_images(dataset)
