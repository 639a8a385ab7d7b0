"""Originals: those of this map, and nothing else."""

import io
import os
import tarfile
import zipfile
from types import SimpleNamespace

import fsspec
import numpy as np
import pytest
from PIL import Image

from featscape.app.archive import stream_archive
from featscape.app.originals import Originals
from featscape.errors import ImageError


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def open_path(source):
    """Return a function that opens the original of an item with some path."""

    def open_it(path):
        items = SimpleNamespace(path=lambda _item: path, have_paths=True)
        return Originals(str(source), items).open(0)

    return open_it


def write_image(file, format_="PNG"):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (300, 200), (200, 10, 10)).save(file, format_)
    return file.read_bytes()


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_the_type_is_told_by_the_bytes(source, open_path, format_):
    content = write_image(source / "a" / "image.html", format_)
    original = open_path("a/image.html")
    assert original.media_type == f"image/{format_.lower()}"
    assert original.size == len(content)
    assert b"".join(original.chunks()) == content
    assert original.file.closed


@pytest.mark.parametrize("name", ["quo'\"te.png", "new\nline.png", "<script>.png", "%2e%2e.png"])
def test_names_are_taken_as_they_are(source, open_path, name):
    content = write_image(source / name)
    assert b"".join(open_path(name).chunks()) == content


def test_names_of_any_bytes(source, open_path):
    name = os.fsdecode(b"caf\xe9.png")
    content = write_image(source / name)
    assert b"".join(open_path(name).chunks()) == content


@pytest.mark.parametrize("depth", ["../", "a/../../", "../source/../", "./../"])
def test_no_path_climbs_out(source, open_path, depth):
    write_image(source.parent / "secret.png")
    write_image(source / "a" / "b.png")
    with pytest.raises(ImageError, match="leads out of the folder"):
        open_path(f"{depth}secret.png")


def test_no_path_begins_at_the_root(source, open_path):
    write_image(source.parent / "secret.png")
    with pytest.raises(ImageError, match="leads out of the folder"):
        open_path(str(source.parent / "secret.png"))


@pytest.mark.parametrize("path", ["", ".", "a", "a.png\0.txt", "none.png", "a/b.png/c", "x" * 5000])
def test_what_is_no_file(source, open_path, path):
    write_image(source / "a" / "b.png")
    with pytest.raises(ImageError):
        open_path(path)


def test_what_is_no_image_is_not_shown(source, open_path):
    (source / "page.png").write_text("<script>alert(1)</script>")
    with pytest.raises(ImageError, match="no longer an image"):
        open_path("page.png")


def test_a_link_to_an_image_is_followed_as_the_scan_did(source, open_path):
    content = write_image(source.parent / "store" / "1f3a")
    (source / "image.png").symlink_to(source.parent / "store" / "1f3a")
    (source / "class").symlink_to(source.parent / "store")
    assert b"".join(open_path("image.png").chunks()) == content
    assert b"".join(open_path("class/1f3a").chunks()) == content


def test_a_link_to_something_else_is_not(source, open_path):
    secret = source.parent / "id_rsa"
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    (source / "image.png").symlink_to(secret)
    with pytest.raises(ImageError, match="no longer an image"):
        open_path("image.png")


def test_a_pipe_does_not_hold_the_server_up(source, open_path):
    os.mkfifo(source / "pipe.png")
    with pytest.raises(ImageError, match="not a regular file"):
        open_path("pipe.png")


def test_a_file_that_is_cut_while_it_is_sent(source, open_path):
    write_image(source / "a.bmp", "BMP")
    original = open_path("a.bmp")
    os.truncate(source / "a.bmp", 50)
    with pytest.raises(ImageError, match="cut while it was read"):
        list(original.chunks())


@pytest.mark.parametrize("words", ["scikit-learn's digits", "relative", "", "/no/such/folder"])
def test_a_source_that_is_no_folder(words, source, monkeypatch):
    monkeypatch.chdir(source)
    (source / "relative").mkdir()
    write_image(source / "relative" / "a.png")
    items = SimpleNamespace(path=lambda _item: "a.png", have_paths=True)
    originals = Originals(words, items)
    assert not originals.are_here
    with pytest.raises(ImageError):
        originals.open(0)


# --- sources that are no folder -------------------------------------------------------------------


def png(red):
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (red, 10, 10)).save(file, "PNG")
    return file.getvalue()


def make_source(folder, kind):
    """Write a source with one image and one page, and return it with the path of the image."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    members = {"a/1.png": png(9), "a/page.png": b"<script>alert(1)</script>"}
    match kind:
        case "zip":
            file = folder / "all.zip"
            with zipfile.ZipFile(file, "w") as archive:
                for name, content in members.items():
                    archive.writestr(name, content)
        case "tar":
            file = folder / "all.tar"
            with tarfile.open(file, "w") as archive:
                for name, content in members.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
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


def open_of(source, kind, path):
    items = SimpleNamespace(path=lambda _item: path, have_paths=True)
    return Originals(str(source), items, kind=kind)


@pytest.mark.parametrize("kind", ["zip", "tar", "parquet", "manifest"])
def test_an_image_of_each_source(source, kind):
    file, image, page = make_source(source, kind)
    originals = open_of(file, kind, image)
    assert originals.are_here
    original = originals.open(0)
    assert original.media_type == "image/png"
    assert original.size == len(png(9))
    assert b"".join(original.chunks()) == png(9)
    assert originals.open(0).etag == original.etag
    with pytest.raises(ImageError, match="no longer an image"):
        open_of(file, kind, page).open(0)
    for path in ("none.png", "../secret.png", "", "a\0b.png", "all.parquet/7"):
        with pytest.raises(ImageError):
            open_of(file, kind, path).open(0)


def test_an_image_out_of_an_array(source):
    pixels = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    np.savez(source / "a.npz", images=pixels)
    original = open_of(source / "a.npz", "array", "images/1").open(0)
    np.testing.assert_array_equal(np.asarray(Image.open(original.file)), pixels[1])


def test_an_image_at_an_address():
    system = fsspec.filesystem("memory")
    system.pipe("/served/1.png", png(3))
    originals = open_of("memory://served", "address", "1.png")
    assert originals.are_here
    assert b"".join(originals.open(0).chunks()) == png(3)
    system.rm("/served/1.png")
    with pytest.raises(ImageError, match="no such file"):
        originals.open(0)


@pytest.mark.parametrize("kind", ["zip", "tar", "parquet", "array", "manifest", "unknown"])
def test_a_source_that_is_gone(source, kind):
    originals = open_of(source / "gone.zip", kind, "1.png")
    assert not originals.are_here
    with pytest.raises(ImageError):
        originals.open(0)


@pytest.mark.parametrize("words", ["an archive", "relative.zip", ""])
def test_a_source_that_is_only_words(words):
    originals = open_of(words, "zip", "1.png")
    assert not originals.are_here
    with pytest.raises(ImageError, match="no original images"):
        originals.open(0)


def test_a_zip_of_what_was_in_another(source):
    file, image, page = make_source(source, "zip")
    items = SimpleNamespace(path=[image, page].__getitem__, have_paths=True)
    originals = Originals(str(file), items, kind="zip")
    content = b"".join(stream_archive([0, 1], items=items, originals=originals))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read(image) == png(9)
        assert "no longer an image" in archive.read("MISSING.txt").decode()
