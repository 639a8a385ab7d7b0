"""The files of NumPy: every damage is one error, and nothing is allocated for a false claim."""

import io
import random
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from featscape.errors import InputError
from featscape.files.features import read_labels
from featscape.files.npy import map_npy, open_member, open_npz, read_npy_header, read_npz


def with_header(text, n_bytes=0, version=1):
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode("latin1") + bytes(n_bytes)


def from_file(read, path, *arguments):
    with path.open("rb") as file:
        return read(file, *arguments)


def described(shape, descr="|u1"):
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n"


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.zeros((0, 5)),
        np.array(7),
        np.array(["a", "bc"]),
        np.zeros(2, dtype=[("ä", "<i4")]),  # format version 3
    ],
)
def test_the_array_that_was_saved_is_mapped(tmp_path, array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of format version 3
        np.save(tmp_path / "a.npy", array)
    read = from_file(map_npy, tmp_path / "a.npy")
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype
    assert not read.flags.writeable or read.size == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04 no array",
        with_header("{'descr': '|u1'\n"),
        with_header("{'descr': '\n"),
        with_header("'" * 3 + "\n"),
        with_header("(" * 9_000 + "\n"),
        with_header("-" * 9_000 + "1\n"),
        with_header("9" * 5_000 + "\n"),
        with_header("\\N{none}\0\n"),
        with_header(described((2, 2), "|q9")),
        with_header(described((2, 2), "\\d")),
        with_header(described((2, "2"))),
        with_header(described((-2, 2))),
        with_header(described((True, 2))),
        with_header(described((2, 2)), version=9),
        with_header(described((2, 2), "|O")),
        with_header(" " * 200_000 + described((2, 2)), version=2),
    ],
)
def test_any_damage_of_a_header_is_one_error(content):
    with pytest.raises(InputError):
        read_npy_header(io.BytesIO(content))


def test_flipped_bytes_of_a_header_raise_nothing_else():
    rng = random.Random(0)
    file = io.BytesIO()
    np.save(file, np.zeros((3, 4), dtype=np.float32))
    for _ in range(1_000):
        content = bytearray(file.getvalue())
        for _ in range(rng.choice([1, 1, 2, 5])):
            content[rng.randrange(128)] = rng.randrange(256)
        try:
            read_npy_header(io.BytesIO(content))
        except InputError as error:
            assert str(error)  # noqa: PT017 - any damage may also leave the header whole


@pytest.mark.parametrize("shape", [(10**12,), (2**40, 2**20), (5,)])
def test_a_claim_that_differs_from_the_files_size_is_refused(tmp_path, shape):
    (tmp_path / "a.npy").write_bytes(with_header(described(shape), 4))
    with pytest.raises(InputError, match=r"claims .* bytes of values; the file contains 4"):
        from_file(map_npy, tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("shape", "descr", "reason"),
    [
        ((10**30, 0), "|u1", "impossible shape"),
        ((10**400, 0), "|u1", "impossible shape"),
        ((2**40, 2**40, 0), "|u1", "impossible shape"),
        ((0,) * 100, "|u1", "impossible shape"),
        ((2**35,), "<U0", "0 bytes each"),
        ((2**35,), [], "0 bytes each"),
    ],
)
def test_an_array_without_bytes_that_numpy_cannot_create_is_refused(tmp_path, shape, descr, reason):
    (tmp_path / "a.npy").write_bytes(with_header(described(shape, descr)))
    with pytest.raises(InputError, match=reason):
        from_file(map_npy, tmp_path / "a.npy")


def test_labels_are_counted_before_they_are_read(tmp_path):
    file = tmp_path / "labels.npy"
    np.save(file, np.arange(500_000))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"must be 3 labels.* has 500000"):
        read_labels(file, n_items=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6


def test_a_header_of_many_bytes_is_not_read_whole(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", with_header(" " * 20_000_000, version=2))
    tracemalloc.start()
    with pytest.raises(InputError, match="header is damaged"):
        from_file(read_npz, tmp_path / "a.npz", ["a"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_an_npz_file_are_read(tmp_path, save):
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.zeros((0, 2)), "c": np.array(["x"])}
    save(tmp_path / "a.npz", **arrays)
    read = from_file(read_npz, tmp_path / "a.npz", list(arrays))
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
    with pytest.raises(InputError, match="lacks the array d"):
        from_file(read_npz, tmp_path / "a.npz", ["d"])


def test_flipped_bytes_of_an_npz_file_raise_nothing_else(tmp_path):
    rng = random.Random(0)
    file = tmp_path / "a.npz"
    np.savez_compressed(file, a=np.arange(40).reshape(5, 8))
    whole = file.read_bytes()
    for _ in range(300):
        content = bytearray(whole)
        content[rng.randrange(len(whole))] = rng.randrange(256)
        file.write_bytes(content)
        try:
            from_file(read_npz, file, ["a"])
        except InputError as error:
            assert str(error)  # noqa: PT017 - a byte may also have kept its value


def test_a_member_that_claims_more_than_deflate_reaches_is_refused(tmp_path):
    file = tmp_path / "a.npz"
    np.savez_compressed(file, a=np.zeros(10))
    content = file.read_bytes()
    at = content.index(b"PK\x01\x02") + 24
    file.write_bytes(content[:at] + b"\xf0\xff\xff\xef" + content[at + 4 :])
    with (
        file.open("rb") as opened,
        pytest.raises(InputError, match=r"at most .* bytes are possible"),
    ):
        open_member(open_npz(opened), "a")
