"""Datasets of PyTorch as sources."""

import numpy as np
import pytest

from featscape import InputError, find_images
from featscape.records.skipped import NESTED, skipped_column
from featscape.steps.facts.source import describe_found
from helpers.images.collections import BLUE, RED, ImageFolder, Lazy, TorchDataset, colors_of


def test_an_image_folder_gives_files_and_classes(tmp_path):
    images = find_images(ImageFolder(tmp_path))
    assert images.labels == ("cat", "dog")
    assert images.paths[0].endswith("0.png")
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]


class MappingDataset:
    """Items as those of a torch Dataset of mappings."""

    def __init__(self, *left_out, **values):
        self.left_out, self.values = left_out, values

    def __len__(self):
        return 3

    def __getitem__(self, index):
        item = {"img": (RED, BLUE, RED)[index], "label": "aba"[index], "age": np.int64(index)}
        item |= {"mask": np.zeros((4, 4)), "tags": ["x", "y"][:index]} | self.values
        return {key: value for key, value in item.items() if key not in self.left_out}


def test_a_dataset_of_mappings_gives_images_labels_and_columns():
    images = find_images(MappingDataset())
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]
    assert images.labels == ("a", "b", "a")
    assert images.columns["age"].tolist() == [0, 1, 2]
    assert images.columns["tags"] == (None, "x", "x, y")
    assert images.skipped[0] == skipped_column("MappingDataset", "mask", NESTED)
    given = find_images(MappingDataset(), labels=["c", "c", "d"])
    assert given.labels == ("c", "c", "d")
    assert given.columns["source label"] == ("a", "b", "a")


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (MappingDataset("img", photo=7), "has 'label', 'age', 'mask', 'tags', 'photo'. Name the"),
        (MappingDataset("img", photo=RED, crop=BLUE), "has both 'photo' and 'crop'. Name the key"),
        (MappingDataset(image=BLUE), "has both 'image' and 'img'. Name the key"),
    ],
)
def test_a_dataset_of_mappings_without_one_usual_key_needs_the_key_of_the_images(dataset, words):
    with pytest.raises(InputError, match=f"one key of images, .*{words}.* with path_column="):
        find_images(dataset)


def test_the_path_column_of_a_dataset_of_mappings_names_the_images_or_their_paths():
    photos = find_images(MappingDataset("img", photo=BLUE), path_column="photo")
    assert colors_of(photos) == [(0, 0, 255)] * 3
    both = find_images(MappingDataset(image=BLUE), path_column="img")
    assert colors_of(both) == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]
    named = Lazy({"image": RED, "scan": "r.png"}, {"image": BLUE, "scan": "b.png"})
    assert find_images(named, path_column="scan").paths == ("r.png", "b.png")


def test_an_image_of_pillow_in_a_mapping_takes_precedence_over_a_path(tmp_path):
    RED.save(tmp_path / "r.png")
    paths = {"file_name": str(tmp_path / "r.png"), "tissue_mask": RED}
    images = find_images(MappingDataset("img", photo=BLUE, **paths))
    assert colors_of(images) == [(0, 0, 255)] * 3
    assert images.columns["file_name"] == (paths["file_name"],) * 3
    assert (
        "images: the column 'photo' (--path-column or path_column= names another)"
        in describe_found(images)
    )
    files = find_images(Lazy(paths, {**paths, "file_name": "b.png"}))  # only a mask is an image
    assert files.paths == (paths["file_name"], "b.png")
    dataset = Lazy({"photo": BLUE, **paths}, {"photo": BLUE, **paths, "file_name": "b.png"})
    named = find_images(dataset, path_column="file_name")
    assert named.load(0).getpixel((0, 0)) == (255, 0, 0)
    assert not any(line.startswith("images:") for line in describe_found(named))


@pytest.mark.parametrize("key", ["image", "file_name", "path", "Image_Path"])
def test_a_dataset_of_mappings_may_give_paths(tmp_path, key):
    items = [
        {key: tmp_path / f"{name}.png", "target": name, "mask": tmp_path / name} for name in "rb"
    ]
    for item, image in zip(items, (RED, BLUE), strict=True):
        image.save(item[key])
    images = find_images(Lazy(*items))
    assert images.paths == tuple(str(item[key]) for item in items)
    assert images.labels == ("r", "b")
    assert images.columns == {"mask": (str(tmp_path / "r"), str(tmp_path / "b"))}
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([{"image": RED}, (RED, "a")], "number 0 is a dict, and number 1 is a tuple"),
        ([(RED, "a"), BLUE], "number 0 is a tuple, and number 1 is an Image"),
        ([(RED, "a", 7), BLUE], "number 0 is a tuple, and number 1 is an Image"),
    ],
)
def test_a_dataset_of_items_of_two_kinds_is_refused(items, words):
    with pytest.raises(InputError, match=words):
        find_images(Lazy(*items))


def test_tuples_of_two_lengths_are_refused():
    with pytest.raises(InputError, match="number 0 has 2 values, and number 1 has 1"):
        find_images(Lazy((RED, "a"), (BLUE,)))


def test_an_item_of_another_kind_is_refused_when_the_image_is_read():
    images = find_images(Lazy((RED, "a"), BLUE), labels=["a", "b"])
    with pytest.raises(InputError, match="number 1 is an Image"):
        images.load(1)


def test_a_key_that_the_first_item_of_a_dataset_does_not_have_is_a_column():
    items = [{"image": RED}, {"image": BLUE, "age": 7, "mask": np.zeros((4, 4))}]
    images = find_images(Subset(items, range(2)))
    np.testing.assert_array_equal(images.columns["age"], [np.nan, 7])
    assert images.skipped == (skipped_column("Subset", "mask", NESTED),)


def test_the_keys_of_a_dataset_of_mappings_become_text():
    dataset = [{"image": RED, 7: 1}, {"image": BLUE, 7: 2}]
    assert find_images(Subset(dataset, range(2))).columns["7"].tolist() == [1, 2]


def test_a_dataset_of_torch_gives_images_and_classes():
    images = find_images(TorchDataset())
    assert images.labels == ("cat", "dog")
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]


def test_further_values_in_the_tuples_of_a_dataset_are_columns():
    items = [(RED, "a", {"camera": "A"}, 7), (BLUE, "b", {"camera": "B", "mask": [[0]]}, 8)]
    images = find_images(Lazy(*items))
    assert images.labels == ("a", "b")
    assert images.columns["camera"] == ("A", "B")
    assert images.columns["item 3"].tolist() == [7, 8]
    assert images.skipped == (skipped_column("Lazy", "mask", NESTED),)
    given = find_images(Lazy(*items), labels=["x", "y"])
    assert (given.labels, given.columns["camera"]) == (("x", "y"), ("A", "B"))


def test_a_key_of_two_mappings_in_a_tuple_gives_two_columns():
    items = [(RED, 0, {"id": 1}, {"id": 2}), (BLUE, 1, {"id": 3}, {"id": 4})]
    columns = find_images(Lazy(*items)).columns
    assert {name: values.tolist() for name, values in columns.items()} == {
        "source id": [1, 3],
        "item 3 id": [2, 4],
    }


def test_a_mapping_beside_the_image_gives_the_labels():
    items = [(RED, {"label": "a", "age": 3}), (BLUE, {"label": "b", "age": 4})]
    images = find_images(Lazy(*items))
    assert (images.labels, images.label_column) == (("a", "b"), "label")
    assert images.columns["age"].tolist() == [3, 4]


class Subset:
    """Some items of a dataset, as those of torch.utils.data.Subset."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, place):
        return self.dataset[self.indices[place]]


def test_a_subset_of_an_image_folder_gives_files_and_classes(tmp_path):
    subset = Subset(Subset(ImageFolder(tmp_path), np.array([1, 0])), [0])
    images = find_images(subset)
    assert images.labels == ("dog",)
    assert images.paths[0].endswith("1.png")
    assert colors_of(images) == [(0, 0, 255)]


@pytest.mark.parametrize("targets", [None, [0, 1], np.array([0, 1])])
def test_a_subset_of_a_dataset_gives_the_classes_of_its_items(targets):
    dataset = TorchDataset()
    if targets is not None:
        dataset.targets = targets
    images = find_images(Subset(dataset, [1]))
    assert images.labels == ("dog",)
    assert colors_of(images) == [(0, 0, 255)]
