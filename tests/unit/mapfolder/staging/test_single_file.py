"""A file that is written beside its final name."""

import errno
from pathlib import Path

import pytest

from featscape.errors import InputError
from featscape.mapfolder.staging import staged_file


def write(file):
    with staged_file(file) as new:
        new.write_text("content")


def test_the_complete_file_gets_its_name(tmp_path):
    write(tmp_path / "a.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "content"


def test_a_block_that_raises_leaves_the_old_file(tmp_path):
    write(tmp_path / "a.txt")
    with pytest.raises(TypeError), staged_file(tmp_path / "a.txt") as new:
        new.write_text(1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "content"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*none\. Make it first, or choose"):
        write(tmp_path / "none" / "a.txt")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a place like it")
def test_a_place_where_no_file_can_be_is_an_error():
    with pytest.raises(InputError, match=r"/proc cannot contain new files\. Choose another"):
        write(Path("/proc/a.txt"))


def test_the_name_of_a_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"is a folder\. Choose another file with -o"):
        write(tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"), [("file/a.txt", "Not a directory"), ("a" * 300, "File name too long")]
)
def test_a_name_that_the_system_refuses_is_an_error(tmp_path, name, reason):
    write(tmp_path / "file")
    with pytest.raises(InputError, match=rf"cannot write .*: {reason}\. Make room or choose"):
        write(tmp_path / name)


def test_a_full_disk_is_an_error_and_leaves_no_file(tmp_path):
    def write_to_a_full_disk():
        with staged_file(tmp_path / "a.txt"):
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(InputError, match=r"cannot write .*: No space left on device"):
        write_to_a_full_disk()
    assert list(tmp_path.iterdir()) == []
