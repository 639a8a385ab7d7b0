"""A new process does not inherit the descriptor of an open folder."""

import os
import subprocess
import sys

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


@NEEDS_LINKS
def test_an_open_folder_is_not_handed_to_a_new_process(folder):
    opened = FolderHandle(folder)
    if opened._descriptor is None:
        pytest.skip("it has no descriptor")
    code = f"import os; os.fstat({opened._descriptor})"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, check=False, close_fds=False
    )
    assert b"Bad file descriptor" in done.stderr
