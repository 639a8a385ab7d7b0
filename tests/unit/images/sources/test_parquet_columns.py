"""Parquet files with several columns of images."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import ImageError, InputError
from featscape.images import find_images, lists_images, open_contents
from featscape.steps.facts.source import describe_found
from helpers.images.parquet_files import overwrite_column


@pytest.fixture
def file(tmp_path, png):
    """Return a file with the reds 0 and 1 in "before", 10 and 11 in "a/b %2F", and 20 in "raw"."""
    columns = {
        "before": [{"bytes": png(red), "path": f"{red}.png"} for red in (0, 1)],
        "a/b %2F": [{"bytes": png(red), "path": f"{red}.png"} for red in (10, 11)],
        "raw": [png(20), png(21)],
        "label": ["x", "y"],
        "score": [0.5, 0.7],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_the_first_of_several_columns_is_reported(file, reds):
    images = find_images(file)
    assert reds(images) == [0, 1]
    assert images.image_column == "before"
    line = "images: the column 'before' (--path-column or path_column= names another)"
    assert list(describe_found(images))[1] == line


@pytest.mark.parametrize(
    ("column", "expected"), [("before", [0, 1]), ("a/b %2F", [10, 11]), ("raw", [20, 21])]
)
@pytest.mark.parametrize("is_folder", [False, True])
def test_the_caller_may_name_a_column_of_images(file, reds, column, expected, is_folder):
    source = file.parent if is_folder else file
    images = find_images(source, path_column=column)
    assert (images.kind, images.labels) == ("parquet", ("x", "y"))
    assert (reds(images), images.image_column) == (expected, None)
    names = None if column == "raw" else tuple(f"{red}.png" for red in expected)
    assert images.columns.get("file_name") == names
    opened = open_contents(images.kind, source)  # run.json stores the kind, the source and paths
    for index in (1, 0):
        assert opened.read(images.paths[index]) == images.contents.read(images.paths[index])


def test_two_columns_of_one_file_are_read_in_turn(file):
    before, after = (find_images(file, path_column=name) for name in ("before", "raw"))
    opened = open_contents("parquet", file)
    for images in (before, after, before):
        assert opened.read(images.paths[0]) == images.contents.read(images.paths[0])


def test_the_only_column_of_images_is_not_reported(tmp_path, png):
    pq.write_table(pa.table({"img": [png(1), png(2)], "n": [1, 2]}), tmp_path / "t.parquet")
    assert find_images(tmp_path / "t.parquet").image_column is None


@pytest.fixture
def catalogue(tmp_path, png):
    """Return a file with three named images, of the reds 1, 2 and 3, in row groups of one row."""
    columns = {
        "image": [{"bytes": png(red), "path": f"{red}/photo.png"} for red in (1, 2, 3)],
        "sku/a=b": [30, 20, 10],
        "name": ["dress@1", "a/b=c", "17"],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=1)
    return tmp_path / "t.parquet"


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("sku/a=b", ["sku%2Fa%3Db=30", "sku%2Fa%3Db=20", "sku%2Fa%3Db=10"]),
        ("name", ["name=dress@1", "name=a/b=c", "name=17"]),
        ("file_name", ["file_name=1/photo.png", "file_name=2/photo.png", "file_name=3/photo.png"]),
    ],
)
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_named_column_of_text_or_integers_names_the_images(
    catalogue, reds, column, names, is_folder
):
    source = catalogue.parent if is_folder else catalogue
    images = find_images(source, path_column=column)
    assert images.kind == "parquet"
    assert list(images.paths) == [f"t.parquet/{name}" for name in names]
    assert reds(images) == [1, 2, 3]
    assert column in images.columns
    opened = open_contents("parquet", source)
    for index in (2, 0, 1):
        assert opened.read(images.paths[index]) == images.contents.read(images.paths[index])
    rows = pq.read_table(catalogue)
    pq.write_table(pa.concat_tables([rows[1:], rows[:1]]), catalogue)
    again = find_images(source, path_column=column)
    assert set(again.paths) == set(images.paths)
    assert open_contents("parquet", source).read(images.paths[0]) == again.read(2)


@pytest.mark.parametrize("column", ["name", None])
@pytest.mark.parametrize("file", ["t.parquet", "data.parquet/year=2020/t.parquet"])
def test_names_and_folders_may_look_like_files(tmp_path, png, reds, column, file):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["old.parquet/0", "old.parquet/sku=a"]
    pq.write_table(pa.table({"image": [png(1), png(2)], "name": names}), path)
    for source in (path, tmp_path):
        assert reds(find_images(source, path_column=column)) == [1, 2]


def test_rows_without_a_name_of_their_own_are_skipped(tmp_path, png, reds, skipped):
    names = ["a", None, "b", "a", ""]
    table = pa.table({"image": [png(red) for red in range(5)], "sku": names, "n": range(5)})
    pq.write_table(table, tmp_path / "t.parquet")
    images = find_images(tmp_path / "t.parquet", path_column="sku")
    assert images.paths == ("t.parquet/sku=a", "t.parquet/sku=b")
    assert (reds(images), images.columns["n"].tolist()) == ([0, 2], [0, 2])
    assert skipped(images) == {
        "t.parquet, row 1": "invalid row: no name in the column 'sku'",
        "t.parquet, row 3": "duplicate path: a, as in row 0",
        "t.parquet, row 4": "invalid row: no name in the column 'sku'",
    }
    for path in ("t.parquet/sku=c", "t.parquet/sku", "other.parquet/sku=a"):
        with pytest.raises(ImageError):
            images.contents.read(path)
    with pytest.raises(ImageError, match="the file has no column 'no' of names"):
        images.contents.read("t.parquet/no=a")


def test_the_errors_of_a_table_of_paths_name_the_columns_of_bytes_and_invalid_rows(tmp_path):
    columns = {"scan": [b"BMW X5"], "sku": ["a"], "score": [0.5]}
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), file)
    for column, message in (
        (None, "a column of paths or images; the columns are 'scan', 'sku', 'score'"),
        ("nope", "got 'nope', but the columns are 'scan', 'sku', 'score'"),
        ("score", "t.parquet, row 0': invalid row: the path must be text, not float"),
    ):
        with pytest.raises(InputError, match=message):
            find_images(file, path_column=column)


@pytest.fixture
def scans(tmp_path, png):
    """Return a file of the reds 1, 2 and 3 in "scan", in row groups of one row, and other bytes."""
    columns = {
        "raw": [b"\x00", b"\x01", b"\x02", b"\x03"],
        "thumb": [png(9)] * 4,
        "scan": [None, png(1), png(2), png(3)],
        "path": ["0.png", "1.png", "2.png", "3.png"],
        "sku": [7, 8, 9, 10],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=1)
    return tmp_path / "t.parquet"


@pytest.mark.parametrize("is_folder", [False, True])
def test_encoded_images_with_any_name_take_precedence_over_paths(scans, reds, is_folder):
    source = scans.parent if is_folder else scans
    images = find_images(source)
    assert (images.kind, images.image_column) == ("parquet", "scan")
    assert images.columns["source path"] == ("0.png", "1.png", "2.png", "3.png")
    assert reds(images.select([1, 2, 3])) == [1, 2, 3]
    assert open_contents("parquet", source).read(images.paths[3]) == images.contents.read(
        images.paths[3]
    )
    for column, names in (("sku", "7 8 9 10"), ("path", "0.png 1.png 2.png 3.png")):
        named = find_images(source, path_column=column)
        assert named.paths == tuple(f"t.parquet/{column}={name}" for name in names.split())
        assert reds(named.select([1, 2, 3])) == [1, 2, 3]
    assert lists_images(scans)


def test_a_named_column_of_files_lists_the_images_beside_encoded_images(scans, reds, write_images):
    write_images("0.png", "1.png", "2.png", "3.png")
    assert reds(find_images(scans, path_column="path")) == [0, 1, 2, 3]


def test_a_row_group_that_cannot_be_read_does_not_hide_the_images(scans, reds):
    overwrite_column(scans, 2, group=1)
    images = find_images(scans)
    assert images.image_column == "scan"
    assert reds(images.select([2, 3])) == [2, 3]
    for group in range(4):
        overwrite_column(scans, 2, group=group)
    with pytest.raises(InputError, match=r"a Parquet file must be undamaged; .*t\.parquet' cannot"):
        find_images(scans)


@pytest.mark.parametrize("column", ["score", "nope"])
def test_a_column_without_images_is_refused_in_a_folder(file, column):
    with pytest.raises(InputError, match=f"or of their names .*; '{column}' of .* is none"):
        find_images(file.parent, path_column=column)


def test_a_column_of_different_types_in_the_files_is_reported(tmp_path, png):
    prices = {"a": [9.5, None], "b": [None, None], "c": ["12 EUR", "7"], "d": [3, 4]}
    for name, values in prices.items():
        table = pa.table({"image": [png(1), png(2)], "price": values, "n": [1, 2]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    images = find_images(tmp_path)
    assert images.columns["price"][:2] == ("9.5", None)
    lines = list(describe_found(images))
    assert lines[0] == "found 8 images"
    assert (
        "the column 'price' has different types in the files, which became text: numbers in "
        "a.parquet, text in c.parquet" in lines
    )
    assert not any("'n' has different" in line for line in lines)
