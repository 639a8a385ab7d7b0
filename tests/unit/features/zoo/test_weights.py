"""Files of weights: valid, damaged, of another network, with code, and downloaded."""

import os

import pytest
import torch
from torch import nn

from featscape.errors import ModelError
from featscape.features.zoo import weights


@pytest.mark.parametrize(
    "content", [b"", b"hello world\n", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", bytes(300)]
)
def test_files_of_another_kind_are_an_error(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or of another kind"):
        weights.read_state(path)


def test_a_truncated_file_is_an_error(tmp_path):
    path = tmp_path / "half.pth"
    torch.save(nn.Linear(1000, 1000).state_dict(), path)
    os.truncate(path, path.stat().st_size - 1_000_000)
    with pytest.raises(ModelError, match="damaged or of another kind"):
        weights.read_state(path)


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_file_is_not_run(tmp_path):
    path, sprung = tmp_path / "trap.pth", tmp_path / "sprung"
    torch.save({"state_dict": Trap(sprung)}, path)
    with pytest.raises(ModelError, match="contains pickled Python objects"):
        weights.read_state(path)
    assert not sprung.exists()


def test_a_pickled_network_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "whole.pth"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(ModelError, match=r"torch\.save\(model\.state_dict\(\), FILE\)"):
        weights.read_state(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ([1, 2], "contains a list"),
        (torch.ones(2), "contains a Tensor"),
        ({}, "an empty dict"),
        ({"epoch": 3, "lr": 0.1}, "a dict with the keys 'epoch', 'lr'"),
        ({"state_dict": {"a": 1}}, "a dict with the keys 'state_dict'"),
    ],
)
def test_content_that_is_not_a_state_dict_is_an_error(tmp_path, content, what):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(ModelError, match=what):
        weights.read_state(path)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
def test_the_wrappers_of_training_scripts_are_removed(tmp_path, wrapper):
    state = {"conv.weight": torch.ones(2), "fc.bias": torch.zeros(1)}
    path = tmp_path / "checkpoint.pth"
    torch.save(state if wrapper is None else {"epoch": 3, wrapper: state}, path)
    assert list(weights.read_state(path)) == ["conv.weight", "fc.bias"]


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["model.conv.weight", "model.bias"], "model."),
        (["conv.weight", "fc.bias"], ""),
        (["model", "model.bias"], ""),
    ],
)
def test_the_common_prefix_is_the_first_part_of_all_names(names, prefix):
    assert weights.common_prefix(dict.fromkeys(names)) == prefix


@pytest.mark.parametrize(
    ("names", "prefixes"),
    [
        (["model.conv.weight", "model.fc.weight", "loss.weight"], ["model."]),
        (["net.body.conv.weight", "net.body.fc.weight", "net.head.weight"], ["net.body."]),
        (["model.conv.weight", "model.fc.bias", "ema.conv.weight"], ["ema.", "model."]),
        (["model.conv.weight", "model.fc.weight", "teacher.conv.weight"], ["model."]),
        (["conv.weight", "fc.weight", "block.conv.weight"], []),
        (["block.conv.weight", "other.weight"], []),  # less than half of the network
        (["loss.weight"], []),
    ],
)
def test_the_prefixes_of_a_network_in_a_file_are_found(names, prefixes):
    own = ["conv.weight", "fc.weight", "fc.bias"]
    names = [*names, *(f"{prefix}fc.bias" for prefix in prefixes)]
    assert weights.nested_prefixes(dict.fromkeys(names), own) == prefixes


@pytest.mark.parametrize(("low", "high"), [(-2, 2), (1, 3)])
def test_rejection_sampling_ends(low, high):
    parameter = nn.Parameter(torch.full((100,), 1e9))
    with weights.skip_random_weights():
        nn.init.trunc_normal_(parameter, a=low, b=high)
        drawn = torch.empty(100).uniform_(1, 2)
    assert low <= parameter.min() <= parameter.max() <= high
    assert 1 <= drawn.min() <= drawn.max() <= 2


@pytest.mark.parametrize("content", [b"", b"hello world\n", b"\xff" * 300, b"\x10" + bytes(7)])
def test_damaged_safetensors_files_are_an_error(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged or of another kind"):
        weights.read_state(path)


def test_code_in_a_file_named_safetensors_is_not_run(tmp_path):
    path, sprung = tmp_path / "trap.safetensors", tmp_path / "sprung"
    torch.save({"state_dict": Trap(sprung)}, path)
    with pytest.raises(ModelError, match="is damaged or of another kind"):
        weights.read_state(path)
    assert not sprung.exists()
