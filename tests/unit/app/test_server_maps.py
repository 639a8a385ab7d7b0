"""Maps that a server refuses or serves in part: damaged, without images, with hostile names."""

import asyncio
import io
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

from featscape import embed_features, make_map
from featscape.app.placer import list_neighbors
from featscape.app.server.application import ServedMap
from featscape.bundle.contract import NeighborList
from featscape.errors import InputError
from featscape.printable_names import valid_unicode


class TestDamage:
    @pytest.mark.parametrize(
        "name",
        [
            "bundle/manifest.json",
            "bundle/positions.bin",
            "bundle/thumbnails-64.bin",
            "items.parquet",
            "neighbors.npz",
            "scatter.png",
            "thumbnails/data.bin",
        ],
    )
    def test_a_missing_file_raises(self, copied, name):
        (copied.folder / name).unlink()
        with pytest.raises(InputError, match="Make the map again"):
            ServedMap(copied.folder)

    @pytest.mark.parametrize(
        "name",
        [
            "bundle/manifest.json",
            "bundle/positions.bin",
            "bundle/thumbnails-64.bin",
            "items.parquet",
            "neighbors.npz",
            "thumbnails/data.bin",
        ],
    )
    def test_a_truncated_file_raises(self, copied, name):
        file = copied.folder / name
        file.write_bytes(file.read_bytes()[:-40])
        with pytest.raises(InputError, match="Make the map again"):
            ServedMap(copied.folder)

    def test_neighbors_and_distances_of_different_shapes_raise(self, copied):
        file = copied.folder / "neighbors.npz"
        with np.load(file) as arrays:
            indices, distances = arrays["indices"], arrays["distances"]
        np.savez(file, indices=indices, distances=distances[:, :0])
        with pytest.raises(InputError, match=r"neighbors\.npz is missing or damaged"):
            ServedMap(copied.folder)

    def test_files_of_two_maps_raise(self, copied):
        import pyarrow.parquet as pq

        table = pq.read_table(copied.folder / "items.parquet")
        pq.write_table(table.slice(0, 59), copied.folder / "items.parquet")
        with pytest.raises(InputError, match="60 numbers for 59 items"):
            ServedMap(copied.folder)


class TestOtherMaps:
    @pytest.mark.usefixtures("quick_network")
    def test_hostile_names_are_text(self, tmp_path, open_client, fetch_zip):
        names = ['<script>alert("1")</script>', "new\nline", "quo'\"te & co", "caf\udce9", "قطة"]
        for number, name in enumerate(names):
            folder = tmp_path / "images" / name.replace("/", "⁄")
            folder.mkdir(parents=True)
            for copy in range(3):
                pixels = np.full((20, 30, 3), 40 * number + copy, np.uint8)
                Image.fromarray(pixels).save(folder / f"{name[:4].replace('/', '')}{copy}.png")
        made = make_map(tmp_path / "images", tmp_path / "<b>&map", perplexity=3, size_px=200)
        client = open_client(made.folder)
        page = client.get("/").text
        assert "<script>alert" not in page
        assert "<b>" not in page
        for item, path in enumerate(made.paths):
            details = client.get(f"/api/items/{item}").json()
            assert details["path"] == valid_unicode(path)
            assert details["label"] == valid_unicode(made.labels[item])
            image = client.get(f"/api/items/{item}/image")
            assert image.content == (tmp_path / "images" / path).read_bytes()
        content = fetch_zip(client, list(range(15))).content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert len(archive.namelist()) == 15
            archive.extractall(tmp_path / "unpacked")
        assert len(list((tmp_path / "unpacked").rglob("*.png"))) == 15
        found = client.post("/api/search", json={"text": '<script>alert("1")'}).content
        assert len(found) == 3 * 4

    def test_a_map_of_features_has_no_paths_and_images(self, tmp_path, open_client, error_of):
        features = np.random.default_rng(0).normal(size=(40, 5))
        np.save(tmp_path / "features.npy", features)
        made = embed_features(tmp_path / "features.npy", tmp_path / "m", perplexity=5)
        client = open_client(made.folder)
        abilities = '"originals":false,"search":true,"content":false,"zip":0,"place":false,'
        assert f'"abilities":{{{abilities}' in client.get("/").text
        assert client.get("/api/items/3").json()["path"] is None
        assert len(client.get("/api/items/3/neighbors").json()["ids"]) == 15
        assert "the map has no thumbnails. Make the map" in error_of(
            client.get("/api/items/3/thumbnail")
        )
        assert "no original images" in error_of(client.get("/api/items/3/image"))


def test_empty_entries_of_the_graph_are_omitted():
    indices = np.array([4, 7, -1, -1], dtype=np.int32)
    distances = np.array([0.5, 1.25, np.inf, np.inf], dtype=np.float32)
    assert list_neighbors(indices, distances) == NeighborList(ids=[4, 7], distances=[0.5, 1.25])


def test_a_closed_map_leaves_no_threads(digits):
    before = set(threading.enumerate())
    served = ServedMap(digits.folder)
    asyncio.run(served.originals.read(0))
    own = [
        each for each in threading.enumerate() if each not in before and "originals" in each.name
    ]
    assert own
    served.close()
    for thread in own:
        thread.join(10)
        assert not thread.is_alive()
