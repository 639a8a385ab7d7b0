"""Row stores in memory and in a file, written in any order."""

from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from featscape.features.extraction.row_store import FileRowStore, MemoryRowStore
from featscape.mapfolder.staging import WriteError


@pytest.fixture(params=["memory", "file"])
def make(request, tmp_path):
    if request.param == "memory":
        return MemoryRowStore
    return lambda n_rows, n_features: FileRowStore(tmp_path / "f.npy", n_rows, n_features)


@pytest.mark.parametrize(("n_rows", "n_kept"), [(12, 12), (12, 9), (12_345, 10)])
def test_rows_are_written_in_any_order_and_cut_to_the_final_number(make, n_rows, n_kept):
    values = np.random.default_rng(0).random((n_kept, 7), np.float32)
    order = np.random.default_rng(1).permutation(n_kept)
    with closing(make(n_rows, 7)) as rows:
        for batch in np.array_split(order, 3):
            rows.write(batch.tolist(), values[batch])
        rows.copy(4, 2)
        found = rows.finish(n_kept)
    assert found.dtype == np.float32
    values[4] = values[2]
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("n_kept", [3, 1_000])
def test_the_file_equals_the_file_that_numpy_writes(tmp_path, n_kept):
    values = np.random.default_rng(0).random((n_kept, 5), np.float32)
    with closing(FileRowStore(tmp_path / "ours.npy", 1_000, 5)) as rows:
        rows.write(range(n_kept), values)
        rows.finish(n_kept)
    np.save(tmp_path / "numpys.npy", values)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpys.npy").read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file that is always full is Linux's")
@pytest.mark.parametrize("act", [lambda rows: rows.copy(1, 0), lambda rows: rows.finish(2)])
def test_a_full_disk_raises_write_error(act):
    rows = FileRowStore(Path("/dev/full"), 2, 3)
    with pytest.raises(WriteError, match="No space left"):
        act(rows)
    with suppress(WriteError):  # the buffer still contains unwritten data
        rows.close()
