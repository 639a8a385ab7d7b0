"""Lists, arrays and tables of images as sources."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from featscape import ImageError, InputError, find_images
from featscape.labels.classes import NO_LABEL
from featscape.mapfolder import FIRST_COLUMNS
from featscape.steps.facts.source import describe_found
from helpers.images.collections import (
    BLUE,
    RED,
    HuggingFaceDataset,
    ImageFolder,
    Lazy,
    TorchDataset,
    colors_of,
    png_of,
)


class OtherItems(TorchDataset):
    """A dataset whose items are tuples of another object and a label."""

    def __init__(self, item):
        self.item = item

    def __getitem__(self, place):
        return (self.item, 0)


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


@pytest.mark.parametrize("columns", [{}, pd.DataFrame(), pd.DataFrame(index=[0, 1])])
def test_a_frame_without_columns_is_no_columns(columns, tmp_path):
    images = find_images([RED, BLUE], columns=columns)
    assert (len(images), images.columns) == (2, {})
    RED.save(tmp_path / "r.png")
    assert len(find_images(tmp_path, columns=columns)) == 1


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


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I", "F"])
def test_pillow_images_of_more_than_8_bits_have_the_colors_of_their_files(tmp_path, mode):
    dtype = {"I": np.int32, "F": np.float32}.get(mode, ">u2" if mode == "I;16B" else "<u2")
    values = np.array([[0, 70, 4095, 40_000]], dtype=dtype)
    image = Image.frombytes(mode, (4, 1), values.tobytes())
    image.save(tmp_path / "1.tif")
    for white, grays in ((None, [0, 0, 16, 156]), (4095, [0, 4, 255, 255])):
        images = find_images([image], white=white)
        np.testing.assert_array_equal(images.load(0), find_images(tmp_path, white=white).load(0))
        if mode.startswith("I;16") or white:  # other values are stretched
            assert np.asarray(images.load(0))[0, :, 0].tolist() == grays


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_the_transparent_part_of_a_pillow_image_is_white(mode):
    image = Image.fromarray(np.array([[[0, 0], [0, 255]]], dtype=np.uint8), "LA")
    image = image.convert("RGBA").convert(mode) if mode == "RGBa" else image.convert(mode)
    assert np.asarray(find_images([image]).load(0))[0, :, 0].tolist() == [255, 0]


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


@pytest.mark.parametrize(
    "images",
    [
        [png_of(RED), png_of(BLUE)],
        [RED, BLUE],
        [{"bytes": png_of(RED), "path": None}, {"bytes": png_of(BLUE), "path": None}],
    ],
)
def test_a_table_of_images_is_a_source_and_a_named_column_names_the_images(images):
    table = pd.DataFrame({"sku": [17, 4], "image": images, "path": ["r.png", "b.png"]})
    named = find_images(table, path_column="sku")
    assert named.paths == ("17", "4")
    assert list(named.columns) == ["source path"]
    assert colors_of(named) == [(255, 0, 0), (0, 0, 255)]
    numbered = find_images(table.drop(columns="path"))
    assert numbered.paths == ("image-0", "image-1")
    assert numbered.columns["sku"].tolist() == [17, 4]
    for column in ("photo", "image"):
        table = pd.DataFrame({"sku": [17, 4], column: images})
        assert find_images(table, path_column=column).paths == ("image-0", "image-1")


@pytest.mark.parametrize("struct_path", [None, "r.png", "no struct"])
def test_encoded_images_with_any_name_take_precedence_over_paths_and_are_reported(struct_path):
    stored = [png_of(RED), png_of(BLUE)]
    if struct_path != "no struct":
        stored = [{"bytes": one, "path": struct_path} for one in stored]
    table = pd.DataFrame({"sku": [17, 4], "path": ["no.png", "file.png"], "scan": stored})
    images = find_images(table)
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]
    assert "source path" in images.columns
    line = "images: the column 'scan' (--path-column or path_column= names another)"
    assert list(describe_found(images))[1] == line
    for column, paths in (("sku", ("17", "4")), ("path", ("no.png", "file.png"))):
        named = find_images(table, path_column=column)
        assert (named.paths, colors_of(named)) == (paths, colors_of(images))
    table = {"n": [1, 2, 3], "scan": [None, *stored]}  # without paths, and without the first image
    assert find_images(table).load(2).getpixel((0, 0)) == (0, 0, 255)


def test_the_first_column_of_encoded_images_with_a_usual_name_is_used_and_reported():
    reds, blues = ([png_of(color)] * 2 for color in (RED, BLUE))
    images = find_images({"scan": reds, "img": blues, "path": ["a", "b"]})
    assert (images.image_column, colors_of(images)) == ("img", [(0, 0, 255)] * 2)
    images = find_images({"back": reds, "front": blues}, path_column="front")
    assert (images.image_column, colors_of(images)) == (None, [(0, 0, 255)] * 2)
    assert find_images({"back": reds, "front": blues}).image_column == "back"
    assert find_images({"img": blues, "path": ["a", "b"]}).image_column is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hash", b"\x89PNX"),
        ("scan", "a.png"),
        ("crop", RED),
        ("features", np.zeros((4, 4), np.uint8)),
        ("audio", {"bytes": b"RIFF", "path": "1.wav"}),
        ("audio", {"bytes": None, "path": "1.wav"}),
        ("thumbnail", png_of(RED)),
        ("mask", png_of(RED)),
    ],
    ids=["bytes", "text", "pixels", "array", "sound", "sound file", "thumbnail", "mask"],
)
def test_columns_of_other_values_leave_the_paths_the_images(name, value):
    images = find_images({"path": ["a.png", "b.png"], name: [value, value]})
    assert (images.paths, images.image_column) == (("a.png", "b.png"), None)
    with pytest.raises(InputError, match="a table with a column of images or paths"):
        find_images({name: [value, value]})


def test_the_paths_beside_the_bytes_of_a_table_name_the_images():
    structs = [{"bytes": png_of(RED), "path": "r.png"}, {"bytes": png_of(BLUE), "path": "b.png"}]
    assert find_images({"image": structs}).paths == ("r.png", "b.png")
    assert find_images({"image": [structs[0], structs[0]]}).paths == ("image-0", "image-1")


def test_a_missing_image_of_a_table_is_skipped_with_the_reason():
    images = find_images(pd.DataFrame({"image": [png_of(RED), np.nan]}))
    with pytest.raises(ImageError, match="image-1: no image in this row"):
        images[1]


def test_the_names_beside_the_bytes_of_images_may_be_requested():
    structs = [{"bytes": png_of(RED), "path": "r.png"}, {"bytes": png_of(BLUE), "path": "b.png"}]
    images = find_images({"image": structs, "n": [1, 2]}, path_column="file_name")
    assert (images.paths, list(images.columns)) == (("r.png", "b.png"), ["n"])
    unnamed = {"image": [one | {"path": None} for one in structs]}
    with pytest.raises(InputError, match=r"must be a column of 'dict'; got 'file_name'"):
        find_images(unnamed, path_column="file_name")
    with pytest.raises(InputError, match=r"must be a column of 'dict'; got 'file_name'"):
        find_images({"path": ["r.png"]}, path_column="file_name")


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
        ({name: [None] for name in FIRST_COLUMNS}, "a table with a column of images or paths"),
    ],
)
def test_a_table_without_paths_is_refused(source, message):
    with pytest.raises(InputError, match=message):
        find_images(source)


def test_the_bytes_of_files_are_images():
    images = find_images([io.BytesIO(png_of(BLUE)), png_of(BLUE)])
    assert colors_of(images) == [(0, 0, 255)] * 2


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


@pytest.mark.parametrize("value", [object(), pd.DataFrame({"a": [1]}).aggregate, len, TorchDataset])
def test_labels_without_text_of_their_own_are_refused(value):
    with pytest.raises(InputError, match="label column must contain numbers or text; 'labels'"):
        find_images([RED, BLUE], labels=[value, value])
    images = find_images([RED, BLUE], columns={"found": [value, value]})
    assert images.columns == {}
    assert "left out 1 column: 'found'" in " ".join(describe_found(images))
