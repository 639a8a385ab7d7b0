"""The answer to a new image that is placed on a served map."""

import base64
import io
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from featscape.app.server.application import ServedMap
from featscape.records import Neighbors, PlacedImage


@pytest.fixture
def place(digits, monkeypatch):
    """Return a function that places a file on the map of digits, always at one position."""
    nearest = Neighbors(np.array([[3, 5]], np.int32), np.array([[0.5, 1]], np.float32))
    placed = PlacedImage(np.array([1, 2], np.float32), nearest)
    monkeypatch.setattr("featscape.app.placer.open_placer", lambda *_, **__: lambda _: placed)
    with closing(ServedMap(digits.folder)) as served:
        yield served.placer.place


def encode(kind):
    content = io.BytesIO()
    Image.new("RGB", (1200, 600), "red").save(content, kind)
    return content.getvalue()


def test_a_tiff_image_is_answered_with_a_small_copy(place):
    placed = place(encode("TIFF"))
    assert (placed.position, placed.neighbors.ids) == ([1, 2], [3, 5])
    with Image.open(io.BytesIO(base64.b64decode(placed.thumbnail))) as copy:
        assert (copy.format, copy.size) == ("JPEG", (512, 256))
        assert copy.getpixel((9, 9))[0] > 250


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_other_images_are_answered_without_a_copy(place, kind):
    assert place(encode(kind)).thumbnail is None
