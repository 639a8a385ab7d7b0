"""Parquet files that contain images."""

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import ImageError, InputError
from featscape.images import find_images, lists_images, open_contents
from featscape.images.containers import parquet_rows
from featscape.images.containers.parquet_rows import _RowReader
from featscape.images.tables.parquet_tables import list_values
from featscape.steps.facts.source import describe_found
from helpers.images.parquet_files import overwrite_column


@pytest.fixture
def write(tmp_path, png):
    """Return a function that writes n images of increasing red as Hugging Face does."""

    def make(name="a.parquet", n=5, *, first=0, names=None, group=1000, **columns):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        images = [{"bytes": png(first + i), "path": f"{first + i}.png"} for i in range(n)]
        table = pa.table({"image": columns.pop("image", images), **columns})
        if names:
            features = {"label": {"names": names, "_type": "ClassLabel"}}
            stored = json.dumps({"info": {"features": features}})
            table = table.replace_schema_metadata({"huggingface": stored})
        pq.write_table(table, file, row_group_size=group, write_batch_size=16)  # small pages
        return file

    return make


def test_the_class_names_and_columns_of_hugging_face_are_read(write, reds):
    file = write(label=[0, 1, -1, 1, 0], names=["cat", "dog"], score=[1.0, None, 2, 3, 4])
    images = find_images(file)
    assert images.kind == "parquet"
    assert images.paths == tuple(f"a.parquet/{i}" for i in range(5))
    assert images.labels == ("cat", "dog", "(no label)", "dog", "cat")
    assert images.columns["file_name"] == tuple(f"{i}.png" for i in range(5))
    np.testing.assert_array_equal(images.columns["score"], [1, np.nan, 2, 3, 4])
    assert reds(images) == list(range(5))
    assert images.skipped == ()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_column_of_bytes_without_paths_is_read(write, png, reds, kind):
    file = write(image=pa.array([png(3), png(4)], kind), klass=["a", "b"])
    images = find_images(file, label_column="klass")
    assert (reds(images), images.labels) == ([3, 4], ("a", "b"))


def test_files_below_a_folder_are_one_source(write, reds, skipped, tmp_path):
    write("data/train-00000-of-00002.parquet", 2, label=["a", "b"])
    write("data/train-00001-of-00002.parquet", 1, first=2, label=["a"], only=[1])
    write("data/test-00000-of-00001.parquet", 1, first=3, label=["b"])
    pq.write_table(pa.table({"x": [1]}), tmp_path / "data" / "other.parquet")
    (tmp_path / "broken.parquet").write_text("not parquet")
    images = find_images(tmp_path)
    assert images.splits == ("test", "train", "train", "train")
    assert images.labels == ("b", "a", "b", "a")
    assert reds(images) == [3, 0, 1, 2]
    np.testing.assert_array_equal(images.columns["only"], [np.nan, np.nan, np.nan, 1])
    assert skipped(images)["data/other.parquet"] == "no column of image bytes"
    assert "must be undamaged" in skipped(images)["broken.parquet"]
    again = open_contents("parquet", tmp_path)
    assert again.read("data/train-00001-of-00002.parquet/0") == images.read(3)


def test_a_column_of_splits_stays_a_column_if_the_names_of_all_files_give_the_splits(write):
    images = find_images(write("train-0.parquet", 2, subset=["val", "test"]))
    assert images.splits == ("train", "train")
    assert images.columns["subset"] == ("val", "test")


def test_threads_read_the_right_rows_in_any_order(write):
    images = find_images(write(n=250, group=90))
    order = np.random.default_rng(0).permutation(250)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda i: images.load(i).getpixel((0, 0))[0], order))
    assert read == order.tolist()


def test_a_row_group_is_not_read_into_memory_at_once(write):
    rows = [i.to_bytes(2) + bytes(100_000) for i in range(1000)]  # 100 MB uncompressed
    images = find_images(write(image=rows))
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    peak_of_arrow = 0
    for i in range(0, 1000, 7):
        assert images.read(i)[:2] == i.to_bytes(2)
        peak_of_arrow = max(peak_of_arrow, pa.total_allocated_bytes() - before)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak + peak_of_arrow < 50e6


def test_large_images_are_read_in_small_batches(write, monkeypatch):
    monkeypatch.setattr(parquet_rows, "_MAX_BATCH_BYTES", 16 << 20)  # a sixteenth of the default
    rows = [bytes([i]) + bytes(940_000) for i in range(3)] * 20
    reader = _RowReader(write(image=rows))  # 2.8 MB: a dictionary stores an image once
    before = pa.total_allocated_bytes()
    for i in range(60):
        assert reader.read(i) == rows[i]
        cached = sum(len(value) for values in reader._values.values() for value in values)
        assert cached + pa.total_allocated_bytes() - before < 62e6


def test_impossible_sizes_of_images_are_refused_before_they_are_read(write, monkeypatch):
    monkeypatch.setattr(parquet_rows, "MAX_BYTES", 1_000)
    monkeypatch.setattr(parquet_rows, "_LARGE_FILE_BYTES", 1_000)
    monkeypatch.setattr(_RowReader, "_read_batch", None)
    images = find_images(write(image=[bytes(10_000)]))
    with pytest.raises(ImageError, match=r"claims 1\d,\d{3} bytes for 1 rows"):
        images.read(0)


def count_bytes(read):
    """Return the peak of the memory that Arrow allocates in a call, in bytes."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        read()
    finally:
        pa.set_memory_pool(before)
    return pool.max_memory()


def test_gigabytes_of_equal_labels_in_a_small_file_are_refused(write):
    n = 20_000
    file = write(image=[b"x"] * n, label=pa.array(["x" * 10_000] * n), group=n)  # 200 MB
    assert file.stat().st_size < 300_000

    def read():
        with pytest.raises(InputError, match=r"its values take 20\d,\d{3},\d{3} bytes"):
            find_images(file)

    assert count_bytes(read) < 20e6


def test_texts_with_missing_values_are_read_from_each_row_group(write):
    names = [{"bytes": b"x", "path": "/one/path.png"}, None, {"bytes": b"x", "path": None}] * 100
    label = ["a label", None, "another"] * 100
    images = find_images(write(image=names, label=label, group=150))
    assert images.labels == ("a label", "(no label)", "another") * 100
    assert images.columns["file_name"] == ("/one/path.png", None, None) * 100


def test_equal_texts_of_a_dictionary_are_listed_as_one_object():
    texts = pa.array(["a", None, "a", "b"] * 100).dictionary_encode()
    listed = list_values(pa.chunked_array([texts, texts]), "table", "column", [])
    assert listed == ["a", None, "a", "b"] * 200
    assert len({id(text) for text in listed}) <= 2 * 3  # per chunk


def test_equal_labels_in_row_groups_are_refused_one_by_one(write, reds, skipped):
    label = ["a"] * 10 + ["x" * 7_000_000] * 10
    images = find_images(write(n=20, label=label, group=10))
    assert reds(images) == list(range(10))
    assert skipped(images)["a.parquet, rows 10 to 19"].startswith("damaged in the file (its values")


@pytest.mark.parametrize("place", range(0, 600, 7))
def test_a_damaged_footer_ends_no_process(write, place):
    """For damaged details of a column, pyarrow's RowGroupMetaData.column ends the process."""
    file = write(n=2, tags=[[1, 2], [3]])
    content = bytearray(file.read_bytes())
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for bit in range(8):
        content[footer + place] ^= 1 << bit
        file.write_bytes(content)
        with suppress(InputError, ImageError):
            find_images(file).load(1)
        content[footer + place] ^= 1 << bit


def test_a_large_image_in_a_small_file_is_refused_before_it_is_read(tmp_path):
    file = tmp_path / "a.parquet"
    table = pa.table({"image": [bytes(100_000_000)]})
    pq.write_table(table, file, compression="zstd", use_dictionary=False, write_statistics=False)
    assert file.stat().st_size < 100_000_000 / 1_000
    images = find_images(file)

    def read():
        with pytest.raises(ImageError, match=r"claims \d+,\d{3},\d{3} bytes for 1 rows"):
            images.read(0)

    assert count_bytes(read) < 20e6


def test_nested_and_binary_columns_are_skipped(write, skipped):
    images = find_images(write(n=1, box=[[1, 2]], raw=[b"x"], objects=[{"a": 1}]))
    assert set(skipped(images)) == {f"a.parquet, column {n}" for n in ("box", "raw", "objects")}


def test_a_column_that_is_left_out_of_several_files_is_named_once(write, tmp_path):
    for number in range(3):
        write(f"data/{number}.parquet", n=1, first=number, objects=[{"n": 1}], raw=[b"x"])
    lines = "\n".join(describe_found(find_images(tmp_path / "data")))
    assert "left out 2 columns: 'objects', 'raw' (nested" in lines
    assert "boxes" not in lines  # the field n is no box


def test_nested_columns_with_the_fields_of_a_box_are_boxes(write):
    objects = [{"category": [0], "where": [{"X": 1, "Y": 2, "Width": 3, "height": 4}]}]
    lines = "\n".join(describe_found(find_images(write(n=1, objects=objects))))
    assert "the table has boxes (objects): the map shows whole images" in lines


def test_lists_of_text_become_text(write, write_images):
    tags = [["a", "b"], None]
    assert find_images(write(n=2, tags=tags)).columns["tags"] == ("a, b", None)
    write_images("x.png", "y.png")
    listed = write(n=2, tags=tags, where=["x.png", "y.png"])
    assert find_images(listed, path_column="where").columns["tags"] == ("a, b", None)
    with pytest.raises(InputError, match="one label per image; the column 'tags'"):
        find_images(listed, label_column="tags")


def test_a_parquet_file_with_a_given_path_column_is_a_manifest(write, write_images, reds):
    write_images("x.png")
    file = write(n=1, first=9, where=["x.png"])
    assert reds(find_images(file, path_column="where")) == [0]


def test_a_row_without_an_image_raises_an_image_error(write, png):
    rows = [{"bytes": png(), "path": None}, {"bytes": None, "path": "/x.png"}, None]
    images = find_images(write(image=rows))
    assert len(images) == 3
    with pytest.raises(
        ImageError, match=r"no image bytes in this row; the row names the file '/x.png'"
    ):
        images.load(1)
    with pytest.raises(ImageError, match=r"no image bytes in this row$"):
        images.load(2)


@pytest.mark.parametrize(
    "path", ["a.parquet/5", "a.parquet/-1", "a.parquet", "", "b.parquet/0", "../a.parquet/0"]
)
def test_an_unknown_path_raises_an_image_error(write, path):
    with pytest.raises(ImageError):
        open_contents("parquet", write()).read(path)


def test_the_undamaged_rows_of_a_damaged_file_are_read(write):
    file = write(n=500, group=100, label=["a"] * 500)
    content = bytearray(file.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 400] = bytes(400)
    file.write_bytes(content)
    images = find_images(file)
    n_read = 0
    for i in range(500):
        try:
            n_read += images.load(i).size == (6, 4)
        except ImageError:
            continue
    assert 300 <= n_read < 500


def test_a_file_without_rows_is_an_error(write):
    with pytest.raises(InputError, match="must have at least one row"):
        find_images(write(image=pa.array([], pa.binary())))


def test_a_table_without_rows_lists_images_if_it_has_a_column_of_paths(tmp_path):
    for number, name in enumerate(("path", "age")):
        file = tmp_path / f"{number}.parquet"
        pq.ParquetWriter(file, pa.schema([(name, pa.string())])).close()
        assert lists_images(file) == (name == "path")


LABEL = 2  # the index of the column: the bytes and paths of the images are 0 and 1


def test_a_shard_with_a_damaged_column_is_skipped(write, reds, skipped, tmp_path):
    for number in range(3):
        write(f"s/{number}.parquet", 2, first=10 * number, label=["a", "b"])
    overwrite_column(tmp_path / "s/1.parquet", LABEL)
    images = find_images(tmp_path / "s")
    assert reds(images) == [0, 1, 20, 21]
    assert images.labels == tuple("abab")
    (path,) = skipped(images)
    assert path == "1.parquet"
    assert skipped(images)[path].startswith("a Parquet file must be undamaged; ")


def test_the_rows_of_a_damaged_row_group_are_skipped(write, reds, skipped):
    file = write(n=6, group=2, label=list("abcdef"))
    overwrite_column(file, LABEL, group=1)
    images = find_images(file)
    assert reds(images) == [0, 1, 4, 5]
    assert images.labels == tuple("abef")
    assert images.paths[2] == "a.parquet/4"
    assert skipped(images)["a.parquet, rows 2 to 3"].startswith("damaged in the file (")


def test_text_that_is_not_utf8_is_a_missing_value(write, reds, skipped):
    label = pa.array([b"a", b"\xe9", b"c"]).view(pa.string())
    images = find_images(write(n=3, label=label))
    assert reds(images) == [0, 1, 2]
    assert images.labels == ("a", "(no label)", "c")
    assert skipped(images)["a.parquet, column label"].startswith("values that cannot be read: 1 (")


def test_a_damaged_batch_is_read_only_once(write, monkeypatch):
    file = write(n=300, label=["a"] * 300)
    overwrite_column(file, 0)
    images = find_images(file)
    n_reads = 0
    read_batch = _RowReader._read_batch

    def counted(*arguments):
        nonlocal n_reads
        n_reads += 1
        read_batch(*arguments)

    monkeypatch.setattr(_RowReader, "_read_batch", counted)
    for i in range(300):
        with pytest.raises(ImageError, match="damaged in the file"):
            images.load(i)
    assert n_reads == 1


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_raises_only_input_and_image_errors(write, seed):
    file = write(n=8, group=3, label=["é"] * 8, when=pa.array([1] * 8, pa.timestamp("s")))
    content = bytearray(file.read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(content), 3):
        content[place] = rng.integers(256)
    file.write_bytes(content)
    try:
        images = find_images(file)
    except InputError:
        return
    for i in range(len(images)):
        try:
            images.load(i)
        except ImageError as error:
            assert str(error)  # noqa: PT017 - the image may also be undamaged


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), 4)])
def test_a_column_of_vectors_is_reported_with_the_command_for_vectors(write, kind):
    values = [[float(i)] * 4 for i in range(5)]
    file = write(vector=pa.array(values, kind), bbox=pa.array(values, kind), tags=[[1]] * 5)
    lines = list(describe_found(find_images(file)))
    assert "left out 3 columns: 'vector', 'bbox', 'tags'" in lines[1]
    (line,) = [line for line in lines if "featscape embed" in line]
    assert line.startswith("the column contains vectors: 'vector'. featscape embed makes a map of")
