"""The commands that load a network."""

import json
import re

import pytest

pytestmark = pytest.mark.usefixtures("here")


class TestScreens:
    def test_layers_shows_outputs_and_hidden_layers(self, featscape):
        done = featscape("layers", "resnet18", "--depth", 1)
        assert done.status == 0
        assert "Features by default: input of fc. Early layers respond to edges" in done.out
        assert re.search(r"^ *layer3 +Sequential +256 x 14 x 14 +256 *$", done.out, re.MULTILINE)
        assert "layer3.0" not in done.out
        assert "57 more layers inside these: --depth 2" in done.out

    def test_layers_as_json(self, featscape):
        tree = json.loads(featscape("layers", "resnet18", "--json").out)
        assert (tree["model"], tree["input_size_px"]) == ("resnet18", 224)
        layers = {layer["name"]: layer for layer in tree["layers"]}
        assert len(layers) == 67
        layer3 = layers["layer3"]
        assert (layer3["shape"], layer3["n_features"], layer3["depth"]) == ([256, 14, 14], 256, 0)
        outer = json.loads(featscape("layers", "resnet18", "--json", "--depth", 1).out)
        assert {layer["depth"] for layer in outer["layers"]} == {0}
