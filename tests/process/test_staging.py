"""The lock of a folder that is being written ends with the process that holds the lock."""

import multiprocessing
import os
import signal

import pytest

from featscape.errors import InputError
from featscape.mapfolder.staging import kept_beside
from helpers.maps.staged_folders import keep, names_in, stage


def work_until_killed(output, begun):
    with stage(output) as folder:
        keep(folder)
        begun.set()
        signal.pause()


class TestTwoRunsAtOnce:
    def test_a_killed_process_releases_the_lock(self, tmp_path):
        context = multiprocessing.get_context("spawn")
        begun = context.Event()
        process = context.Process(target=work_until_killed, args=(tmp_path / "m", begun))
        process.start()
        assert begun.wait(60)
        with pytest.raises(InputError, match="another process"), stage(tmp_path / "m"):
            pytest.fail("the second run started")
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with stage(tmp_path / "m") as folder:
            assert (kept_beside(folder) / "file").exists()
        assert names_in(tmp_path) == ["m"]
