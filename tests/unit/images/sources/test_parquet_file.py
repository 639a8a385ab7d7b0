"""One Parquet file of images: how often the file is opened, and which errors are damage."""

from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import ImageError, InputError
from featscape.images import find_images, lists_images, open_contents
from featscape.images.sources import parquet_file
from helpers.images.parquet_files import overwrite_column


@pytest.fixture
def write(tmp_path, png):
    """Return a function that writes the reds 0, 1, ... with other columns."""

    def make(name="t.parquet", *, metadata=None, **columns):
        n_images = len(next(iter(columns.values())))
        table = pa.table({"image": [png(red) for red in range(n_images)], **columns})
        pq.write_table(table.replace_schema_metadata(metadata), tmp_path / name)
        return tmp_path / name

    return make


@pytest.mark.parametrize(("column", "is_folder"), [("sku", False), (None, False), ("sku", True)])
def test_the_footer_is_read_once_to_recognize_a_file_and_once_to_find_the_images(
    write, monkeypatch, column, is_folder
):
    file = write(sku=["a", "b"])
    footers = []

    class Counted(pq.ParquetFile):
        def __init__(self, source, *, metadata=None, **options):
            footers.extend([source] if metadata is None else [])
            super().__init__(source, metadata=metadata, **options)

    monkeypatch.setattr(pq, "ParquetFile", Counted)
    images = find_images(file.parent if is_folder else file, path_column=column)
    assert len(images) == 2
    assert len(footers) == (1 if is_folder else 2)


def test_a_file_whose_names_are_no_utf8_is_skipped(write, reds, skipped):
    write("a.parquet", sku=["a", "b"])
    file = write("b.parquet", sku=pa.array([b"a", b"\xe9"]).view(pa.string()))
    images = find_images(file.parent, path_column="sku")
    assert reds(images) == [0, 1]
    assert list(skipped(images)) == ["b.parquet"]
    assert skipped(images)["b.parquet"].startswith("a Parquet file must be undamaged; ")
    with pytest.raises(InputError, match=r"must be undamaged; .*b\.parquet' cannot be read \('utf"):
        find_images(file, path_column="sku")


def test_a_name_may_be_longer_than_the_name_of_a_file(write, reds):
    file = write(caption=["x" * 300, "y"])
    images = find_images(file, path_column="caption")
    assert reds(images) == [0, 1]


def test_class_names_that_are_nested_too_deeply_are_ignored(write, reds):
    images = find_images(write(label=["a", "b"], metadata={"huggingface": "[" * 200_000}))
    assert (reds(images), images.labels) == ([0, 1], ("a", "b"))


@pytest.mark.parametrize("is_folder", [False, True])
def test_an_error_of_the_program_is_not_reported_as_damage(write, monkeypatch, is_folder):
    file = write(label=["a", "b"])
    monkeypatch.setattr(parquet_file, "split_nested_columns", lambda schema: schema)
    with pytest.raises(TypeError, match="positional argument"):
        find_images(file.parent if is_folder else file)


def test_a_damaged_file_is_one_clear_line(write):
    file = write(label=["a", "b"])
    overwrite_column(file, 1)
    with pytest.raises(InputError, match="must be undamaged") as raised:
        find_images(file)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("n_read", [0, 1])
def test_a_row_group_with_fewer_images_than_rows_is_damaged(write, monkeypatch, n_read):
    images = find_images(write(label=["a", "b"]))
    table = pa.table({"image": [images.read(0)] * n_read})
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: iter(table.to_batches()))
    again = open_contents("parquet", images.source)
    with pytest.raises(ImageError, match=r"\(the row group has fewer rows than it claims\)"):
        again.read(images.paths[1])


@pytest.mark.parametrize("group", [1, 3])
def test_a_column_of_paths_counts_if_it_has_a_value_in_any_row_group(tmp_path, group):
    for name, values in (("one", [None, None, "a.png"]), ("none", [None, None, None])):
        file = tmp_path / f"{name}.parquet"
        table = pa.table({"path": pa.array(values, pa.string()), "x": [1, 2, 3]})
        pq.write_table(table, file, row_group_size=group, write_statistics=False)
        assert lists_images(file) == (name == "one")


def test_a_damaged_footer_of_a_table_of_paths_ends_no_process(tmp_path):
    """For damaged details of a column, pyarrow's RowGroupMetaData.column ends the process."""
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"path": ["a.png", None], "label": ["x", "y"]}), file)
    content = bytearray(file.read_bytes())
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for place in range(footer, len(content) - 8, 4):
        content[place] ^= 8
        file.write_bytes(content)
        with suppress(InputError):
            lists_images(file)
        content[place] ^= 8
