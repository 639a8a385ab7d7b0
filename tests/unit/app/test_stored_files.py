"""Rows of arrays on disk."""

import numpy as np
import pytest

from featscape.app.stored_files import StoredArray, StoredFile
from featscape.errors import InputError
from featscape.files.folder_handle import FolderHandle

N_ITEMS = 50


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "indices": rng.integers(0, N_ITEMS, (N_ITEMS, 7)).astype(np.int32),
        "distances": rng.random((N_ITEMS, 7)).astype(np.float32),
    }


def test_rows_are_those_that_numpy_reads(tmp_path, arrays):
    np.savez(tmp_path / "neighbors.npz", **arrays)
    for name, values in arrays.items():
        stored = StoredArray.in_archive(
            FolderHandle(tmp_path), "neighbors.npz", name, dtype=values.dtype.type
        )
        assert stored.shape == values.shape
        for row in range(N_ITEMS):
            np.testing.assert_array_equal(stored.row(row), values[row])


@pytest.mark.parametrize(
    "save",
    [
        lambda file, arrays: np.savez_compressed(file, **arrays),
        lambda file, arrays: np.savez(file, indices=np.asfortranarray(arrays["indices"])),
        lambda file, arrays: np.savez(file, indices=arrays["indices"][0]),
        lambda file, arrays: np.savez(file, others=arrays["indices"]),
        lambda file, _arrays: np.savez(file, indices=np.array([[{}]], dtype=object)),
        lambda file, arrays: np.savez(file, indices=arrays["indices"].astype(complex)),
        lambda file, _arrays: file.write_bytes(b"PK"),
    ],
    ids=["compressed", "by column", "one row", "another name", "objects", "complex", "no archive"],
)
def test_arrays_in_another_form_are_damaged(tmp_path, arrays, save):
    save(tmp_path / "neighbors.npz", arrays)
    with pytest.raises(InputError, match="missing or damaged"):
        StoredArray.in_archive(FolderHandle(tmp_path), "neighbors.npz", "indices", dtype=np.int32)


def test_a_replaced_file_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"first")
    stored = StoredFile.of(FolderHandle(tmp_path), "a")
    assert stored.read(1, 3) == b"ir"
    (tmp_path / "b").write_bytes(b"other")
    (tmp_path / "b").replace(tmp_path / "a")
    with pytest.raises(InputError, match="changed since the map was opened"):
        stored.read(1, 3)


def test_a_missing_file_raises(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.bin is missing or damaged"):
        StoredFile.of(FolderHandle(tmp_path), "nothing.bin")
