"""Arrays of images: NumPy's files and IDX files."""

import gzip
import io
import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from featscape.errors import ImageError, InputError
from featscape.images import find_images, open_contents
from featscape.images.arrays import open_arrays, open_idx
from featscape.images.remote import Remote

FASHION = Path(__file__).parents[3] / "data" / "fashion-mnist"


def pixels(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def loaded(images):
    return np.array([np.asarray(images.load(i)) for i in range(len(images))])


def write_idx(file, array):
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (1, 5, 7), (5, 7, 3), (3, 5, 7)])
def test_each_shape(tmp_path, save, shape):
    array = pixels(9, *shape)
    save(tmp_path / "a.npz", images=array, labels=np.arange(9) % 2)
    images = find_images(tmp_path / "a.npz")
    if len(shape) == 3 and shape[0] in (1, 3):
        array = np.moveaxis(array, 1, 3)
    expected = np.broadcast_to(array.reshape(9, 5, 7, -1), (9, 5, 7, 3))
    np.testing.assert_array_equal(loaded(images), expected)
    assert images.labels == tuple("010101010")
    assert images.paths[:2] == ("images/0", "images/1")
    assert images.kind == "array"


@pytest.mark.parametrize(
    ("name", "headers"),
    [("a.npz", open_arrays), ("a-idx3-ubyte.gz", lambda source: [open_idx(source)])],
)
def test_a_file_at_an_address_is_closed_with_what_lies_within(tmp_path, monkeypatch, name, headers):
    if name == "a.npz":
        np.savez(tmp_path / name, images=pixels(3, 4, 4))
    else:
        write_idx(tmp_path / name, pixels(3, 4, 4))
    opened = []

    def open_there(_remote, _place):
        opened.append(io.BytesIO((tmp_path / name).read_bytes()))
        return opened[-1]

    monkeypatch.setattr(Remote, "open", open_there)
    (array,) = headers(f"memory://set/{name}")
    with array.open_file() as file:
        file.seek(array.start)
        assert file.read(48) == pixels(3, 4, 4).tobytes()
    assert opened
    assert all(file.closed for file in opened)


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (("train_images", "train_labels"), "train"),
        (("x_test", "y_test"), "test"),
        (("data", "targets"), None),
        (("X", "y"), None),
        (("val_imgs", "val_labels"), "val"),
    ],
)
def test_usual_names(tmp_path, names, split):
    np.savez(tmp_path / "a.npz", **{names[0]: pixels(3, 4, 4), names[1].lower(): np.arange(3)})
    images = find_images(tmp_path / "a.npz")
    assert images.labels == ("0", "1", "2")
    assert images.splits == (None if split is None else (split,) * 3)


def test_several_splits_as_medmnist_has_them(tmp_path):
    content = {}
    for number, split in enumerate(("train", "val", "test"), 2):
        content[f"{split}_images"] = pixels(number, 4, 4, 3, seed=number)
        content[f"{split}_labels"] = np.full((number, 1), number)
    np.savez(tmp_path / "m.npz", **content)
    images = find_images(tmp_path / "m.npz")
    assert images.labels == tuple("223334444")
    assert images.splits == ("train",) * 2 + ("val",) * 3 + ("test",) * 4
    np.testing.assert_array_equal(loaded(images)[2:5], content["val_images"])


def test_several_answers_an_image_and_other_columns(tmp_path, skipped):
    np.savez(
        tmp_path / "a.npz",
        images=pixels(2, 4, 4),
        labels=[[0, 1], [1, 1]],
        names=["x", "y"],
        raw=[b"p", b"q"],
        age=[1.5, np.nan],
        other=np.zeros(7),
    )
    images = find_images(tmp_path / "a.npz")
    assert images.labels == ("0 1", "1 1")
    assert images.columns["names"] == ("x", "y")
    assert images.columns["raw"] == ("p", "q")
    np.testing.assert_array_equal(images.columns["age"], [1.5, np.nan])
    assert skipped(images) == {"a.npz, array other": "neither images nor labels of them"}
    assert find_images(tmp_path / "a.npz", label_column="names").labels == ("x", "y")


def test_one_array_alone_and_one_of_two_colors(tmp_path):
    np.save(tmp_path / "a.npy", pixels(3, 4, 4) > 100)
    images = find_images(tmp_path / "a.npy")
    assert images.labels is None
    assert set(np.unique(loaded(images))) == {0, 255}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_files(tmp_path, suffix, dot):
    array = pixels(5, 6, 4)
    file = write_idx(tmp_path / f"train-images{dot}idx3-ubyte{suffix}", array)
    write_idx(tmp_path / f"train-labels{dot}idx1-ubyte", np.arange(5, dtype=np.uint8))
    write_idx(tmp_path / f"t10k-images{dot}idx3-ubyte{suffix}", array[:2])
    images = find_images(file)
    np.testing.assert_array_equal(loaded(images)[..., 0], array)
    assert images.labels == tuple("01234")
    both = find_images(tmp_path)
    assert both.splits == ("test",) * 2 + ("train",) * 5
    assert both.labels == ("(no label)",) * 2 + tuple("01234")


@pytest.mark.skipif(not FASHION.is_dir(), reason="make data fetches Fashion-MNIST")
def test_fashion_mnist_as_it_comes():
    images = find_images(FASHION)
    assert len(images) == 70_000
    assert images.labels.count("3") == 7_000
    assert images.load(69_999).size == (28, 28)


def test_images_in_any_order_from_any_thread(tmp_path, monkeypatch):
    monkeypatch.setattr("featscape.images.streams._WINDOW_BYTES", 100)  # six images
    array = pixels(200, 4, 4)
    np.savez_compressed(tmp_path / "a.npz", images=array)
    images = find_images(tmp_path / "a.npz")
    order = np.random.default_rng(0).permutation(200)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda i: np.asarray(images.load(i))[..., 0], order))
    np.testing.assert_array_equal(read, array[order])


def test_the_array_is_never_whole_in_memory(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((600, 256, 256), np.uint8))  # 39 MB
    tracemalloc.start()
    images = find_images(tmp_path / "a.npz")
    for i in range(0, 600, 10):
        images.load(i)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6


def test_a_single_image_is_found_again(tmp_path):
    array = pixels(3, 4, 4)
    np.savez(tmp_path / "a.npz", images=array)
    contents = open_contents("array", tmp_path / "a.npz")
    assert contents.read("images/2") == find_images(tmp_path / "a.npz").read(2)
    for path in (
        "images/3",
        "images/-1",
        "images/x",
        "images",
        "other/0",
        "",
        "images/" + "9" * 30,
    ):
        with pytest.raises(ImageError, match="no such image"):
            contents.read(path)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_that_is_cut_gives_what_is_there(tmp_path, suffix):
    array = pixels(4000, 8, 8)
    file = write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", array)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    images = find_images(file)
    assert len(images) == 4000
    np.testing.assert_array_equal(np.asarray(images.load(900))[..., 0], array[900])
    with pytest.raises(ImageError, match="cut short"):
        images.load(3999)
    with pytest.raises(ImageError, match="cut short"):
        images.load(3000)
    assert images.load(5).size == (8, 8)


@pytest.mark.parametrize(
    "array",
    [
        pixels(3, 4, 4).astype(np.float32),
        pixels(3, 4),
        pixels(3, 5, 5, 5),
        pixels(0, 4, 4),
        np.asfortranarray(pixels(3, 4, 4)),
    ],
)
def test_an_array_that_holds_no_images_says_what_is_there(tmp_path, array):
    np.savez(tmp_path / "a.npz", faces=array)
    with pytest.raises(InputError, match=r"must have bytes .* has faces .*\. Convert it"):
        find_images(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npz", b"PK no archive"),
        ("a.npy", b"\x93NUMPY"),
        ("a.npy", b""),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03\0"),
        ("train-images-idx3-ubyte", b"\0\0\x0d\x03" + bytes(12)),
        ("train-images-idx3-ubyte.gz", b"\x1f\x8b nothing"),
    ],
)
def test_a_damaged_header(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="must be whole to be read"):
        find_images(tmp_path / name)


def test_labels_that_do_not_fit_are_listed(tmp_path, skipped):
    np.savez(tmp_path / "a.npz", images=pixels(3, 4, 4), labels=np.arange(4))
    images = find_images(tmp_path / "a.npz")
    assert images.labels is None
    assert skipped(images) == {"array labels": "its shape is (4,), for 3 images"}


def test_pickles_are_never_loaded(tmp_path, skipped):
    labels = np.array([{"a": 1}, None, "x"], dtype=object)
    np.savez(tmp_path / "a.npz", images=pixels(3, 4, 4), labels=labels)
    images = find_images(tmp_path / "a.npz")
    assert images.labels is None
    assert skipped(images) == {"array labels": "pickled objects are never loaded"}
