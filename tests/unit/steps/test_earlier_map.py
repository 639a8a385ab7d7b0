"""The items of a map as the source of a new map: what the first map computed is left out."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape import find_images, open_map
from featscape.feature_options import FeatureMapOptions
from featscape.mapfolder import FIRST_COLUMNS, OWN_COLUMNS
from featscape.progress import PlainProgress
from featscape.steps.facts.source import describe_found
from featscape.steps.own_features import read_own_features

LINE = (
    "left out 12 columns: 'id', 'width', 'height', 'sha256', 'x', 'y', 'suspicion', "
    "'suggested', 'off_topic', 'torn', 'false_friends', 'duplicate_group' (from an earlier map; "
    "the new map has its own)"
)


@pytest.fixture
def table(made, here):
    """Write the items of a map of photos, with a column of the source, as to_parquet does."""
    file = open_map(made.folder).to_parquet(here / "items.parquet")
    pq.write_table(pq.read_table(file).append_column("age", pa.array(range(len(made)))), file)
    return file


def read(options, lines):
    own = read_own_features(FeatureMapOptions(**options, progress=PlainProgress(lines.append)))
    return own, "\n".join(lines)


def test_a_written_map_gives_a_map_with_the_columns_of_the_source(made, table):
    own, lines = read({"features": table, "images": made.run["source"]}, [])
    assert own.items.images.paths == made.paths
    assert own.labels == made.labels
    assert list(own.items.images.columns) == ["age"]
    assert np.array_equal(own.values, made.features)
    assert LINE in lines.splitlines()
    assert "boxes" not in lines
    assert "is called" not in lines


def test_a_table_that_pandas_or_a_spreadsheet_wrote_is_recognized(made, here, table):
    frame = pq.read_table(table).drop_columns("vector").to_pandas()
    frame.to_csv(here / "items.csv", index=False)
    options = {"features": made.folder / "features.npy", "images": made.run["source"]}
    for columns in (here / "items.csv", frame):
        own, lines = read({**options, "columns": columns}, [])
        assert (own.labels, list(own.items.images.columns)) == (made.labels, ["age"])
        assert LINE in lines.splitlines()


def test_images_of_a_written_map_have_the_columns_of_the_source(made, table):
    frame = pq.read_table(table).drop_columns("vector").to_pandas()
    for images in (
        find_images(table),
        find_images(frame),
        find_images(list(frame["path"][:2]), columns=frame[:2]),
    ):
        assert list(images.columns) == ["age"]
        assert LINE in describe_found(images)
        assert set(images.labels) <= set(made.labels)


def test_a_selection_that_the_page_wrote_gives_a_map_of_its_images(here):
    header = "id,path,label,width,height,agreement,off_topic,torn,false_friends,age"
    rows = ("3,a.png,cat,64,48,,-1.5,0.2,0.1,7", "5,b.png,dog,64,48,0.8,-2,0.1,0,9")
    (here / "selection.csv").write_text("\r\n".join(("\ufeff" + header, *rows)), encoding="utf-8")
    images = find_images(here / "selection.csv")
    assert (images.paths, images.labels) == (("a.png", "b.png"), ("cat", "dog"))
    assert list(images.columns) == ["age"]


def test_a_written_map_of_points_gives_a_map_of_points(here):
    n_items = 4
    missing = pa.nulls(n_items, pa.string())
    columns = dict.fromkeys(FIRST_COLUMNS, missing) | {
        "label": pa.array(["a", "b", "a", "b"]),
        "split": pa.array(["train", "train", "test", "test"]),
        "vector": pa.array([[1.0, 2.0]] * n_items),
    }
    pq.write_table(pa.table(columns), here / "points.parquet")
    own, _ = read({"features": here / "points.parquet"}, [])
    assert own.items.images is None
    assert own.labels == ("a", "b", "a", "b")
    assert own.items.splits == ("train", "train", "test", "test")
    assert own.items.columns == {}


def test_another_table_keeps_all_columns(here):
    """A table of boxes has the names of most of the columns, in another order."""
    order = ("id", "path", "label", "split", "x", "y", "width", "height")
    assert set(order) == set(FIRST_COLUMNS) <= OWN_COLUMNS
    (here / "boxes.csv").write_text(",".join(order) + "\n1,a.png,cat,train,1,2,3,4\n")
    images = find_images(here / "boxes.csv")
    assert set(images.columns) == {f"source {name}" for name in ("id", "x", "y", "width", "height")}
    assert "the table has boxes (x, y, width, height)" in "\n".join(describe_found(images))
