"""Two runs that write the same folder: the lock."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from featscape.errors import InputError
from featscape.mapfolder.staging import (
    restore,
)
from helpers.maps.staged_folders import between_the_moves, keep, names_in, stage


class TestTwoRunsAtOnce:
    def test_the_second_is_refused_and_the_first_goes_on(self, tmp_path):
        with stage(tmp_path / "m") as folder:
            (folder / "file").write_text("first")
            with (
                pytest.raises(
                    InputError, match=r"another process is writing the map .* Wait until"
                ),
                stage(tmp_path / "m"),
            ):
                pytest.fail("it began")
        assert (tmp_path / "m" / "file").read_text() == "first"

    @pytest.mark.parametrize("end", ["replacement", "repair"])
    def test_the_lock_is_deleted_after_all_that_it_protects(self, tmp_path, monkeypatch, end):
        # another run may fill the hidden folder as soon as the lock is deleted
        partial = between_the_moves(tmp_path)
        (partial / ".DS_Store").write_text("text")
        unlink = os.unlink
        left = []

        def watch(path, **options):
            if Path(path).name == "lock":
                left.append(names_in(partial))
            unlink(path, **options)

        monkeypatch.setattr("os.unlink", watch)
        if end == "repair":
            restore(tmp_path / "m")
        else:
            with stage(tmp_path / "m") as folder:
                keep(folder)
        assert left == [["lock"]]
        assert names_in(tmp_path) == ["m"]

    def test_a_lock_that_another_run_takes_at_the_end_stays(self, tmp_path, monkeypatch):
        lock = tmp_path / ".m.partial" / "lock"
        unlink = os.unlink

        def take_over(path, **options):
            unlink(path, **options)
            if Path(path).name == "lock":
                lock.write_text("the other run's")

        monkeypatch.setattr("os.unlink", take_over)
        with stage(tmp_path / "m"):
            pass
        assert lock.read_text() == "the other run's"


def test_a_folder_that_disappears_while_the_lock_is_acquired_is_created_again(
    tmp_path, monkeypatch
):

    acquire, failures = FileLock.acquire, [FileExistsError(17, "File exists")]

    def acquire_later(self, *arguments, **options):
        if failures:
            raise failures.pop()
        return acquire(self, *arguments, **options)

    monkeypatch.setattr(FileLock, "acquire", acquire_later)
    with stage(tmp_path / "m") as folder:
        (folder / "file").touch()
    assert (tmp_path / "m" / "file").exists()
