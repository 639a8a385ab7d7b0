"""Two names are exchanged in one step, or nothing is changed."""

import ctypes
import errno
import sys

import pytest

from featscape.mapfolder.staging import exchange as module
from featscape.mapfolder.staging.exchange import exchange


def two_folders(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    return tmp_path / "one", tmp_path / "two"


def put_in_place(monkeypatch, number):
    """Make the system call fail with this error."""

    def fail(_one, _other):
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr(module, "_find_call", lambda: fail)


@pytest.mark.skipif(sys.platform not in {"linux", "darwin"}, reason="others have no such call")
def test_two_folders_exchange_their_names(tmp_path):
    one, two = two_folders(tmp_path)
    if not exchange(one, two):
        pytest.skip("this file system has no exchange")
    assert [path.name for path in one.iterdir()] == ["two"]
    assert [path.name for path in two.iterdir()] == ["one"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EPERM])
def test_a_file_system_without_it_changes_nothing(tmp_path, monkeypatch, number):
    put_in_place(monkeypatch, number)
    assert not exchange(*two_folders(tmp_path))


def test_a_system_without_it_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_find_call", lambda: None)
    assert not exchange(*two_folders(tmp_path))


def test_other_errors_are_raised(tmp_path, monkeypatch):
    put_in_place(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error") as raised:
        exchange(*two_folders(tmp_path))
    assert raised.value.errno == errno.EIO
