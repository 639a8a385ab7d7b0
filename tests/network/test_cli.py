"""The commands that load a network."""

import re

import pytest

pytestmark = pytest.mark.usefixtures("here")


class TestScreens:
    def test_layers_shows_outputs_and_hidden_layers(self, featscape):
        done = featscape("layers", "resnet18", "--depth", 1)
        assert done.status == 0
        assert "Features by default: input of fc." in done.out
        assert re.search(r"^ *layer3 +Sequential +256 x 14 x 14 +256 *$", done.out, re.MULTILINE)
        assert "layer3.0" not in done.out
        assert "57 more layers inside these: --depth 2" in done.out
