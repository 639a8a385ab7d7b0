"""Arrays of images as sources: .npz, .npy and IDX files."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from featscape.errors import ImageError, InputError
from featscape.images import find_images, open_contents
from featscape.images.containers.idx_files import open_idx
from featscape.images.containers.numpy_files import open_arrays
from featscape.images.storage.remote import Remote
from featscape.steps.facts.source import describe_found

FASHION = Path(__file__).parents[4] / "data" / "fashion-mnist"


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
def test_each_shape_of_images_is_read(tmp_path, save, shape):
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
def test_closing_an_inner_file_closes_the_file_at_its_address(tmp_path, monkeypatch, name, headers):
    if name == "a.npz":
        np.savez(tmp_path / name, images=pixels(3, 4, 4))
    else:
        write_idx(tmp_path / name, pixels(3, 4, 4))
    opened = []

    def open_copy(_remote, _place):
        opened.append(io.BytesIO((tmp_path / name).read_bytes()))
        return opened[-1]

    monkeypatch.setattr(Remote, "open", open_copy)
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
def test_labels_are_found_by_usual_names(tmp_path, names, split):
    np.savez(tmp_path / "a.npz", **{names[0]: pixels(3, 4, 4), names[1].lower(): np.arange(3)})
    images = find_images(tmp_path / "a.npz")
    assert images.labels == ("0", "1", "2")
    assert images.splits == (None if split is None else (split,) * 3)


def test_the_splits_of_medmnist_are_read(tmp_path):
    content = {}
    for number, split in enumerate(("train", "val", "test"), 2):
        content[f"{split}_images"] = pixels(number, 4, 4, 3, seed=number)
        content[f"{split}_labels"] = np.full((number, 1), number)
    np.savez(tmp_path / "m.npz", **content)
    images = find_images(tmp_path / "m.npz")
    assert images.labels == tuple("223334444")
    assert images.splits == ("train",) * 2 + ("val",) * 3 + ("test",) * 4
    np.testing.assert_array_equal(loaded(images)[2:5], content["val_images"])


def test_arrays_of_one_value_per_image_are_labels_and_columns(tmp_path, skipped):
    np.savez(
        tmp_path / "a.npz",
        images=pixels(2, 4, 4),
        labels=[[0], [1]],
        names=["x", "y"],
        raw=[b"p", b"q"],
        age=[1.5, np.nan],
        other=np.zeros(7),
    )
    images = find_images(tmp_path / "a.npz")
    assert images.labels == ("0", "1")
    assert images.columns["names"] == ("x", "y")
    assert images.columns["raw"] == ("p", "q")
    np.testing.assert_array_equal(images.columns["age"], [1.5, np.nan])
    assert skipped(images) == {"a.npz, array other": "neither images nor their labels"}
    named = find_images(tmp_path / "a.npz", label_column="names")
    assert named.labels == ("x", "y")
    assert "labels: the array 'names'" in describe_found(named, is_label_chosen=True)
    line = "labels: the arrays named as the labels of the images (--label-column names another)"
    assert line in describe_found(images)


def test_labels_of_several_values_are_left_out_and_refused_as_the_label_column(tmp_path, skipped):
    np.savez(tmp_path / "a.npz", images=pixels(2, 4, 4), labels=[[0, 1], [1, 1]])
    images = find_images(tmp_path / "a.npz")
    assert images.labels is None
    assert list(skipped(images)) == ["a.npz, column label"]
    with pytest.raises(InputError, match=r"one label per image; the column 'label'.*\[0, 1\]"):
        find_images(tmp_path / "a.npz", label_column="label")


def test_a_boolean_array_without_labels_is_read_as_black_and_white(tmp_path):
    np.save(tmp_path / "a.npy", pixels(3, 4, 4) > 100)
    images = find_images(tmp_path / "a.npy")
    assert images.labels is None
    assert set(np.unique(loaded(images))) == {0, 255}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_files_are_paired_with_their_labels(tmp_path, suffix, dot):
    array = pixels(5, 6, 4)
    file = write_idx(tmp_path / f"train-images{dot}idx3-ubyte{suffix}", array)
    write_idx(tmp_path / f"train-labels{dot}idx1-ubyte", np.arange(5, dtype=np.uint8))
    write_idx(tmp_path / f"t10k-images{dot}idx3-ubyte{suffix}", array[:2])
    images = find_images(file)
    np.testing.assert_array_equal(loaded(images)[..., 0], array)
    assert images.labels == tuple("01234")
    # a file of labels has no other columns to choose
    assert "labels: the arrays named as the labels of the images" in describe_found(images)
    both = find_images(tmp_path)
    assert both.splits == ("test",) * 2 + ("train",) * 5
    assert both.labels == ("(no label)",) * 2 + tuple("01234")


@pytest.mark.skipif(not FASHION.is_dir(), reason="make data fetches Fashion-MNIST")
def test_fashion_mnist_is_read_as_downloaded():
    images = find_images(FASHION)
    assert len(images) == 70_000
    assert images.labels.count("3") == 7_000
    assert images.load(69_999).size == (28, 28)


def test_threads_read_the_right_images_in_any_order(tmp_path, monkeypatch):
    # six images per window
    monkeypatch.setattr("featscape.images.containers.record_stream._WINDOW_BYTES", 100)
    array = pixels(200, 4, 4)
    np.savez_compressed(tmp_path / "a.npz", images=array)
    images = find_images(tmp_path / "a.npz")
    order = np.random.default_rng(0).permutation(200)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda i: np.asarray(images.load(i))[..., 0], order))
    np.testing.assert_array_equal(read, array[order])


def test_an_array_is_not_read_into_memory_at_once(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((600, 256, 256), np.uint8))  # 39 MB
    tracemalloc.start()
    images = find_images(tmp_path / "a.npz")
    for i in range(0, 600, 10):
        images.load(i)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6


def test_a_reopened_array_reads_single_images(tmp_path):
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


# --- invalid input --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_complete_images_of_a_truncated_file_are_read(tmp_path, suffix):
    array = pixels(4000, 8, 8)
    file = write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", array)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    images = find_images(file)
    np.testing.assert_array_equal(np.asarray(images.load(900))[..., 0], array[900])
    if not suffix:
        (skip,) = images.skipped
        assert len(images) == 1999
        assert skip.path == f"array {file.name}, images 1999 to 3999"
        assert skip.reason == "truncated with the file"
        return
    with pytest.raises(ImageError, match="truncated"):
        images.load(3999)
    with pytest.raises(ImageError, match="truncated"):
        images.load(3000)
    assert images.load(5).size == (8, 8)


def npy(shape, n_bytes, descr="|u1"):
    """Return an .npy file whose header claims a shape, with `n_bytes` bytes of data."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n" + bytes(n_bytes)


def idx(n_images, side, n_bytes):
    return struct.pack(">HBB3I", 0, 8, 3, n_images, side, side) + bytes(n_bytes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", npy((30_000_000, 2, 2), 400)),
        ("a-idx3-ubyte", idx(30_000_000, 2, 400)),
        ("a-idx3-ubyte.gz", gzip.compress(idx(3_000_000_000, 2, 400))),
    ],
    ids=("npy", "idx", "compressed idx"),
)
def test_claimed_images_that_do_not_fit_in_the_file_are_not_listed(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    images = find_images(tmp_path / name, limit=100)
    assert len(images) == 100
    tracemalloc.start()
    # a compressed file of this size could contain a few thousand images
    assert len(find_images(tmp_path / name)) < 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6
    assert images.skipped[0].reason == "truncated with the file"


def test_the_images_of_a_truncated_file_keep_their_labels(tmp_path):
    file = write_idx(tmp_path / "train-images-idx3-ubyte", pixels(10, 4, 4))
    file.write_bytes(file.read_bytes()[:-20])
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(10, dtype=np.uint8))
    assert find_images(file).labels == tuple("01234567")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy((-5, 8, 8), 500), r"shape \(-5, 8, 8\)"),
        (npy((5, -8, -8), 500), r"shape \(5, -8, -8\)"),
        (npy((True, 8, 8), 500), "shape"),
        (npy((2, 4, 4), 33), "claims 32 bytes of values; the file contains 33"),
        (npy((2, 4, 4), 32).replace(b"'shape'", b"'sha\xffpe"), "header"),
        (npy((2, 4, 4), 32).replace(b"(2, 4, 4)", b"((((((((("), "header"),
    ],
)
def test_an_invalid_header_is_refused(tmp_path, content, reason):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=f"'.*a.npy' cannot be read .*{reason}"):
        find_images(tmp_path / "a.npy")


def test_a_header_with_huge_sides_gives_no_image(tmp_path):
    (tmp_path / "a-idx3-ubyte").write_bytes(struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3))
    with pytest.raises(InputError, match=r"truncated by 4,294,967,295 images\. Save the array"):
        find_images(tmp_path / "a-idx3-ubyte")


def test_a_damaged_array_of_an_npz_file_is_skipped(tmp_path, skipped):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", npy((2, 4, 4), 32))
        archive.writestr("labels.npy", npy((2, 4, 4), 32).replace(b"(2, 4, 4)", b"((((((((("))
    images = find_images(tmp_path / "a.npz")
    assert len(images) == 2
    assert "header is damaged" in skipped(images)["a.npz, array labels"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: flip(content, b"PK\x01\x02", 8, 1), "encrypted"),
        (lambda content: flip(content, b"PK\x01\x02", 10, 12), "method that NumPy does not write"),
        (lambda content: flip(content, b"PK\x01\x02", 6, 99), "zip file version"),
    ],
    ids=["encrypted", "compressed by bzip2", "a newer version"],
)
def test_an_unreadable_npz_file_is_an_error_with_the_reason(tmp_path, change, reason):
    np.savez(tmp_path / "a.npz", images=pixels(3, 4, 4))
    (tmp_path / "a.npz").write_bytes(change((tmp_path / "a.npz").read_bytes()))
    with pytest.raises(InputError, match=reason):
        find_images(tmp_path / "a.npz")


def flip(content, marker, offset, value):
    """Return `content` with a byte replaced, at an offset from a marker."""
    at = content.index(marker) + offset
    return content[:at] + bytes([value]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("array", "remedy"),
    [
        (pixels(3, 4, 4).astype(np.float32), r"\.astype\(np\.uint8\)"),
        (pixels(3, 4), "reshape the array"),
        (pixels(3, 5, 5, 5), "Select 1, 3 or 4 channels"),
        (pixels(0, 4, 4), "Save the array again, with its images"),
        (np.asfortranarray(pixels(3, 4, 4)), "ascontiguousarray"),
    ],
)
def test_the_error_for_a_file_without_images_describes_its_arrays(tmp_path, array, remedy):
    np.savez(tmp_path / "a.npz", faces=array)
    with pytest.raises(InputError, match=rf"of uint8 .* has faces .*{remedy}"):
        find_images(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npz", b"PK not an archive"),
        ("a.npy", b"\x93NUMPY"),
        ("a.npy", b""),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03\0"),
        ("train-images-idx3-ubyte", b"\0\0\x0d\x03" + bytes(12)),
        ("train-images-idx3-ubyte.gz", b"\x1f\x8b nothing"),
    ],
)
def test_a_damaged_header_is_an_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="must be undamaged"):
        find_images(tmp_path / name)


def test_labels_of_another_length_are_skipped(tmp_path, skipped):
    np.savez(tmp_path / "a.npz", images=pixels(3, 4, 4), labels=np.arange(4))
    images = find_images(tmp_path / "a.npz")
    assert images.labels is None
    assert skipped(images) == {"array labels": "the shape is (4,), but there are 3 images"}


def test_pickles_are_never_loaded(tmp_path, skipped):
    labels = np.array([{"a": 1}, None, "x"], dtype=object)
    np.savez(tmp_path / "a.npz", images=pixels(3, 4, 4), labels=labels)
    images = find_images(tmp_path / "a.npz")
    assert images.labels is None
    assert skipped(images) == {"array labels": "pickled objects are never loaded"}
