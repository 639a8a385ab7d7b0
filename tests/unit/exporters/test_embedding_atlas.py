"""The table for Embedding Atlas."""

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from featscape import embed_features
from featscape.cli.export import export_map
from featscape.errors import InputError
from featscape.mapfolder.read import read_items


def test_the_table_has_positions_columns_images_and_neighbors(made):
    table = pq.read_table(made.to_embedding_atlas("map.parquet"))
    assert {"path", "label", "x", "y", "width", "image", "neighbors"} <= set(table.column_names)
    assert not {"sha256", "split"} & set(table.column_names)  # hashes, and an empty column
    assert table["label"].to_pylist() == list(made.labels)
    positions = np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1)
    np.testing.assert_array_equal(positions, made.positions)


def test_the_neighbors_are_rows_and_distances_nearest_first(made):
    neighbors = pq.read_table(made.to_embedding_atlas("map.parquet"))["neighbors"].to_pylist()
    assert [one["ids"] for one in neighbors] == made.neighbors.indices.tolist()
    assert [one["distances"] for one in neighbors] == made.neighbors.distances.tolist()


def test_the_images_are_the_thumbnails(made):
    table = pq.read_table(made.to_embedding_atlas("map.parquet"))
    for i, value in enumerate(table["image"].to_pylist()):
        with Image.open(io.BytesIO(value["bytes"])) as image:
            assert image.format == "JPEG"
            colors = [np.mean(one, axis=(0, 1)) for one in (image, made.thumbnails.load(i))]
            np.testing.assert_allclose(*colors, atol=3)


def test_a_map_of_features_has_no_images(here):
    np.save(here / "f.npy", np.random.default_rng(0).normal(size=(9, 4)))
    table = pq.read_table(embed_features("f.npy", findings=False).to_embedding_atlas("m.parquet"))
    assert table.column_names == ["id", "x", "y", "neighbors"]


def test_a_column_with_the_name_of_a_column_of_the_export_is_renamed(made, monkeypatch):
    items = read_items(made.folder).append_column("image", [["a.png"] * len(made)])
    items = items.append_column("source image", [["b.png"] * len(made)])
    monkeypatch.setattr("featscape.exporters.items.read_items", lambda _folder: items)
    table = pq.read_table(made.to_embedding_atlas("map.parquet"))
    assert set(table["source source image"].to_pylist()) == {"a.png"}
    assert set(table["source image"].to_pylist()) == {"b.png"}
    assert table["image"][0]["bytes"].is_valid


def test_a_file_is_replaced_only_on_demand(made, here):
    (here / "m.parquet").write_text("mine")
    with pytest.raises(InputError, match=r"m\.parquet already exists"):
        made.to_embedding_atlas("m.parquet")
    assert (here / "m.parquet").read_text() == "mine"
    made.to_embedding_atlas("m.parquet", force=True)
    assert [path.name for path in here.iterdir() if path.name != "m"] == ["m.parquet"]
    assert pq.read_table(here / "m.parquet").num_rows == len(made)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_not_replaced_with_a_file(made, here, force):
    (here / "folder.parquet").mkdir()
    with pytest.raises(InputError, match="must be a file"):
        made.to_embedding_atlas("folder.parquet", force=force)
    assert sorted(path.name for path in here.iterdir()) == ["folder.parquet", "m"]


def test_the_command_of_a_three_dimensional_map_names_x_and_y_only(here):
    np.save(here / "f.npy", np.random.default_rng(0).normal(size=(9, 4)))
    made = embed_features("f.npy", "m3", n_components=3, findings=False)
    command = export_map(made.folder, "embedding-atlas", "m3.parquet", force=False)
    assert command == "embedding-atlas m3.parquet --x x --y y --neighbors neighbors"
    assert "z" in pq.read_table("m3.parquet").column_names


def test_the_file_must_have_the_ending_of_its_format(made, here):
    with pytest.raises(InputError, match=r"must end in \.parquet; got map\.csv"):
        made.to_embedding_atlas("map.csv")
    assert not (here / "map.csv").exists()
