"""Lists of images, and datasets of other libraries, as sources."""

import io
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from featscape import ImageError, InputError, find_images
from featscape.labels.classes import NO_LABEL
from featscape.records.skipped import NESTED, skipped_column
from featscape.steps.facts.source import describe_found

RED, BLUE = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")


def png_of(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class TorchDataset:
    """Items as those of a torch Dataset: tuples of image and label."""

    classes = ("cat", "dog")

    def __len__(self):
        return 2

    def __getitem__(self, place):
        return (RED, 0) if place == 0 else (BLUE, 1)


class OtherItems(TorchDataset):
    """A dataset whose items are tuples of another object and a label."""

    def __init__(self, item):
        self.item = item

    def __getitem__(self, place):
        return (self.item, 0)


class ImageFolder(TorchDataset):
    """Files and classes as those of torchvision's ImageFolder."""

    def __init__(self, folder):
        self.samples = [(str(folder / f"{code}.png"), code) for code in (0, 1)]
        for (file, _), image in zip(self.samples, (RED, BLUE), strict=True):
            image.save(file)


class PolarsFrame:
    """Columns as those of a DataFrame of Polars, which has no keys and iterates over columns."""

    def __init__(self, values):
        self.values = values
        self.columns = list(values)

    def __len__(self):
        return len(next(iter(self.values.values())))

    def __iter__(self):
        return iter(self.values.values())

    def __getitem__(self, name):
        return self.values[name]

    def __array__(self, dtype=None, copy=None):
        return np.array(list(self.values.values()), dtype=object).T

    def to_dict(self, *, as_series):
        assert not as_series
        return self.values


class HuggingFaceDataset:
    """Rows and columns as those of datasets.Dataset."""

    column_names = ("id", "photo", "label")
    format: ClassVar = {"type": None}

    def __init__(self, labels=(0, 1), names=("cat", "dog"), image_column="photo"):
        self.image_column = image_column
        image = type("Image", (), {"__init__": lambda *_, **__: None})()
        label = type("ClassLabel", (), {"names": names})()
        number = type("Value", (), {"dtype": "int64"})()
        self.features = {"id": number, "photo": image, "label": label}
        self.columns = {"id": [7, 8], "label": list(labels)}
        self.files = [{"bytes": png_of(image), "path": None} for image in (RED, BLUE)]

    def add_list(self, name, values, **item):
        """Add a column of lists whose items have the feature Value with these attributes."""
        self.features[name] = type("List", (), {"feature": type("Value", (), item)()})()
        self.columns[name] = values

    def with_format(self, kind):
        assert kind is None
        return self

    def select_columns(self, names):
        assert names == [self.image_column]
        return self

    def cast_column(self, name, feature):
        assert (name, type(feature).__name__) == (self.image_column, "Image")
        return [{name: row} for row in self.files]

    def __len__(self):
        return 2

    def __getitem__(self, key):
        return self.columns[key] if isinstance(key, str) else {"photo": (RED, BLUE)[key]}


def colors_of(images):
    return [images.load(place).getpixel((0, 0)) for place in range(len(images))]


def test_pillow_images_keep_their_pixels_and_get_numbers_as_paths():
    images = find_images([RED, BLUE], labels=["cat", "dog"])
    assert images.paths == ("0", "1")
    assert images.labels == ("cat", "dog")
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]


def test_columns_describe_the_images_of_a_list():
    columns = {"camera": ["A", None], "year": [2024, 2025], "label": ["cat", "dog"]}
    images = find_images([RED, BLUE], columns=columns)
    assert images.columns["camera"] == ("A", None)
    assert images.columns["year"].tolist() == [2024, 2025]
    assert (images.labels, images.label_column) == (("cat", "dog"), "label")
    assert find_images([RED, BLUE], columns=columns, label_column="year").labels == ("2024", "2025")
    images = find_images([RED, BLUE], columns=columns, labels=["x", "y"])
    assert images.labels == ("x", "y")
    assert images.columns["source label"] == ("cat", "dog")


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ([RED, BLUE], {"columns": {"n": [1]}}, "one value per image, 2; got 1"),
        ([RED, BLUE], {"columns": {"n": [1, 2]}, "label_column": "m"}, "Name 'n'"),
        ([RED, BLUE], {"label_column": "n"}, "needs columns; got 'n'"),
        ([RED, BLUE], {"columns": [1, 2]}, "must be a mapping or a DataFrame .* the type list"),
        ([RED, BLUE], {"labels": PolarsFrame({"n": [1, 2]})}, "'labels' is a PolarsFrame. Give"),
        ("photos", {"columns": {"n": [1]}}, "columns need a sequence of images"),
    ],
)
def test_columns_that_do_not_fit_the_source_are_refused(source, options, message):
    with pytest.raises(InputError, match=message):
        find_images(source, **options)


def test_the_source_of_a_collection_is_described_with_its_number_of_images(tmp_path):
    assert find_images([RED]).source == "1 image of a list"
    assert find_images(np.zeros((2, 6, 8, 3), np.uint8)).source == "2 images of an ndarray"
    assert find_images(ImageFolder(tmp_path)).source == "2 images of an ImageFolder"


@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_arrays_of_uint8_are_images(channels):
    pixels = np.full((2, 6, 8, *channels), 255, np.uint8)
    pixels[1, ..., :1] = 0  # the first column, or the first channel
    for given in (pixels, list(pixels)):
        images = find_images(given)
        assert images.load(0).size == (8, 6)
        assert images.load(0).getpixel((0, 0)) == (255, 255, 255)
        assert images.load(1).getpixel((0, 0))[0] == 0


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (np.zeros((2, 6, 8)), 0),
        ([np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.uint16)], 1),
    ],
)
def test_arrays_of_another_type_or_shape_are_refused_before_they_are_read(given, number):
    rule = r"of uint8, of the shape \(height, width\).*number "
    with pytest.raises(InputError, match=rf"{rule}{number} is .* with \.astype\(np\.uint8\)"):
        find_images(given)


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 8, 5)])
def test_an_array_of_uint8_of_another_shape_gets_the_remedy_for_the_shape(shape):
    with pytest.raises(InputError, match=r"number 0 is uint8 .* Select 1, 3 or 4 channels"):
        find_images(np.zeros(shape, np.uint8))


def test_channels_may_come_first_as_in_an_array_in_a_file():
    pixels = np.zeros((2, 3, 6, 8), np.uint8)
    pixels[0, 0], pixels[1, 2] = 255, 255
    for given in (pixels, list(pixels)):
        assert colors_of(find_images(given)) == [(255, 0, 0), (0, 0, 255)]


def test_one_image_as_an_array_is_refused():
    with pytest.raises(InputError, match=r"got one image of shape \(6, 8, 3\). Pass a list"):
        find_images(np.zeros((6, 8, 3), np.uint8))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "F"])
def test_pillow_images_of_every_mode_are_read(mode):
    images = find_images([Image.new("RGB", (8, 6), "white").convert("L").convert(mode)])
    assert images.load(0).size == (8, 6)


def test_files_of_a_list_are_read_and_named_by_their_paths(tmp_path):
    files = [tmp_path / "b.png", tmp_path / "a.png"]
    for file, image in zip(files, (RED, BLUE), strict=True):
        image.save(file)
    images = find_images(files)
    assert images.paths == tuple(str(file) for file in files)
    assert images.labels is None
    assert images.read(0) == files[0].read_bytes()


def test_an_array_of_paths_is_a_list_of_files(tmp_path):
    RED.save(tmp_path / "red.png")
    assert colors_of(find_images(np.array([str(tmp_path / "red.png")]))) == [(255, 0, 0)]


def test_a_file_that_occurs_twice_is_used_once_as_in_a_table():
    images = find_images(["a.png", "b.png", "./a.png"], labels=["cat", "dog", "fox"])
    assert images.paths == ("a.png", "b.png")
    assert images.labels == ("cat", "dog")
    lines = list(describe_found(images))
    assert "skipped 1 row with a duplicate path, list, row 2: a.png is 'fox', and 'cat'" in lines[1]


def test_columns_may_name_images_that_have_no_paths():
    columns = {"path": ["x/1", "x/2"], "n": [1, 2]}
    images = find_images([RED, BLUE], columns=columns)
    assert images.paths == ("x/1", "x/2")
    assert list(images.columns) == ["n"]
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]
    named = find_images([RED, BLUE], columns={"crop": ["a", "b"]}, path_column="crop")
    assert named.paths == ("a", "b")


def test_a_table_of_paths_is_a_source(tmp_path):
    files = [tmp_path / "r.png", tmp_path / "b.png"]
    for file, image in zip(files, (RED, BLUE), strict=True):
        image.save(file)
    table = {"path": files, "label": ["cat", None], "n": [1, 2]}
    images = find_images(table)
    assert images.paths == tuple(map(str, files))
    assert images.labels == ("cat", NO_LABEL)
    assert images.columns["n"].tolist() == [1, 2]
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]
    assert find_images({"where": table["path"]}, path_column="where").paths == images.paths


def test_a_data_frame_of_polars_is_a_table():
    frame = PolarsFrame({"path": ["r.png", "b.png"], "label": ["cat", None], "n": [1, 2]})
    images = find_images(frame)
    assert images.source == "2 images of a PolarsFrame"
    assert (images.paths, images.labels) == (("r.png", "b.png"), ("cat", NO_LABEL))
    assert images.columns["n"].tolist() == [1, 2]
    images = find_images([RED, BLUE], columns=frame)
    assert (images.paths, images.labels) == (("r.png", "b.png"), ("cat", NO_LABEL))
    lazy = SimpleNamespace(collect=lambda: frame, collect_schema=None)
    assert find_images(lazy).labels == ("cat", NO_LABEL)
    assert find_images([RED, BLUE], columns=lazy).paths == ("r.png", "b.png")
    with pytest.raises(InputError, match="the table has no rows"):
        find_images(PolarsFrame({"path": []}))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"train": [RED], "test": [BLUE]}, r"a dict of 'train', 'test'. .* source\['train'\]"),
        ({"path": [None, ""]}, "all rows of the dict are skipped.*no path"),
        ({"path": []}, "the table has no rows"),
        ({"path": "a.png"}, "'path' is a str. Give a list"),
    ],
)
def test_a_table_without_paths_is_refused(source, message):
    with pytest.raises(InputError, match=message):
        find_images(source)


def test_the_bytes_of_files_are_images():
    images = find_images([io.BytesIO(png_of(BLUE)), png_of(BLUE)])
    assert colors_of(images) == [(0, 0, 255)] * 2


class Lazy:
    """Two images that are opened when they are read."""

    def __init__(self, *images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, place):
        return self.images[place]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ([png_of(RED), "b.png"], "collection"),
        ({"path": ["a.png", "b.png"]}, "collection"),
        ([png_of(RED), BLUE], "pixels"),
        (np.zeros((2, 5, 5), np.uint8), "pixels"),
        (Lazy(png_of(RED), png_of(BLUE)), "collection"),
        (Lazy(RED, BLUE), "pixels"),
        (Lazy((RED, 0), (BLUE, 1)), "pixels"),
        (Lazy({"image": png_of(RED)}, {"image": png_of(BLUE)}), "collection"),
        (Lazy({"image": RED}, {"image": BLUE}), "pixels"),
        (HuggingFaceDataset(), "collection"),
    ],
)
def test_the_kind_of_a_collection_is_that_of_files_or_of_pixels(source, kind):
    assert find_images(source).kind == kind


class Scalar:
    """A scalar as that of PyTorch or NumPy."""

    def __init__(self, value, shape=()):
        self.value, self.shape = value, shape

    def tolist(self):
        return self.value


NAType = type("NAType", (), {})  # as pandas.NA


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), "", " ", NAType()])
def test_missing_labels_are_no_class(missing):
    given = [missing, "cat"]
    assert find_images([RED, BLUE], labels=given).labels == (NO_LABEL, "cat")
    assert find_images([RED, BLUE], columns={"label": given}).labels == (NO_LABEL, "cat")
    dataset = TorchDataset()
    dataset.targets = given
    assert find_images(dataset).labels == (NO_LABEL, "cat")


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_labels_that_are_all_missing_give_images_without_labels(missing):
    given = [missing, missing]
    assert find_images([RED, BLUE], labels=given).labels is None
    images = find_images(TorchDataset(), labels=given, columns={"label": ["a", "b"]})
    assert images.labels is None
    assert images.columns == {"source label": ("a", "b")}


class TensorOnGpu(Scalar):
    """A tensor of PyTorch that NumPy cannot represent."""

    def detach(self):
        return self

    def __array__(self, dtype=None, copy=None):
        raise TypeError


def test_scalars_of_arrays_are_labels_by_their_values():
    given = [Scalar(3), Scalar([4], shape=(1,))]
    assert find_images([RED, BLUE], labels=given).labels == ("3", "4")
    for column in (np.array([[3], [4]]), pd.DataFrame({"code": [3, 4]})):
        assert find_images([RED, BLUE], labels=column).labels == ("3", "4")


MULTIPLE = [[("a", "b"), "a"], [["a"], []], np.eye(2, dtype=int), [Scalar([0, 1], (2,)), 1]]


@pytest.mark.parametrize("given", MULTIPLE)
def test_several_labels_per_image_are_refused_with_one_message(given):
    message = "one label per image; {} contains lists, for example .* labels=; .* joined by ', '"
    with pytest.raises(InputError, match=message.format("labels=")):
        find_images([RED, BLUE], labels=given)
    with pytest.raises(InputError, match=message.format("the column 'm' of 'columns'")):
        find_images([RED, BLUE], columns={"m": given}, label_column="m")
    dataset = TorchDataset()
    dataset.targets = given
    with pytest.raises(InputError, match=message.format("the column 'targets' of 'TorchDataset'")):
        find_images(dataset)
    assert find_images(dataset, labels=["x", "y"]).labels == ("x", "y")


def test_lists_of_text_become_text_and_no_labels():
    columns = {"labels": [["a", "b"], []], "box": [[1, 2], [3, 4]]}
    images = find_images([RED, BLUE], columns=columns)
    assert images.labels is None
    assert images.columns["labels"] == ("a, b", None)
    lines = list(describe_found(images))
    assert lines[1].startswith("left out 1 column: 'box'")
    assert lines[2].startswith("joined the lists of 1 column: 'labels'")


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
    assert "images: the column 'photo' (path_column= names another)" in describe_found(images)
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


def test_a_dataset_of_mappings_and_other_items_is_refused():
    mixed = MappingDataset()
    items = [mixed[0], (RED, "a"), mixed[2]]
    with pytest.raises(InputError, match="number 0 is a dict, and number 1 is a tuple"):
        find_images(Subset(items, range(3)))


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


def test_a_closed_image_is_an_image_that_cannot_be_read(tmp_path):
    RED.save(tmp_path / "red.png")
    with Image.open(tmp_path / "red.png") as unloaded:
        pass
    closed = RED.copy()
    closed.close()
    images = find_images([unloaded, closed, BLUE])
    with pytest.raises(ImageError, match="closed before the image was loaded"):
        images.load(0)
    with pytest.raises(ImageError, match="closed image"):
        images.load(1)
    assert images.load(2).getpixel((0, 0)) == (0, 0, 255)


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
        assert lines[1] == "images: the column 'photo' (path_column= names another)"
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


class Tensor:
    """Pixels as a tensor of PyTorch."""

    def __init__(self, pixels):
        self.pixels = pixels

    def __array__(self, dtype=None, copy=None):
        return self.pixels

    def detach(self):
        return self


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (object(), "number 0 is an object. Pass images of Pillow"),
        ({"image": RED, "label": 1}, "number 0 is a dict with the keys 'image', 'label'"),
        (Tensor(np.zeros((3, 6, 8), np.float32)), r"float32 .*without a transform to tensors"),
        (np.zeros((3, 6, 8), np.float32), r"number 0 is float32 of shape \(3, 6, 8\)"),
    ],
)
def test_an_object_that_is_no_image_is_refused_before_the_images_are_read(item, message):
    with pytest.raises(InputError, match=message):
        find_images([item])
    with pytest.raises(InputError, match=message):
        find_images(OtherItems(item))


def test_the_limit_chooses_images_of_a_list():
    assert len(find_images([RED, BLUE] * 5, limit=3)) == 3


@pytest.mark.parametrize(
    ("source", "labels", "message"),
    [
        ([], None, "empty collection"),
        ([RED], ["cat", "dog"], r"images, 1; got 2"),
        ([RED, BLUE], {"a.png": "cat", "b.png": "dog"}, r"one value per item; 'labels' is a dict"),
        (7, None, "type int"),
        (iter([RED]), None, "type list_iterator. Pass a list of the images"),
        (np.array(7), None, "type ndarray"),
        (TensorOnGpu([], (2, 3, 6, 8)), None, r"type TensorOnGpu. Pass tensor.detach\(\).cpu\(\)"),
        (SimpleNamespace(dataset=[RED]), None, r"Pass the dataset of the loader, loader.dataset"),
        ("photos", ["cat"], "labels need a sequence"),
    ],
)
def test_a_wrong_collection_is_refused(source, labels, message):
    with pytest.raises(InputError, match=message):
        find_images(source, labels=labels)
