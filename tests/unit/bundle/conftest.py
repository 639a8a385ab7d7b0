"""Bundles of a few items, with thumbnails that identify the item."""

import numpy as np
import pytest
from PIL import Image

from featscape.bundle import encode_from, open_bundle
from featscape.records import Neighbors
from helpers.maps.plain_bundle import write_plain_bundle


class Swatches:
    """Images with one color each; the color encodes the row."""

    def __init__(self, n_images, size=(200, 100)):
        self._n_images = n_images
        self._size = size

    def __len__(self):
        return self._n_images

    def load(self, index, *, at_least_px=0):
        del at_least_px
        # the distance to the colors of other rows exceeds the error of WebP
        color = (index % 8 * 36, index // 8 % 8 * 36, index // 64 % 8 * 36)
        return Image.new("RGB", self._size, color)

    @staticmethod
    def row_of(image):
        """Return the row that the color of an image encodes."""
        red, green, blue = (round(level / 36) for level in image.getpixel((0, 0)))
        return red + 8 * green + 64 * blue


@pytest.fixture
def swatches():
    return Swatches


def nearest_in_plane(positions, k):
    distances = np.sqrt(((positions[:, None] - positions[None]) ** 2).sum(axis=-1))
    np.fill_diagonal(distances, np.inf)
    indices = np.argsort(distances, axis=1)[:, :k]
    return Neighbors(
        indices.astype(np.int32), np.take_along_axis(distances, indices, axis=1).astype(np.float32)
    )


@pytest.fixture
def bundle_of(tmp_path):
    """Return a function that writes and opens a bundle: n, options of write_bundle -> Bundle."""

    def write(n_items, *, n_dimensions=2, folder="bundle", images=True, **options):
        positions = np.random.default_rng(1).normal(size=(n_items, n_dimensions))
        positions = positions.astype(np.float32)
        given = {
            "title": "a map",
            "positions": positions,
            "seed": 10,
            "labels": [f"class {row % 3}" for row in range(n_items)],
            "paths": [f"folder/{row}.jpg" for row in range(n_items)],
            "thumbnails": encode_from(Swatches(n_items)) if images else None,
        }
        if "neighbors" not in options:
            given["neighbors"] = nearest_in_plane(positions, min(15, n_items - 1))
        write_plain_bundle(tmp_path / folder, **{**given, **options})
        return open_bundle(tmp_path / folder)

    return write
