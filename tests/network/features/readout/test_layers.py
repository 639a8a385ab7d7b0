"""The list of a network's layers."""

import pytest
import torch
from torchvision import models

from featscape.errors import ModelError
from featscape.features import Layer, list_layers


def test_every_layer_is_listed_with_its_shape(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    tree = list_layers("resnet18")
    assert list(tmp_path.iterdir()) == []  # nothing was downloaded
    layers = {layer.name: layer for layer in tree.layers}
    with torch.device("meta"):
        names = [name for name, _ in models.resnet18().named_modules() if name]
    assert list(layers) == names
    assert (tree.input_size_px, tree.default) == (224, "input of fc")
    assert layers["layer3"] == Layer("layer3", "Sequential", (256, 14, 14), 256)
    assert layers["avgpool"].shape == (512, 1, 1)
    assert layers["fc"] == Layer("fc", "Linear", (1000,), 1000)


def test_tokens_and_maps_with_channels_last_are_listed():
    tree = list_layers("timm:test_vit")
    layers = {layer.name: layer for layer in tree.layers}
    assert layers["blocks.1"] == Layer("blocks.1", "Block", (101, 64), 64, depth=1)
    swin = {layer.name: layer for layer in list_layers("swin_t").layers}
    assert swin["features.1"].shape == (56, 56, 96)
    assert swin["features.1"].n_features == 96


def test_a_network_that_reads_values_is_run_on_the_cpu(monkeypatch, tmp_path):
    (tmp_path / "needs_numbers.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 4, 1)\n"
        "        self.lists = nn.ModuleList([nn.ReLU()])\n"
        "    def forward(self, x):\n"
        "        x = self.conv(x)\n"
        "        return x * float(x.sum() > 0)\n"
    )
    monkeypatch.chdir(tmp_path)
    tree = list_layers("needs_numbers:Net")
    assert [(layer.name, layer.shape) for layer in tree.layers] == [
        ("conv", (4, 224, 224)),
        ("lists", None),
        ("lists.0", None),
    ]
    assert tree.default == "output"


def test_an_unknown_network_is_an_error_with_a_suggestion():
    with pytest.raises(ModelError, match="Did you mean resnet18"):
        list_layers("resnet188")
