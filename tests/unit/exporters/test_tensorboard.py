"""The folder for TensorBoard's embedding projector."""

import csv

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from featscape import embed_features
from featscape.errors import InputError
from featscape.mapfolder.read import read_items


def read_config(folder):
    text = (folder / "projector_config.pbtxt").read_text()
    return text_format.Parse(text, ProjectorConfig())


def read_rows(file):
    with file.open(newline="") as stream:
        return list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_the_configuration_names_the_files_and_their_shapes(made):
    folder = made.to_tensorboard("board")
    positions, features = read_config(folder).embeddings
    assert (positions.tensor_name, features.tensor_name) == ("map", "features")
    plane = np.column_stack([made.positions, np.zeros(len(made))])
    for entry, array in ((positions, plane), (features, made.features)):
        assert entry.tensor_shape == list(array.shape)
        values = np.loadtxt(folder / entry.tensor_path, delimiter="\t", dtype=np.float32)
        np.testing.assert_allclose(values, array, rtol=1e-6)
        assert entry.metadata_path == "metadata.tsv"
        assert entry.sprite.image_path == "sprite.png"


def test_the_metadata_has_the_label_first_and_a_row_for_each_item(made):
    header, *rows = read_rows(made.to_tensorboard("board") / "metadata.tsv")
    assert header[:3] == ["label", "id", "path"]
    assert [tuple(row[:3]) for row in rows] == [
        (made.labels[i], str(i), made.paths[i]) for i in range(len(made))
    ]
    assert {len(row) for row in rows} == {len(header)}


def test_the_metadata_has_a_column_whose_name_is_a_part_of_xyz(made, monkeypatch):
    items = read_items(made.folder).append_column("xy", [[7] * len(made)])
    monkeypatch.setattr("featscape.exporters.items.read_items", lambda _folder: items)
    header, *rows = read_rows(made.to_tensorboard("board") / "metadata.tsv")
    assert {row[header.index("xy")] for row in rows} == {"7"}
    assert not {"x", "y", "z"} & set(header)


def test_the_metadata_has_dates_beyond_those_of_python(made, monkeypatch):
    far = pa.array([2**50] * len(made), pa.timestamp("ms"))
    items = read_items(made.folder).append_column("far", far)
    monkeypatch.setattr("featscape.exporters.items.read_items", lambda _folder: items)
    header, *rows = read_rows(made.to_tensorboard("board") / "metadata.tsv")
    assert "out of range" in rows[0][header.index("far")]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_is_not_replaced_with_a_folder(made, here, force):
    (here / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="must be a folder"):
        made.to_tensorboard("notes.txt", force=force)
    assert (here / "notes.txt").read_text() == "mine"


def test_the_images_are_in_the_order_of_the_items(made):
    folder = made.to_tensorboard("board")
    width, height = read_config(folder).embeddings[0].sprite.single_image_dim
    with Image.open(folder / "sprite.png") as sprite:
        assert sprite.size == (5 * width, 5 * height)  # 24 images in 5 rows of 5
        for i in (0, 4, 5, 23):
            center = (i % 5 * width + width // 2, i // 5 * height + height // 2)
            image = made.thumbnails.load(i)
            expected = image.getpixel((image.width // 2, image.height // 2))
            assert np.abs(np.subtract(sprite.getpixel(center)[:3], expected)).max() < 30, i
        assert sprite.getpixel((sprite.width - 1, sprite.height - 1)) == (0, 0, 0, 0)


def test_names_with_tabs_and_line_breaks_stay_in_one_cell(here):
    rng = np.random.default_rng(0)
    np.save(here / "f.npy", rng.normal(size=(9, 4)))
    (here / "labels.csv").write_text("label\n" + '"a\tb\nc"\n' * 9)
    opened = embed_features("f.npy", labels="labels.csv", findings=False)
    folder = opened.to_tensorboard("board")
    rows = read_rows(folder / "metadata.tsv")
    assert len(rows) == 10
    assert rows[1][0] == r"a\tb\nc"
    assert not (folder / "sprite.png").exists()
    assert not read_config(folder).embeddings[0].HasField("sprite")


def test_a_single_column_has_no_header(here):
    np.save(here / "f.npy", np.random.default_rng(0).normal(size=(9, 4)))
    folder = embed_features("f.npy", findings=False).to_tensorboard("board")
    assert read_rows(folder / "metadata.tsv") == [[str(i)] for i in range(9)]


def test_an_export_is_replaced_only_on_demand(made, here):
    made.to_tensorboard("board")
    with pytest.raises(InputError, match="board already exists"):
        made.to_tensorboard("board")
    made.to_tensorboard("board", force=True)
    (here / "board" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        made.to_tensorboard("board", force=True)
    assert (here / "board" / "notes.txt").read_text() == "mine"
