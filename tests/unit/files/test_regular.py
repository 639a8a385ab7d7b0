"""Only regular files are opened, without waiting."""

import os
import socket
from pathlib import Path

import pytest

from featscape.files import regular
from featscape.files.regular import NOT_REGULAR, hash_file, hash_once, open_regular


def test_a_file_and_a_link_to_it_are_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    for name in ("a", "link"):
        with open_regular(tmp_path / name) as file:
            assert file.read() == b"abc"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=NOT_REGULAR):
        open_regular(tmp_path / "pipe")


def test_a_pipe_that_takes_a_files_name_is_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "a")
    (tmp_path / "file").touch()
    facts = (tmp_path / "file").stat()
    monkeypatch.setattr("featscape.files.regular.os.stat", lambda _path: facts)
    with pytest.raises(OSError, match=NOT_REGULAR):
        open_regular(tmp_path / "a")


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        with pytest.raises(OSError, match=NOT_REGULAR):
            open_regular("socket")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a system without /proc")
@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/stat", "/proc/kmsg"])
def test_devices_and_files_of_proc_are_refused(tmp_path, path):
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError, match=NOT_REGULAR):
        open_regular(tmp_path / "link")


def test_a_folder_and_a_missing_file_are_refused_as_by_open(tmp_path):
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


def test_a_file_that_has_not_changed_is_read_once(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"abc")
    expected = hash_file(tmp_path / "a")
    assert hash_once(tmp_path / "a") == expected
    monkeypatch.setattr(regular, "hash_file", lambda _path: pytest.fail("the file was read"))
    assert hash_once(tmp_path / "a") == expected


def test_a_changed_file_is_read_again(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    before = hash_once(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"abd")
    (tmp_path / "b").replace(tmp_path / "a")
    assert hash_once(tmp_path / "a") == hash_file(tmp_path / "a") != before
