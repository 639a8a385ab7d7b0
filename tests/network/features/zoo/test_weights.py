"""Networks that are loaded with weights from files and from servers."""

import hashlib
import os
import socket
import threading

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from featscape.errors import ModelError
from featscape.features import load_network
from featscape.features.zoo import weights
from featscape.files.regular import hash_file
from helpers.notes import Notes
from helpers.web_server import Handler, serve


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ModelError, match=r"none\.pth does not exist"):
        load_network("shufflenet_v2_x0_5", weights=tmp_path / "none.pth")


def test_a_folder_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="is a folder"):
        load_network("shufflenet_v2_x0_5", weights=tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_pipes_and_devices_are_refused_before_they_are_read(tmp_path, featscape):
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "link.pth").symlink_to("/dev/zero")
    (tmp_path / "images").mkdir()
    for name in ("/dev/zero", "/proc/kmsg", tmp_path / "pipe.pth", tmp_path / "link.pth"):
        with pytest.raises(ModelError, match="is not a regular file"):
            load_network("shufflenet_v2_x0_5", weights=name)
    ended = featscape("map", tmp_path / "images", "--weights", "/dev/zero")
    assert ended.status == 2
    assert ended.err == (
        "featscape: weights must be a .pth or .safetensors file; /dev/zero is not a regular file. "
        "Check the path given with --weights (weights=).\n"
    )


@pytest.mark.parametrize("n_classes", [10, 1000])
def test_weights_for_other_classes_are_accepted(tmp_path, save_weights, n_classes):
    path = save_weights("shufflenet_v2_x0_5", tmp_path / "tuned.pth", num_classes=n_classes)
    network = load_network("shufflenet_v2_x0_5", weights=path)
    assert network.card.n_features == 1024
    assert network.card.weights == str(path)
    assert network.card.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_with_another_or_no_classifier_are_accepted(tmp_path, small_file):
    state = torch.load(small_file, weights_only=True)
    body = {key: tensor for key, tensor in state.items() if not key.startswith("fc.")}
    for name, head in (("none", {}), ("deep", {"fc.0.weight": torch.ones(3, 1024)})):
        path = tmp_path / f"{name}.pth"
        torch.save({**body, **head}, path)
        assert load_network("shufflenet_v2_x0_5", weights=path).card.n_features == 1024


@pytest.mark.parametrize("make", [models.resnet18, models.densenet121, models.efficientnet_b0])
def test_no_random_weights_are_drawn_for_a_file(make):
    before = torch.get_rng_state()
    with weights.skip_random_weights():
        make()
    assert torch.equal(torch.get_rng_state(), before)
    make()
    assert not torch.equal(torch.get_rng_state(), before)


def test_training_counters_are_allowed_to_be_missing(tmp_path, small_file):
    state = torch.load(small_file, weights_only=True)
    path = tmp_path / "old.pth"
    torch.save({k: v for k, v in state.items() if "num_batches" not in k}, path)
    assert load_network("shufflenet_v2_x0_5", weights=path).card.n_features == 1024


def test_auxiliary_classifiers_are_ignored(tmp_path, save_weights):
    arguments = {"init_weights": False, "aux_logits": True}
    path = save_weights("googlenet", tmp_path / "googlenet.pth", **arguments)
    assert any(key.startswith("aux1.") for key in weights.read_state(path))
    assert load_network("googlenet", weights=path).card.n_features == 1024


def test_weights_of_another_network_are_refused(small_file):
    message = r"do not fit resnet18: missing: conv1\.weight, bn1\.weight.* and \d+ more; unexpected"
    with pytest.raises(ModelError, match=message):
        load_network("resnet18", weights=small_file)


@pytest.mark.parametrize("prefix", ["module.", "model."])
def test_a_common_prefix_of_all_names_is_removed_and_reported(tmp_path, small_file, prefix):
    state = torch.load(small_file, weights_only=True)
    path, notes = tmp_path / "last.ckpt", Notes()
    torch.save({"state_dict": {f"{prefix}{key}": state[key] for key in state}}, path)
    network = load_network("shufflenet_v2_x0_5", weights=path, progress=notes)
    assert (
        network.card.fingerprint
        == load_network("shufflenet_v2_x0_5", weights=small_file).card.fingerprint
    )
    assert notes.lines == [f"last.ckpt: removed '{prefix}' from the names of all weights"]
    message = rf"do not fit resnet18: missing: conv1.*begin with '{prefix}', and the"
    with pytest.raises(ModelError, match=message):
        load_network("resnet18", weights=path)


def test_weights_of_a_larger_network_are_refused(tmp_path, small_file):
    state = torch.load(small_file, weights_only=True)
    path = tmp_path / "larger.pth"
    torch.save({**state, "stage4.9.branch1.0.weight": torch.ones(2)}, path)
    words = r"stage4\.9\.branch1\.0\.weight\. .*; if .*, delete the unexpected tensors"
    with pytest.raises(ModelError, match=f"_x0_5: unexpected: {words}"):
        load_network("shufflenet_v2_x0_5", weights=path)


def test_weights_without_a_tensor_are_refused(tmp_path, small_file):
    state = torch.load(small_file, weights_only=True)
    del state["conv1.0.weight"]
    path = tmp_path / "part.pth"
    torch.save(state, path)
    words = r"conv1\.0\.weight\. .*; if .*, save all of module\.state_dict"
    with pytest.raises(ModelError, match=f"_x0_5: missing: {words}"):
        load_network("shufflenet_v2_x0_5", weights=path)


def test_a_tensor_with_another_shape_is_named(tmp_path, small_file):
    state = torch.load(small_file, weights_only=True)
    state["conv1.0.weight"] = torch.ones(24, 1, 3, 3)
    path = tmp_path / "gray.pth"
    torch.save(state, path)
    message = r"conv1\.0\.weight of shape \(24, 1, 3, 3\) instead of \(24, 3, 3, 3\)"
    with pytest.raises(ModelError, match=message):
        load_network("shufflenet_v2_x0_5", weights=path)


def test_weights_with_nan_are_refused(tmp_path, small_file):
    state = torch.load(small_file, weights_only=True)
    state["conv5.1.weight"][0] = float("nan")
    path = tmp_path / "nan.pth"
    torch.save(state, path)
    with pytest.raises(ModelError, match="gives NaN or infinity"):
        load_network("shufflenet_v2_x0_5", weights=path)


@pytest.fixture
def weights_server(tmp_path, monkeypatch, small_file):
    """Serve weights on this machine, and use an empty cache for downloads."""
    folder = tmp_path / "server"
    folder.mkdir()
    name = f"small-{hash_file(small_file)[:8]}.pth"
    (folder / name).write_bytes(small_file.read_bytes())

    class Files(Handler):
        def respond(self):
            file = folder / self.path.removeprefix("/")
            self.send_file(file.read_bytes()) if file.is_file() else self.send(404)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    with serve(Files) as address:
        value = models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1.value
        monkeypatch.setattr(value, "url", f"{address}/{name}")
        yield folder / name, tmp_path / "cache/hub/checkpoints"


def test_weights_are_downloaded_once(weights_server):
    served, cache = weights_server
    card = load_network("shufflenet_v2_x0_5").card
    assert card.weights == "IMAGENET1K_V1"
    assert card.weights_sha256 == hash_file(served)
    assert [path.name for path in cache.iterdir()] == [served.name]
    served.unlink()
    assert load_network("shufflenet_v2_x0_5").card == card


def test_a_download_reports_its_megabytes(weights_server):
    served, _ = weights_server
    seen = []

    class Recorder:
        def task(self, task):
            seen.append((task.description, task.total, task.unit))
            from contextlib import nullcontext

            return nullcontext(seen.append)

    load_network("shufflenet_v2_x0_5", progress=Recorder())
    (description, total, unit), *advances = seen
    assert description == "Weights of shufflenet_v2_x0_5 (IMAGENET1K_V1)"
    assert unit == "MB"
    assert total == sum(advances) == -(-served.stat().st_size // 1_000_000)


def test_a_download_with_a_wrong_hash_is_refused(weights_server):
    served, cache = weights_server
    served.write_bytes(b"not the weights")
    with pytest.raises(ModelError, match=r"must have a SHA-256 that starts with .* damaged"):
        load_network("shufflenet_v2_x0_5")
    assert (cache / served.name).read_bytes() == b"not the weights"


def test_a_failed_download_leaves_no_file_and_suggests_remedies(weights_server):
    served, cache = weights_server
    served.unlink()
    with pytest.raises(ModelError, match="could not be downloaded") as caught:
        load_network("shufflenet_v2_x0_5")
    message = str(caught.value)
    assert "404" in message
    assert "--weights FILE" in message
    assert "--model efficientnet_lite0" in message
    assert "\n" not in message
    assert list(cache.iterdir()) == []


def test_a_download_without_a_connection_is_an_error(monkeypatch, tmp_path):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    value = models.ResNet101_Weights.IMAGENET1K_V1.value
    monkeypatch.setattr(value, "url", f"http://127.0.0.1:{port}/resnet101-63fe2227.pth")
    with pytest.raises(ModelError, match=r"resnet101 .*Connection refused.*--weights FILE"):
        load_network()


def test_an_interrupted_download_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve_half():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(500))

        thread = threading.Thread(target=serve_half)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/small-f37072fd.pth"
        monkeypatch.setattr(models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1.value, "url", url)
        with pytest.raises(ModelError, match=r"could not be downloaded.*IncompleteRead"):
            load_network("shufflenet_v2_x0_5")
        thread.join()
    assert list((tmp_path / "hub/checkpoints").iterdir()) == []


def test_safetensors_files_are_read(tmp_path, small_file):
    path = tmp_path / "small.safetensors"
    save_file(torch.load(small_file, weights_only=True), path)
    card = load_network("shufflenet_v2_x0_5", weights=path).card
    assert card.weights_sha256 == hash_file(path)
