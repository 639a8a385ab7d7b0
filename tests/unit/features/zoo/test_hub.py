"""Downloads from the Hugging Face hub: from a small hub, from the cache, and without a network."""

import socket

import pytest

from featscape.errors import ModelError
from featscape.features.zoo import hub
from featscape.progress import SilentProgress

REPOSITORY = "timm/test_vit.r160_in1k"
COMMIT = "a" * 40


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


def test_a_missing_connection_is_an_error(monkeypatch, hub_cache):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        f"http://127.0.0.1:{port}" + "/{repo_id}/resolve/{revision}/{filename}",
    )
    with pytest.raises(ModelError, match=r"refused.* Check the network connection.*--weights FILE"):
        find()
    assert not hub_cache.exists() or not list(hub_cache.rglob("*.safetensors"))


def test_offline_mode_is_an_error(monkeypatch, hub_cache):  # noqa: ARG001 - the cache must be empty
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"HF_HUB_OFFLINE is set\. Unset HF_HUB_OFFLINE, or give"):
        find()


def test_a_filled_cache_needs_no_connection(monkeypatch, hub_cache):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = hub_cache / f"models--{REPOSITORY.replace('/', '--')}"
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text(COMMIT)
    path = folder / "snapshots" / COMMIT / "pytorch_model.bin"
    path.write_bytes(b"weights")
    assert find() == path
    assert hub.find_on_disk(REPOSITORY, ("model.safetensors",)) is None
