"""Lists of images, and datasets of other libraries, as sources."""

import numpy as np
import pytest
from PIL import Image

from featscape import InputError, find_images
from featscape.labels.classes import NO_LABEL

RED, BLUE = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")


class TorchDataset:
    """Items as those of a torch Dataset: tuples of image and label."""

    classes = ("cat", "dog")

    def __len__(self):
        return 2

    def __getitem__(self, place):
        return (RED, 0) if place == 0 else (BLUE, 1)


class ImageFolder(TorchDataset):
    """Files and classes as those of torchvision's ImageFolder."""

    def __init__(self, folder):
        self.samples = [(str(folder / f"{code}.png"), code) for code in (0, 1)]
        for (file, _), image in zip(self.samples, (RED, BLUE), strict=True):
            image.save(file)


class HuggingFaceDataset:
    """Rows and columns as those of datasets.Dataset."""

    column_names = ("id", "photo", "label")

    def __init__(self, labels=(0, 1), names=("cat", "dog")):
        image, label = type("Image", (), {})(), type("ClassLabel", (), {"names": names})()
        self.features = {"id": object(), "photo": image, "label": label}
        self.labels = labels

    def __len__(self):
        return 2

    def __getitem__(self, key):
        return list(self.labels) if key == "label" else {"photo": (RED, BLUE)[key]}


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
        (np.zeros((2, 3, 6, 8), np.uint8), 0),
        (np.zeros((2, 6), np.uint8), 0),
        ([np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.uint16)], 1),
    ],
)
def test_arrays_of_another_type_or_shape_are_refused_before_they_are_read(given, number):
    rule = r"of uint8, of the shape \(height, width\).*number "
    with pytest.raises(InputError, match=rf"{rule}{number} is .* with \.astype\(np\.uint8\)"):
        find_images(given)


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


def test_a_file_that_occurs_twice_is_two_images(tmp_path):
    RED.save(tmp_path / "a.png")
    images = find_images([tmp_path / "a.png"] * 2)
    assert images.paths == ("image-0", "image-1")


def test_an_image_folder_gives_files_and_classes(tmp_path):
    images = find_images(ImageFolder(tmp_path))
    assert images.labels == ("cat", "dog")
    assert images.paths[0].endswith("0.png")
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]


def test_a_dataset_of_torch_gives_images_and_classes():
    images = find_images(TorchDataset())
    assert images.labels == ("cat", "dog")
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]


def test_a_dataset_of_hugging_face_gives_images_and_classes():
    images = find_images(HuggingFaceDataset())
    assert images.labels == ("cat", "dog")
    assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]


@pytest.mark.parametrize("missing", [-1, None])
def test_a_missing_label_of_hugging_face_is_no_class(missing):
    assert find_images(HuggingFaceDataset(labels=(missing, 1))).labels == (NO_LABEL, "dog")


def test_a_dataset_of_hugging_face_without_a_column_of_images_is_refused():
    dataset = HuggingFaceDataset()
    del dataset.features["photo"]
    with pytest.raises(InputError, match="column of images; it has 'id', 'label'"):
        find_images(dataset)


def test_an_object_that_is_no_image_is_refused_when_it_is_read():
    images = find_images([object()])
    with pytest.raises(InputError, match="number 0 is of the type object"):
        images.load(0)


def test_the_limit_chooses_images_of_a_list():
    assert len(find_images([RED, BLUE] * 5, limit=3)) == 3


@pytest.mark.parametrize(
    ("source", "labels", "message"),
    [
        ([], None, "empty collection"),
        ([RED], ["cat", "dog"], r"images, 1; got 2"),
        (7, None, "type int"),
        (iter([RED]), None, "type list_iterator"),
        ("photos", ["cat"], "labels need a sequence"),
    ],
)
def test_a_wrong_collection_is_refused(source, labels, message):
    with pytest.raises(InputError, match=message):
        find_images(source, labels=labels)
