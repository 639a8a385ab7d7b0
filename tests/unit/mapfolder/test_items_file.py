"""The table of the items: the limits of its size, and the types of its columns."""

from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import InputError
from featscape.mapfolder import items_file
from featscape.mapfolder import read as maps
from helpers.maps.small_map import make


def test_a_small_table_of_gigabytes_of_equal_texts_is_refused(tmp_path):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    schema = pq.read_schema(file)
    n = 20_000
    columns = {name: pa.nulls(n, schema.field(name).type) for name in schema.names}
    columns |= {
        "id": pa.array(range(n), schema.field("id").type),
        "path": pa.array(["x" * 10_000] * n),  # 200 MB
        "x": pa.array([0.0] * n, schema.field("x").type),
        "y": pa.array([0.0] * n, schema.field("y").type),
    }
    pq.write_table(pa.table(columns), file)
    assert file.stat().st_size < 200_000
    with pytest.raises(InputError, match=r"its values take 2\d\d,\d{3},\d{3} bytes"):
        maps.read_items(tmp_path / "m")


@contextmanager
def new_arrow_pool():
    """Let Arrow allocate from a pool that records the peak of this context."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        yield pool
    finally:
        pa.set_memory_pool(before)


def write_plain_notes(file, notes):
    """Add a column of texts that are compressed but not stored in a dictionary."""
    schema = pq.read_schema(file)
    columns = {field.name: pa.nulls(len(notes), field.type) for field in schema}
    columns |= {"id": pa.array(range(len(notes)), pa.int64()), "note": pa.array(notes)}
    pq.write_table(
        pa.table(columns),
        file,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        data_page_size=10_000,
        write_batch_size=10,
    )


def varint(number):
    """Return an integer as Thrift encodes it, in 5 bytes."""
    number *= 2  # zigzag
    return bytes([*(number >> shift & 127 | 128 for shift in range(0, 28, 7)), number >> 28])


def test_compressed_text_is_refused_before_it_is_decoded(tmp_path):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    write_plain_notes(file, ["x" * 140_000_000])
    assert file.stat().st_size < 20_000
    refused = pytest.raises(InputError, match=r"its values take 140,\d{3},\d{3} bytes")
    with new_arrow_pool() as pool, refused:
        maps.read_items(tmp_path / "m")
    assert pool.max_memory() < 10e6


def test_compressed_text_with_a_false_claim_of_its_size_is_read_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(items_file, "limit_bytes", lambda _n_bytes: 20_000_000)
    monkeypatch.setattr("featscape.files.parquet._BATCH_ROWS", 1_000)
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    notes = [f"{i:010}" * 200 for i in range(70_000)]  # 140 MB
    write_plain_notes(file, notes)
    group = pq.read_metadata(file).row_group(0)
    note = group.column(group.num_columns - 1)
    content = file.read_bytes()
    claim = varint(note.total_uncompressed_size).rstrip(b"\0")
    assert content.count(claim) == 1
    file.write_bytes(content.replace(claim, varint(1)[: len(claim) - 1] + b"\0"))
    refused = pytest.raises(InputError, match="its values take")
    with new_arrow_pool() as pool, refused:
        maps.read_items(tmp_path / "m")
    assert pool.max_memory() < 150e6


def test_a_table_claiming_too_many_rows_for_its_size_is_refused(tmp_path):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    schema = pq.read_schema(file)
    n = 2_000_000
    table = pa.table({field.name: pa.nulls(n, field.type) for field in schema})
    pq.write_table(table, file)
    with pytest.raises(InputError, match="its values take"):
        maps.read_items(tmp_path / "m")


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_a_column_of_texts_keeps_its_type(tmp_path, kind):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    table = pq.read_table(file)
    note = pa.array([None, *["a"] * (len(table) - 1)], pa.string()).cast(kind)
    table = table.append_column("note", note)
    pq.write_table(table, file, row_group_size=2)
    assert maps.read_items(tmp_path / "m").equals(table)
