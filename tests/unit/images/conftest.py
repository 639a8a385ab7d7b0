"""Fixtures: small images, and functions that write and read them."""

import io
import tarfile
import warnings
import zipfile

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


@pytest.fixture
def write_zip():
    """Return a function that writes a ZIP archive of (name, content) members."""

    def write(file, members, method=zipfile.ZIP_DEFLATED):
        with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
            warnings.simplefilter("ignore")  # for duplicate names
            for name, content in members:
                archive.writestr(name, content)
        return file

    return write


@pytest.fixture
def write_tar():
    """Return a function that writes a TAR archive of (name, content) members."""

    def write(file, members):
        with tarfile.open(file, "w:gz" if file.suffix in (".gz", ".tgz") else "w") as archive:
            for name, content in members:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return file

    return write
