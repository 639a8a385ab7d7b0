"""The finished work that an interrupted run keeps beside the folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featscape.errors import InputError
from featscape.mapfolder.staging import (
    WriteError,
    kept_beside,
    writing,
)
from helpers.maps.staged_folders import end_early, full_disk, keep, names_in, stage


class TestWhatIsKept:
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_an_early_end_keeps_the_files_and_reports_it(self, tmp_path, error):
        lines = []
        end_early(tmp_path / "m", error=error, note=lines.append)
        assert names_in(tmp_path) == [".m.partial"]
        assert not (tmp_path / ".m.partial" / "new").exists()
        (line,) = lines
        assert f"is kept in {tmp_path / '.m.partial'}: repeat the call to continue" in line

    def test_an_interruption_without_finished_work_reports_that_nothing_is_kept(self, tmp_path):
        lines = []
        with (
            pytest.raises(KeyboardInterrupt),
            stage(tmp_path / "m", note=lines.append),
        ):
            raise KeyboardInterrupt
        assert lines == [f"no work of {tmp_path / 'm'} is kept: the next run starts anew"]

    def test_an_interrupted_replacement_reports_that_the_older_folder_is_unchanged(self, tmp_path):
        with stage(tmp_path / "m") as folder:
            keep(folder)
        lines = []
        with (
            pytest.raises(KeyboardInterrupt),
            stage(tmp_path / "m", note=lines.append),
        ):
            raise KeyboardInterrupt
        assert lines == [f"the map {tmp_path / 'm'} is unchanged"]

    def test_the_next_run_finds_the_files_and_an_empty_folder(self, tmp_path):
        end_early(tmp_path / "m")
        with stage(tmp_path / "m") as folder:
            assert names_in(folder) == []
            assert (kept_beside(folder) / "file").read_text() == "work"
        assert names_in(tmp_path) == ["m"]

    def test_a_failed_check_keeps_the_files(self, tmp_path):
        end_early(tmp_path / "m")

        def refuse(_output):
            raise InputError("no")

        lines = []
        with (
            pytest.raises(InputError),
            stage(tmp_path / "m", check=refuse, note=lines.append),
        ):
            pytest.fail("it began")
        assert lines == []
        assert (tmp_path / ".m.partial" / "kept" / "file").exists()

    def test_the_error_of_a_full_disk_names_the_kept_files(self, tmp_path, monkeypatch):
        monkeypatch.setattr("os.fsync", full_disk)
        with (
            pytest.raises(
                InputError, match=r"No space left.* is kept in .*m\.partial; repeat the call"
            ),
            stage(tmp_path / "m") as folder,
        ):
            keep(folder)
        assert names_in(tmp_path) == [".m.partial"]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
    def test_a_short_write_is_a_write_error(self):
        with pytest.raises(WriteError, match="No space left on device"), writing():
            np.zeros(1_000).tofile("/dev/full")  # NumPy gives no errno

    def test_a_bug_is_not_reported_as_a_full_disk(self, tmp_path):
        with pytest.raises(OSError, match="cannot write mode F") as found, writing():
            Image.new("F", (4, 4)).save(tmp_path / "x.png")
        assert not isinstance(found.value, WriteError)

    def test_without_kept_files_nothing_remains(self, tmp_path):
        end_early(tmp_path / "m", fill=lambda folder: kept_beside(folder).mkdir())
        assert names_in(tmp_path) == []
