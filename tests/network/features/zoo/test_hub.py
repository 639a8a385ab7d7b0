"""Weights from a small Hugging Face hub on this machine, loaded into a network."""

import http.server
import threading

import pytest
import timm
import torch
from safetensors.torch import save_file

from featscape.features import load_network

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


@pytest.mark.parametrize("file_name", ["model.safetensors", "pytorch_model.bin"])
def test_timms_weights_are_downloaded_once(small_hub, tmp_path, file_name):
    state = timm.create_model("test_vit", pretrained=False).state_dict()
    (save_file if "safe" in file_name else torch.save)(state, tmp_path / "weights")
    content = (tmp_path / "weights").read_bytes()
    small_hub.files[f"/{REPOSITORY}/resolve/main/{file_name}"] = content
    card = load_network("timm:test_vit", device="cpu").card
    assert card.weights == "r160_in1k"
    n_asked = len(small_hub.asked)
    assert load_network("timm:test_vit", device="cpu").card == card
    assert len(small_hub.asked) == n_asked  # no second request
