"""Originals: those of this map, and nothing else."""

import os
from types import SimpleNamespace

import pytest
from PIL import Image

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
