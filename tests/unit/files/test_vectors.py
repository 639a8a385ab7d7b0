"""Vectors in a column of a Parquet file, and in a tensor of a safetensors file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import InputError
from featscape.files.vectors import read_tensor, read_vectors

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def write(file, **columns):
    pq.write_table(pa.table(columns), file, row_group_size=3)
    return file


@pytest.mark.parametrize(
    "column",
    [
        pa.array(list(X)),
        pa.array(X.tolist(), pa.large_list(pa.float64())),
        pa.array(X.astype(int).tolist(), pa.list_(pa.int16())),
        pa.FixedSizeListArray.from_arrays(pa.array(X.ravel().astype(np.float16)), 3),
    ],
    ids=["list", "large list", "integers", "fixed size"],
)
def test_each_type_of_list_gives_the_same_vectors(tmp_path, column):
    values, name = read_vectors(write(tmp_path / "t.parquet", text=list("abcd"), v=column))
    np.testing.assert_array_equal(values, X)
    assert (values.dtype, name) == (np.float32, "v")


def test_vectors_of_several_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("featscape.files.vectors._BATCH_ROWS", 2)
    values, _ = read_vectors(write(tmp_path / "t.parquet", v=list(X)))
    np.testing.assert_array_equal(values, X)


def test_the_column_is_named_or_has_a_usual_name(tmp_path):
    file = write(tmp_path / "t.parquet", other=list(2 * X), Vector=list(X))
    np.testing.assert_array_equal(read_vectors(file)[0], X)
    np.testing.assert_array_equal(read_vectors(file, column="other")[0], 2 * X)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": list(X), "b": list(X)}, "the file has: 'a', 'b'. Name one with --vector"),
        ({"a": [1, 2]}, "the file has: none. Add the features"),
        (
            {"a": [None, [1.0, 2.0], [1.0]] + [[3.0, 4.0]] * 1_100 + [[2.0]] * 9},
            "11 of 1,112 differ: rows 0, 2, 1103, 1104, 1105 and 6 more, the first of which is mis",
        ),
        ({"a": [[1.0, 2.0], [1.0]]}, "1 of 2 differ: row 1, the first of which has 1. Repair"),
    ],
)
def test_a_table_without_equal_vectors_is_an_error(tmp_path, columns, message):
    with pytest.raises(InputError) as caught:
        read_vectors(write(tmp_path / "t.parquet", **columns))
    assert message in str(caught.value)


def test_a_missing_value_is_not_a_number(tmp_path):
    values, _ = read_vectors(write(tmp_path / "t.parquet", v=[[1, None], [3, 4]]))
    np.testing.assert_array_equal(values, [[1, np.nan], [3, 4]])


def test_an_unknown_column_is_an_error(tmp_path):
    file = write(tmp_path / "t.parquet", v=list(X), score=[1, 2, 3, 4])
    with pytest.raises(InputError, match="got 'score', and the file has: 'v'"):
        read_vectors(file, column="score")


def test_a_damaged_or_missing_file_is_an_error(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + bytes(50))
    with pytest.raises(InputError, match="a Parquet file must be undamaged"):
        read_vectors(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="there is no file"):
        read_vectors(tmp_path / "lost.parquet")


def test_vectors_that_need_much_more_memory_than_the_file_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("featscape.files.vectors.limit_bytes", lambda _n_bytes: 100_000)
    file = write(tmp_path / "t.parquet", v=[[0.0] * 1_000] * 200)  # 1.6 MB
    with pytest.raises(InputError, match="and a file of its size may have 100,000"):
        read_vectors(file)


class TestTensor:
    @pytest.fixture
    def write(self, tmp_path):
        """Return a function that writes arrays into a safetensors file."""
        from safetensors.numpy import save_file

        def write(**tensors):
            save_file(tensors, tmp_path / "t.safetensors")
            return tmp_path / "t.safetensors"

        return write

    def test_the_tensor_is_named_has_a_usual_name_or_is_the_only_matrix(self, write):
        file = write(embeddings=X, other=2 * X, labels=np.arange(4))
        assert read_tensor(file)[1] == "embeddings"
        np.testing.assert_array_equal(read_tensor(file, name="other")[0], 2 * X)
        values, name = read_tensor(write(x=X.astype(np.float16), labels=np.arange(4)))
        np.testing.assert_array_equal(values, X)
        assert (values.dtype, name) == (np.float16, "x")

    @pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
    def test_a_type_that_numpy_does_not_have_becomes_float32(self, tmp_path, dtype):
        import torch
        from safetensors.torch import save_file

        stored = torch.from_numpy(X).to(getattr(torch, dtype))
        save_file({"x": stored}, tmp_path / "t.safetensors")
        values, _ = read_tensor(tmp_path / "t.safetensors")
        np.testing.assert_array_equal(values, stored.float())
        assert values.dtype == np.float32

    @pytest.mark.parametrize(
        ("tensors", "name", "message"),
        [
            ({"a": X, "b": X}, None, "the file has: 'a', 'b'. Name one with --vector-column"),
            ({"a": X[0]}, None, "the file has: none. Add the features"),
            ({"a": X, "b": X[0]}, "b", "got 'b', and the file has: 'a'"),
        ],
    )
    def test_a_file_without_one_matrix_is_an_error(self, write, tensors, name, message):
        with pytest.raises(InputError) as caught:
            read_tensor(write(**tensors), name=name)
        assert message in str(caught.value)

    def test_a_damaged_or_missing_file_is_an_error(self, tmp_path):
        (tmp_path / "t.safetensors").write_bytes(bytes(50))
        with pytest.raises(InputError, match="a safetensors file must be undamaged"):
            read_tensor(tmp_path / "t.safetensors")
        with pytest.raises(InputError, match="there is no file"):
            read_tensor(tmp_path / "lost.safetensors")
