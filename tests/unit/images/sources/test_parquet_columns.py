"""Parquet files with several columns of images."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import InputError
from featscape.images import find_images, open_contents
from featscape.steps.facts.source import describe_found


@pytest.fixture
def file(tmp_path, png):
    """Return a file with the reds 0 and 1 in "before", 10 and 11 in "a/b %2F", and 20 in "raw"."""
    columns = {
        "before": [{"bytes": png(red), "path": f"{red}.png"} for red in (0, 1)],
        "a/b %2F": [{"bytes": png(red), "path": f"{red}.png"} for red in (10, 11)],
        "raw": [png(20), png(21)],
        "label": ["x", "y"],
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


@pytest.mark.parametrize("column", ["label", "nope"])
def test_a_column_without_images_is_refused_in_a_folder(file, column):
    with pytest.raises(InputError, match=f"must be a column of images; '{column}' of .* is none"):
        find_images(file.parent, path_column=column)
