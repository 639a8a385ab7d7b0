"""Folders whose files are read without following links."""

import os
import socket
import tracemalloc

import pytest

from featscape.files import folder_handle
from featscape.files.folder_handle import FolderHandle

NEEDS_LINKS = pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")


@pytest.fixture(params=["by descriptor", "by path"])
def folder(tmp_path, request, monkeypatch):
    """Return a folder with a file and a folder in it, opened in each of both ways."""
    monkeypatch.setattr(folder_handle, "_HAS_DESCRIPTORS", request.param == "by descriptor")
    (tmp_path / "secret").write_bytes(b"the secret")
    (tmp_path / "map" / "inner").mkdir(parents=True)
    (tmp_path / "map" / "file").write_bytes(b"content")
    (tmp_path / "map" / "inner" / "file").write_bytes(b"inner content")
    return tmp_path / "map"


def test_it_reads_a_file_and_a_file_of_an_inner_folder(folder):
    opened = FolderHandle(folder)
    with opened.open("file") as file:
        assert file.read() == b"content"
        assert file.name == str(folder / "file")
    with opened.folder("inner").open("file") as file:
        assert file.read() == b"inner content"


@NEEDS_LINKS
def test_the_folder_itself_may_be_a_link(folder):
    (folder.parent / "link").symlink_to(folder)
    with FolderHandle(folder.parent / "link").open("file") as file:
        assert file.read() == b"content"


@NEEDS_LINKS
@pytest.mark.parametrize("target", ["../secret", "inner/file", "file", "nothing"])
def test_a_link_is_not_followed(folder, target):
    (folder / "file").unlink()
    (folder / "file").symlink_to(target)
    with pytest.raises(OSError, match="it is a link, and links inside a map are not followed"):
        FolderHandle(folder).open("file")


@NEEDS_LINKS
def test_a_link_to_a_folder_is_not_followed(folder):
    (folder / "inner").rename(folder.parent / "moved")
    (folder / "inner").symlink_to(folder.parent / "moved")
    with pytest.raises(OSError, match="it is a link"):
        FolderHandle(folder).folder("inner")


@NEEDS_LINKS
def test_a_link_that_takes_the_name_between_look_and_opening_is_not_followed(folder, monkeypatch):
    opened = FolderHandle(folder)
    facts = opened._examine("file")
    (folder / "file").unlink()
    (folder / "file").symlink_to(folder.parent / "secret")
    monkeypatch.setattr(opened, "_examine", lambda _name: facts)
    with pytest.raises(OSError, match=r"file"):
        opened.open("file")


@NEEDS_LINKS
def test_what_is_not_a_regular_file_is_refused_without_waiting(folder):
    os.mkfifo(folder / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "s"))
    opened = FolderHandle(folder)
    for name in ("pipe", "s", "inner"):
        with pytest.raises(OSError, match="it is not a regular file"):
            opened.open(name)
    server.close()
    with pytest.raises(NotADirectoryError, match="it is not a folder"):
        opened.folder("file")


@pytest.mark.parametrize("name", ["", ".", "..", "inner/file", "../secret", "/etc/passwd", "a\0"])
def test_a_name_cannot_lead_out_of_the_folder(folder, name):
    handle = FolderHandle(folder)
    for use in (handle.open, handle.folder, handle.exists, handle.identity):
        with pytest.raises(OSError, match="it is not a name in this folder"):
            use(name)


def test_what_is_missing(folder):
    opened = FolderHandle(folder)
    assert not opened.exists("nothing")
    assert opened.exists("file")
    assert opened.exists("inner")
    for fail in (opened.open, opened.folder, opened.identity):
        with pytest.raises(FileNotFoundError):
            fail("nothing")
    with pytest.raises(FileNotFoundError):
        FolderHandle(folder / "nothing")
    with pytest.raises(NotADirectoryError):
        FolderHandle(folder / "file")


def test_reading_allocates_the_size_of_the_file_and_not_the_limit(folder):
    handle = FolderHandle(folder)
    tracemalloc.start()
    content = handle.read("file", max_bytes=1 << 28)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert content == (folder / "file").read_bytes()
    assert peak < 1 << 20


def test_the_identity_changes_with_the_file(folder):
    opened = FolderHandle(folder)
    before = opened.identity("file")
    assert opened.identity("file") == before
    (folder / "new").write_bytes(b"content")
    (folder / "new").replace(folder / "file")
    assert opened.identity("file") != before


@NEEDS_LINKS
def test_a_descriptor_stays_with_the_folder_that_was_opened(folder):
    opened = FolderHandle(folder)
    assert opened.is_in_place()
    folder.rename(folder.parent / "old")
    assert not opened.is_in_place()
    folder.mkdir()
    (folder / "file").write_bytes(b"another map's")
    if opened._descriptor is not None:
        assert not opened.is_in_place()
        with opened.open("file") as file:
            assert file.read() == b"content"


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts descriptors in /proc")  # noqa: PTH110
def test_the_descriptor_is_closed_with_the_last_reference(folder):
    def count():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before = count()
    opened = FolderHandle(folder)
    inner = opened.folder("inner")
    del opened
    with inner.open("file"):
        pass
    del inner
    assert count() == before
