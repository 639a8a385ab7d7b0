"""The commands that build a network."""

import re

import pytest

pytestmark = pytest.mark.usefixtures("here")


class TestScreens:
    @pytest.fixture
    def made(self, featscape, photos, here, quick_network):  # noqa: ARG002 - the fixture replaces the network
        (photos / "red" / "broken.png").write_bytes(b"")
        (photos / "red").rename(photos / "[red]")
        return featscape("map", photos, "-o", "m", "--perplexity", 4, "--size", 400)

    def test_layers_shows_outputs_and_hidden_layers(self, featscape):
        done = featscape("layers", "resnet18", "--depth", 1)
        assert done.status == 0
        assert "Features by default: input of fc." in done.out
        assert re.search(r"^ *layer3 +Sequential +256 x 14 x 14 +256 *$", done.out, re.MULTILINE)
        assert "layer3.0" not in done.out
        assert "57 more layers inside these: --depth 2" in done.out
