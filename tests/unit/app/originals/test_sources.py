"""Originals in archives, arrays, manifests and at addresses."""

import asyncio
import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from featscape.app.originals.archive import stream_archive
from featscape.app.originals.reader import Originals
from featscape.errors import ImageError
from featscape.images import open_contents
from helpers.images.archives import make_tar, make_zip
from helpers.images.original_images import items_of, png


def make_source(folder, kind):
    """Write a source with one image and one page, and return it with the path of the image."""
    members = {"a/1.png": png(9), "a/page.png": b"<script>alert(1)</script>"}
    match kind:
        case "zip":
            file = folder / "all.zip"
            file.write_bytes(make_zip(members))
        case "tar":
            file = folder / "all.tar"
            file.write_bytes(make_tar(members))
        case "parquet":
            file = folder / "all.parquet"
            pq.write_table(pa.table({"image": list(members.values())}), file)
            return file, "all.parquet/0", "all.parquet/1"
        case "manifest":
            file = folder / "all.csv"
            for name, content in members.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(content)
            file.write_text("path\na/1.png\na/page.png\n")
    return file, *members


def open_of(source, kind, path, content=b""):
    return Originals(str(source), items_of(path, content), kind=kind, is_own=True)


@pytest.mark.parametrize("kind", ["zip", "tar", "parquet", "manifest"])
def test_an_image_of_each_kind_of_source_is_read(source, kind):
    file, image, page = make_source(source, kind)
    originals = open_of(file, kind, image, png(9))
    assert originals.are_available
    original = originals.read_now(0)
    assert original.media_type == "image/png"
    assert original.content == png(9)
    with pytest.raises(ImageError, match="not an image"):
        open_of(file, kind, page, b"<script>alert(1)</script>").read_now(0)
    for path in ("none.png", "../secret.png", "", "a\0b.png", "all.parquet/7"):
        with pytest.raises(ImageError):
            open_of(file, kind, path).read_now(0)


def test_an_image_of_an_array_is_read(source):
    pixels = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    np.savez(source / "a.npz", images=pixels)
    content = open_contents("array", source / "a.npz").read("images/1")
    original = open_of(source / "a.npz", "array", "images/1", content).read_now(0)
    image = Image.open(io.BytesIO(original.content))
    np.testing.assert_array_equal(np.asarray(image), pixels[1])


def test_an_image_at_an_address_is_read(web):
    originals = open_of(f"{web.address}/served", "address", "1.png", png(3))
    assert originals.are_available
    assert originals.read_now(0).content == png(3)
    assert web.asked == ["/served/1.png"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("a#1.png", "a%231.png"),
        ("a?2.png", "a%3F2.png"),
        ("x%20y.png", "x%2520y.png"),
        ("São Tomé #2/ü.png", "S%C3%A3o%20Tom%C3%A9%20%232/%C3%BC.png"),
    ],
)
@pytest.mark.parametrize("kind", ["address", "manifest"])
def test_the_path_of_an_image_at_an_address_is_encoded(web, kind, path, asked):
    source = f"{web.address}/served" + ("/list.csv" if kind == "manifest" else "")
    assert open_of(source, kind, path, png(3)).read_now(0).content == png(3)
    assert web.asked == [f"/served/{asked}"]


@pytest.mark.parametrize("kind", ["zip", "tar", "parquet", "array", "manifest", "unknown"])
def test_a_missing_source_is_reported(source, kind):
    originals = open_of(source / "gone.zip", kind, "1.png")
    assert not originals.are_available
    with pytest.raises(ImageError):
        originals.read_now(0)


@pytest.mark.parametrize("words", ["an archive", "relative.zip", ""])
def test_the_originals_of_a_described_source_are_off(words):
    originals = open_of(words, "zip", "1.png")
    assert not originals.are_available
    with pytest.raises(ImageError, match="no original images"):
        originals.read_now(0)


def test_an_archive_of_images_from_an_archive(source):
    file, image, page = make_source(source, "zip")
    items = items_of(image, png(9), page, b"")
    originals = Originals(str(file), items, kind="zip", is_own=True)

    async def collect():
        pieces = stream_archive([0, 1], items=items, originals=originals)
        return b"".join([piece async for piece in pieces])

    with zipfile.ZipFile(io.BytesIO(asyncio.run(collect()))) as archive:
        assert archive.read(image) == png(9)
        assert "changed since the map was made" in archive.read("MISSING.txt").decode()
