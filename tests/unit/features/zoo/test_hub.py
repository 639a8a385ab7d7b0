"""The Hugging Face hub: a small server on this machine, a filled cache, and no connection."""

import http.server
import socket
import threading

import pytest

from featscape.errors import ModelError
from featscape.features.zoo import hub
from featscape.progress import SilentProgress

REPOSITORY = "timm/test_vit.r160_in1k"
COMMIT = "a" * 40


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("no_proxy", "*")
    return folder


class SmallHub(http.server.BaseHTTPRequestHandler):
    """Answer like the hub from `files`: path -> bytes, or a status and the name of an error."""

    files = None
    asked = None
    protocol_version = "HTTP/1.1"

    def answer(self, *, body):
        self.asked.append((self.command, self.path))
        content = self.files.get(self.path, (404, "EntryNotFound"))
        if isinstance(content, tuple):
            self.send_response(content[0])
            self.send_header("X-Error-Code", content[1])
            content = b""
        else:
            self.send_response(200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{len(content)}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def log_message(self, *args):
        del args


@pytest.fixture
def small_hub(monkeypatch, cache):  # noqa: ARG001 - the cache must be another
    SmallHub.files, SmallHub.asked = {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SmallHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )
    yield SmallHub
    from huggingface_hub import close_session

    close_session()
    server.shutdown()
    thread.join()
    server.server_close()


def find(*file_names, progress=None):
    return hub.find_on_hub(
        REPOSITORY,
        file_names or ("model.safetensors", "pytorch_model.bin"),
        owner="timm:test_vit",
        progress=progress or SilentProgress(),
    )


def test_a_download_reports_its_megabytes(small_hub):
    from contextlib import contextmanager

    small_hub.files[f"/{REPOSITORY}/resolve/main/model.safetensors"] = bytes(2_500_000)
    seen = []

    class Recorder:
        @contextmanager
        def task(self, task):
            seen.append((task.description, task.total, task.unit))
            yield seen.append
            seen.append("closed")

    assert find(progress=Recorder()).stat().st_size == 2_500_000
    (description, total, unit), *advances, closed = seen
    assert (description, total, unit, closed) == ("Weights of timm:test_vit", 3, "MB", "closed")
    assert sum(advances) == 3


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "EntryNotFound", r"it contains no model\.safetensors or pytorch_model\.bin"),
        (401, "RepoNotFound", r"does not exist, or it is private\. If it is private, run hf"),
        (403, "GatedRepo", r"terms must be accepted first\. Accept its terms at https"),
        (500, "", r"500 .*try again"),
    ],
)
def test_errors_of_the_hub_are_one_line_with_a_remedy(small_hub, status, code, message):
    for name in ("model.safetensors", "pytorch_model.bin"):
        small_hub.files[f"/{REPOSITORY}/resolve/main/{name}"] = (status, code)
    with pytest.raises(ModelError, match=message) as caught:
        find()
    assert "weights of timm:test_vit" in str(caught.value)
    assert "--weights FILE" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_connection_is_an_error(monkeypatch, cache):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        f"http://127.0.0.1:{port}" + "/{repo_id}/resolve/{revision}/{filename}",
    )
    with pytest.raises(ModelError, match=r"refused.* Check the network connection.*--weights FILE"):
        find()
    assert not cache.exists() or not list(cache.rglob("*.safetensors"))


def test_offline_mode_is_an_error(monkeypatch, cache):  # noqa: ARG001 - the cache must be empty
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"HF_HUB_OFFLINE is set\. Unset HF_HUB_OFFLINE, or give"):
        find()


def test_a_filled_cache_needs_no_connection(monkeypatch, cache):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = cache / f"models--{REPOSITORY.replace('/', '--')}"
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text(COMMIT)
    path = folder / "snapshots" / COMMIT / "pytorch_model.bin"
    path.write_bytes(b"weights")
    assert find() == path
    assert hub.find_on_disk(REPOSITORY, ("model.safetensors",)) is None
