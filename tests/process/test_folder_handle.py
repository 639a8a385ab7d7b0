"""A new process does not inherit the descriptor of an open folder."""

import os
import subprocess
import sys

import pytest

from featscape.files.folder_handle import FolderHandle

NEEDS_LINKS = pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")


@NEEDS_LINKS
def test_an_open_folder_is_not_handed_to_a_new_process(tmp_path):
    opened = FolderHandle(tmp_path)
    if opened._descriptor is None:
        pytest.skip("it has no descriptor")
    code = f"import os; os.fstat({opened._descriptor})"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, check=False, close_fds=False
    )
    assert b"Bad file descriptor" in done.stderr
