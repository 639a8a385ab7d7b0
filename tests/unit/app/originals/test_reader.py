"""Originals in a folder: only images of this map are read."""

import os
import zipfile

import pytest

from featscape.app.originals.reader import Originals
from featscape.errors import ImageError, InputError
from helpers.images.original_images import items_of, png, write_image


@pytest.fixture
def open_path(source):
    """Return a function that opens the original of an item with some path."""

    def open_it(path):
        file = source / path
        content = file.read_bytes() if "\0" not in path and os.path.isfile(file) else b""  # noqa: PTH113 - Path raises for a name that is too long
        return Originals(str(source), items_of(path, content), is_own=True).read_now(0)

    return open_it


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_media_type_follows_from_the_bytes(source, open_path, format_):
    content = write_image(source / "a" / "image.html", format_)
    original = open_path("a/image.html")
    assert original.media_type == f"image/{format_.lower()}"
    assert original.content == content


@pytest.mark.parametrize("name", ["quo'\"te.png", "new\nline.png", "<script>.png", "%2e%2e.png"])
def test_special_names_are_read(source, open_path, name):
    content = write_image(source / name)
    assert open_path(name).content == content


def test_names_that_are_not_utf8_are_read(source, open_path):
    name = os.fsdecode(b"caf\xe9.png")
    content = write_image(source / name)
    assert open_path(name).content == content


@pytest.mark.parametrize("depth", ["../", "a/../../", "../source/../", "./../"])
def test_paths_with_parent_folders_are_refused(source, open_path, depth):
    write_image(source.parent / "secret.png")
    write_image(source / "a" / "b.png")
    with pytest.raises(ImageError, match="outside the location of the originals"):
        open_path(f"{depth}secret.png")


def test_absolute_paths_are_refused(source, open_path):
    write_image(source.parent / "secret.png")
    with pytest.raises(ImageError, match="outside the location of the originals"):
        open_path(str(source.parent / "secret.png"))


@pytest.mark.parametrize("path", ["", ".", "a", "a.png\0.txt", "none.png", "a/b.png/c", "x" * 5000])
def test_paths_that_are_not_files_are_refused(source, open_path, path):
    write_image(source / "a" / "b.png")
    with pytest.raises(ImageError):
        open_path(path)


def test_a_file_that_is_not_an_image_is_refused(source, open_path):
    (source / "page.png").write_text("<script>alert(1)</script>")
    with pytest.raises(ImageError, match="not an image"):
        open_path("page.png")


def test_a_link_to_an_image_is_followed(source, open_path):
    content = write_image(source.parent / "store" / "1f3a")
    (source / "image.png").symlink_to(source.parent / "store" / "1f3a")
    (source / "class").symlink_to(source.parent / "store")
    assert open_path("image.png").content == content
    assert open_path("class/1f3a").content == content


def test_a_link_to_another_file_is_refused(source, open_path):
    secret = source.parent / "id_rsa"
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    (source / "image.png").symlink_to(secret)
    with pytest.raises(ImageError, match="not an image"):
        open_path("image.png")


def test_a_pipe_is_refused_without_waiting(source, open_path):
    os.mkfifo(source / "pipe.png")
    with pytest.raises(ImageError, match="not a regular file"):
        open_path("pipe.png")


def test_a_link_to_a_device_is_refused(source, open_path):
    (source / "zero.png").symlink_to("/dev/zero")
    with pytest.raises(ImageError, match="not a regular file"):
        open_path("zero.png")


def test_a_changed_file_is_refused(source):
    items = items_of("a.png", write_image(source / "a.png"))
    write_image(source / "a.png", "JPEG")
    with pytest.raises(ImageError, match="changed since the map was made"):
        Originals(str(source), items, is_own=True).read_now(0)


def test_an_image_without_a_hash_is_refused(source):
    write_image(source / "a.png")
    items = items_of("a.png", b"")
    items.sha256 = lambda _item: None
    with pytest.raises(ImageError, match="no SHA-256"):
        Originals(str(source), items, is_own=True).read_now(0)


@pytest.mark.parametrize("kind", ["folder", "manifest", "zip"])
def test_a_file_beyond_the_limit_is_refused(source, monkeypatch, kind):
    monkeypatch.setattr("featscape.app.originals.reader.MOST_BYTES", 1 << 20)
    content = b"BM" + bytes(1 << 20)
    place, items = source, items_of("a.bmp", content)
    (source / "a.bmp").write_bytes(content)
    if kind == "zip":
        place = source / "all.zip"
        with zipfile.ZipFile(place, "w") as archive:
            archive.write(source / "a.bmp", "a.bmp")
    with pytest.raises(ImageError, match="too large: more than 1 MiB"):
        Originals(str(place), items, kind=kind, is_own=True).read_now(0)


@pytest.mark.parametrize("words", ["scikit-learn's digits", "relative", "", "/no/such/folder"])
def test_a_described_source_has_no_originals(words, source, monkeypatch):
    monkeypatch.chdir(source)
    content = write_image(source / "relative" / "a.png")
    originals = Originals(words, items_of("a.png", content), is_own=True)
    assert not originals.are_available
    with pytest.raises(ImageError):
        originals.read_now(0)


class TestMapsOfOthers:
    @pytest.mark.parametrize("kind", ["folder", "manifest", "zip", "address"])
    def test_no_file_is_opened(self, source, kind):
        content = write_image(source / "a.png")
        originals = Originals(str(source), items_of("a.png", content), kind=kind, is_own=False)
        assert not originals.are_available
        assert "start the server with --originals" in originals.obstacle
        with pytest.raises(ImageError, match="cannot confirm that you made this map"):
            originals.read_now(0)

    @pytest.mark.parametrize("kind", ["folder", "manifest", "address"])
    def test_files_at_the_named_place_are_read(self, source, kind):
        content = write_image(source / "a" / "b.png")
        items = items_of("a/b.png", content, f"{source}/a/b.png", content)
        originals = Originals("/else", items, kind=kind, is_own=False, named=str(source))
        assert originals.are_available
        assert originals.read_now(0).content == content
        assert originals.read_now(1).content == content

    @pytest.mark.parametrize(
        "path", ["/{0}/secret.png", "../secret.png", "a/../../secret.png", "file:///{0}/secret.png"]
    )
    @pytest.mark.parametrize("kind", ["folder", "manifest"])
    def test_files_outside_the_named_place_are_not_read(self, source, kind, path):
        content = write_image(source.parent / "secret.png")
        items = items_of(path.format(str(source.parent)[1:]), content)
        originals = Originals("/else", items, kind=kind, is_own=False, named=str(source))
        with pytest.raises(ImageError, match="outside the location of the originals"):
            originals.read_now(0)

    def test_only_the_named_address_is_requested(self, source, web):
        items = items_of(f"{web.address}/a.png", png(3), "https://example.org/a.png", png(3))
        for named in (str(source), "http://127.0.0.1:1", f"{web.address}/below"):
            originals = Originals("x.csv", items, kind="manifest", is_own=False, named=named)
            for item in (0, 1):
                with pytest.raises(ImageError, match="outside the location of the originals"):
                    originals.read_now(item)
        assert web.asked == []

    def test_the_named_address_is_requested(self, web):
        items = items_of(f"{web.address}/a.png", png(3))
        originals = Originals("x.csv", items, kind="manifest", is_own=False, named=web.address)
        assert originals.read_now(0).content == png(3)

    @pytest.mark.parametrize(
        "named", ["memory://x", "ftp://127.0.0.1/x", "webhdfs://127.0.0.1/x", "/no/such/folder"]
    )
    def test_invalid_places_are_refused(self, named):
        with pytest.raises(InputError, match="originals"):
            Originals("/else", items_of("a", b""), is_own=False, named=named)
