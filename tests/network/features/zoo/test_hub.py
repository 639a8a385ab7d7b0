"""Weights from a small Hugging Face hub on this machine, loaded into a network."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from featscape.features import load_network

REPOSITORY = "timm/test_vit.r160_in1k"


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
