"""Datasets of the Hugging Face hub, on a server on this machine that answers like the hub."""

import io
import json
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfFileSystem, close_session

from featscape.errors import ImageError, InputError
from featscape.images import find_images, open_contents
from helpers.web_server import Handler, serve

REPOSITORY = "me/birds"


@pytest.fixture
def hub(monkeypatch):
    """Return a hub with the dataset me/birds; `files` maps the paths of its files to bytes."""
    served = SimpleNamespace(files={}, broken=set())

    class Hub(Handler):
        def respond(self):
            path = unquote(urlsplit(self.path).path)
            if path == f"/api/datasets/{REPOSITORY}":
                self.send_json({"id": REPOSITORY, "sha": "0" * 40})
            elif path.startswith(f"/api/datasets/{REPOSITORY}/tree/main"):
                folder = path.removeprefix(f"/api/datasets/{REPOSITORY}/tree/main").strip("/")
                self.send_json(list_folder(served.files, folder))
            elif path == f"/api/datasets/{REPOSITORY}/paths-info/main":
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = parse_qs(body)["paths"]
                self.send_json(
                    [describe(served.files, name) for name in asked if name in served.files]
                )
            elif path.startswith(f"/datasets/{REPOSITORY}/resolve/main/"):
                name = path.removeprefix(f"/datasets/{REPOSITORY}/resolve/main/")
                if name in served.broken or name not in served.files:
                    self.send(404)
                else:
                    self.send_file(served.files[name])
            else:
                self.send(
                    404, b'{"error": "Repository not found"}', [("X-Error-Code", "RepoNotFound")]
                )

        def send_json(self, content):
            self.send(200, json.dumps(content).encode(), [("Content-Type", "application/json")])

    with serve(Hub) as address:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setenv("no_proxy", "*")
        HfFileSystem.clear_instance_cache()
        yield served
        HfFileSystem.clear_instance_cache()
        close_session()


def describe(files, path):
    return {"type": "file", "oid": "0" * 40, "size": len(files[path]), "path": path}


def list_folder(files, folder):
    prefix = f"{folder}/" if folder else ""
    below = sorted(path for path in files if path.startswith(prefix))
    folders = sorted(
        {prefix + path.removeprefix(prefix).split("/")[0] for path in below} - {*below}
    )
    return [
        *({"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in folders),
        *(describe(files, path) for path in below if "/" not in path.removeprefix(prefix)),
    ]


def test_a_dataset_of_folders_is_read(hub, png, reds):
    hub.files |= {"README.md": b"# Birds", "train/gull/1.png": png(4), "train/owl/1.png": png(9)}
    images = find_images("hf://datasets/me/birds")
    assert images.source == "hf://datasets/me/birds"
    assert images.paths == ("train/gull/1.png", "train/owl/1.png")
    assert (images.labels, images.splits) == (("gull", "owl"), ("train", "train"))
    assert reds(images) == [4, 9]
    assert find_images("hf://datasets/me/birds/train").labels == ("gull", "owl")
    hub.broken.add("train/owl/1.png")
    with pytest.raises(ImageError, match="no such file"):
        images.load(1)


def test_a_dataset_of_parquet_files_is_read(hub, png, reds):
    for shard in range(2):
        file = io.BytesIO()
        rows = [{"bytes": png(10 * shard + i), "path": None} for i in range(3)]
        pq.write_table(pa.table({"image": rows, "label": ["gull", "owl", "owl"]}), file)
        hub.files[f"data/train-{shard:05}-of-00002.parquet"] = file.getvalue()
    images = find_images("hf://datasets/me/birds")
    assert images.labels == ("gull", "owl", "owl") * 2
    assert reds(images) == [0, 1, 2, 10, 11, 12]
    one = "hf://datasets/me/birds/data/train-00001-of-00002.parquet"
    assert reds(find_images(one)) == [10, 11, 12]
    path = images.paths[4]
    assert open_contents("parquet", "hf://datasets/me/birds").read(path) == png(11)


def test_a_dataset_that_does_not_exist_is_an_error(hub):
    assert hub.files == {}
    with pytest.raises(InputError, match="'hf://datasets/me/nothing': no such file"):
        find_images("hf://datasets/me/nothing")


def test_the_names_in_a_dataset_are_not_encoded(hub, png, reds):
    names = ["a", "a#1.png", "a%231.png", "a?2.png", "x%20y.png", "São Tomé #2/ü@.png"]
    hub.files |= {f"set #1/{name}": png(red) for red, name in enumerate(names)}
    hub.files["set #1/m #.csv"] = "\n".join(["path", *names]).encode()
    images = find_images("hf://datasets/me/birds/set #1")
    assert images.paths == tuple(sorted(names[1:]))
    assert reds(images) == [5, 1, 2, 3, 4]
    assert reds(find_images("hf://datasets/me/birds/set #1/m #.csv")) == [0, 1, 2, 3, 4, 5]
