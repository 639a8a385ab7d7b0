"""Vectors in a column of a Parquet file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import InputError
from featscape.files.vectors import read_vectors

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
    monkeypatch.setattr("featscape.files.parquet._BATCH_ROWS", 2)
    values, _ = read_vectors(write(tmp_path / "t.parquet", v=list(X)))
    np.testing.assert_array_equal(values, X)


def test_the_column_is_named_or_has_a_usual_name(tmp_path):
    file = write(tmp_path / "t.parquet", other=list(2 * X), Vector=list(X))
    np.testing.assert_array_equal(read_vectors(file)[0], X)
    np.testing.assert_array_equal(read_vectors(file, column="other")[0], 2 * X)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": list(X), "b": list(X)}, "columns of vectors are: 'a', 'b'. Name one with --vector"),
        ({"a": [1, 2]}, "columns of vectors are: none. Store the features of each row as a list"),
        ({"a": [[1.0, 2.0], None, [1.0]]}, "row 0 has 2, and that of row 1 is missing"),
        ({"a": [[1.0, 2.0], [1.0]]}, "row 0 has 2, and that of row 1 has 1. Remove or complete"),
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
    with pytest.raises(InputError, match="got 'score', and the columns of vectors are: 'v'"):
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
