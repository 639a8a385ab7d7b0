"""Fixtures: small images, and functions that write and read them."""

import io

import pytest
from PIL import Image


@pytest.fixture
def png():
    """Return a function that encodes a small image of a single color."""

    def encode(red=0, size_px=(6, 4), format_="PNG"):
        file = io.BytesIO()
        Image.new("RGB", size_px, (red, 20, 30)).save(file, format_)
        return file.getvalue()

    return encode


@pytest.fixture
def write_images(tmp_path, png):
    """Return a function that writes images of increasing red below the folder of the test."""

    def write(*paths):
        for number, path in enumerate(paths):
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png(number))
        return tmp_path

    return write


@pytest.fixture
def reds():
    """Return a function that returns the red value of each image, which identifies the image."""
    return lambda images: [images.load(i).getpixel((0, 0))[0] for i in range(len(images))]


@pytest.fixture
def skipped():
    """Return a function that returns the reason of each skipped file, by path."""
    return lambda images: {item.path: item.reason for item in images.skipped}
