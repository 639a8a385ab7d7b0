"""A smooth image, and a function that encodes and decodes."""

import numpy as np
import pytest
from PIL import Image

from featscape.images import decode_bytes
from helpers.images.image_files import encode


@pytest.fixture
def photo():
    """Return a smooth image with four different corners."""
    y, x = np.mgrid[0:40, 0:60]
    return Image.fromarray(np.stack([x * 4, y * 6, 255 - x * 2 - y * 3], -1).astype(np.uint8))


@pytest.fixture
def decode():
    """Return a function that encodes an image, unless it is bytes already, and decodes it."""

    def encode_and_decode(image, format_="", **options):
        content = image if isinstance(image, bytes) else encode(image, format_, **options)
        decoded = decode_bytes(content).image
        assert type(decoded) is Image.Image
        assert decoded.mode == "RGB"
        assert decoded.info == {}
        return decoded

    return encode_and_decode
