"""A folder replaces an older folder as a whole, also after a run was killed."""

import errno
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from featscape.errors import InputError
from featscape.mapfolder.staging import (
    flush,
    restore,
)
from helpers.maps.staged_folders import between_the_moves, end_early, keep, names_in, stage


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux tells an open file's name")
def test_all_is_on_the_disk_before_the_folder_has_its_name(tmp_path, monkeypatch):
    events = []
    rename = type(tmp_path).rename

    def move(path, target):
        events.append("moved")
        return rename(path, target)

    monkeypatch.setattr(
        "os.fsync", lambda handle: events.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
    )
    monkeypatch.setattr(type(tmp_path), "rename", move)
    with stage(tmp_path / "m") as folder:
        (folder / "inner").mkdir()
        for name in ("a", "inner/b"):
            (folder / name).write_text("text")
    new = str(tmp_path / ".m.partial" / "new")
    before, after = events[: events.index("moved")], events[events.index("moved") + 1 :]
    assert set(before) == {new, f"{new}/a", f"{new}/inner", f"{new}/inner/b"}
    assert after == [str(tmp_path)]


class TestFlush:
    def fail_to_open(self, monkeypatch):
        def fail(_path, _flags):
            raise OSError(errno.EACCES, "Permission denied")

        monkeypatch.setattr("os.open", fail)

    def test_a_folder_that_cannot_be_listed_is_not_flushed(self, tmp_path, monkeypatch):
        self.fail_to_open(monkeypatch)
        monkeypatch.setattr("os.fsync", lambda _handle: pytest.fail("it was flushed"))
        flush(tmp_path)

    def test_a_file_that_cannot_be_opened_is_refused(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("text")
        self.fail_to_open(monkeypatch)
        with pytest.raises(OSError, match="Permission denied"):
            flush(tmp_path / "file")


class TestAfterAKill:
    def test_between_the_two_moves_the_older_folder_comes_back(self, tmp_path):
        between_the_moves(tmp_path)
        seen = []
        end_early(tmp_path / "m", fill=lambda _: seen.extend(names_in(tmp_path / "m")))
        assert seen == ["older"]
        assert names_in(tmp_path) == ["m"]

    def test_after_the_moves_the_rest_is_removed_and_the_next_run_can_replace(self, tmp_path):
        (tmp_path / ".m.partial" / "replaced").mkdir(parents=True)
        (tmp_path / ".m.partial" / "replaced" / "oldest").write_text("oldest")
        (tmp_path / ".m.partial" / "lock").touch()
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "older").write_text("older")
        with stage(tmp_path / "m") as folder:
            (folder / "newer").write_text("newer")
        assert names_in(tmp_path) == ["m"]
        assert names_in(tmp_path / "m") == ["newer"]

    @pytest.mark.usefixtures("without_exchange")
    def test_the_older_folder_is_not_deleted_where_it_cannot_be_put_back(
        self, tmp_path, monkeypatch
    ):
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "older").write_text("older")
        rename = type(tmp_path).rename

        def fail_after_the_first(path, target):
            if path.name == "m":
                return rename(path, target)
            raise OSError(5, "Input/output error")

        with (
            pytest.raises(OSError, match="Input/output"),
            stage(tmp_path / "m"),
        ):
            monkeypatch.setattr(type(tmp_path), "rename", fail_after_the_first)
        monkeypatch.undo()
        end_early(tmp_path / "m", fill=names_in)
        assert (tmp_path / "m" / "older").read_text() == "older"

    def test_the_older_folder_is_kept_if_the_place_is_refused(self, tmp_path):
        between_the_moves(tmp_path)
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "thesis.tex").write_text("text")
        place = r".*\.m\.partial/replaced\.$"
        with pytest.raises(InputError, match=r"thesis\.tex.*left the older map in " + place):
            stage(tmp_path / "m", files=("older",)).__enter__()
        assert names_in(tmp_path / ".m.partial" / "replaced") == ["older"]
        (tmp_path / "m" / "thesis.tex").unlink()
        (tmp_path / "m").rmdir()
        restore(tmp_path / "m")
        assert names_in(tmp_path / "m") == ["older"]
        assert names_in(tmp_path) == ["m"]

    def test_the_older_folder_takes_the_place_of_an_empty_folder(self, tmp_path):
        between_the_moves(tmp_path)
        (tmp_path / "m").mkdir()
        end_early(tmp_path / "m", fill=names_in)
        assert names_in(tmp_path / "m") == ["older"]
        assert names_in(tmp_path) == ["m"]

    def test_an_older_folder_with_links_is_put_back(self, tmp_path):
        (between_the_moves(tmp_path) / "replaced" / "bundle").symlink_to(tmp_path)
        restore(tmp_path / "m")
        assert names_in(tmp_path / "m") == ["bundle", "older"]


class TestFilesThatArriveLate:
    def replace(self, output, monkeypatch, *, note):
        """Add a file to the older folder between the last check and the replacement."""
        from featscape.mapfolder.staging import replacement

        replace = replacement._replace

        def add_a_file(place, new):
            (place / "thesis.tex").write_text("years of work")
            return replace(place, new)

        monkeypatch.setattr(replacement, "_replace", add_a_file)
        output.mkdir()
        (output / "older").write_text("older")
        with stage(output, files=("older", "newer"), note=note) as folder:
            (folder / "newer").write_text("newer")

    def check(self, tmp_path, lines):
        assert names_in(tmp_path) == ["m", "m.old"]
        assert names_in(tmp_path / "m") == ["newer"]
        assert (tmp_path / "m.old" / "thesis.tex").read_text() == "years of work"
        (line,) = lines
        assert f"thesis.tex right before its replacement and is kept in {tmp_path}/m.old" in line

    def test_the_older_folder_is_moved_aside(self, tmp_path, monkeypatch):
        lines = []
        self.replace(tmp_path / "m", monkeypatch, note=lines.append)
        self.check(tmp_path, lines)

    @pytest.mark.usefixtures("without_exchange")
    def test_the_older_folder_is_moved_aside_without_an_exchange(self, tmp_path, monkeypatch):
        lines = []
        self.replace(tmp_path / "m", monkeypatch, note=lines.append)
        self.check(tmp_path, lines)

    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux names open files")
    def test_a_complete_folder_with_a_free_name_is_flushed_and_nothing_else_is_kept(
        self, tmp_path, monkeypatch
    ):
        flushed = []
        monkeypatch.setattr(
            "os.fsync", lambda handle: flushed.append(Path(f"/proc/self/fd/{handle}").readlink())
        )
        lines = []

        def add_a_file():
            with stage(tmp_path / "m", files=("older",), note=lines.append) as folder:
                keep(folder)
                (tmp_path / "m").mkdir()
                (tmp_path / "m" / "thesis.tex").write_text("years of work")

        with pytest.raises(InputError, match=r"thesis\.tex.* The new map is in .*m\.new\.$"):
            add_a_file()
        assert names_in(tmp_path) == ["m", "m.new"]
        assert lines == []
        assert flushed[-1] == tmp_path


class TestReadersAfterAKill:
    def test_the_older_folder_is_put_back(self, tmp_path):
        between_the_moves(tmp_path)
        restore(tmp_path / "m")
        assert names_in(tmp_path) == ["m"]
        assert names_in(tmp_path / "m") == ["older"]

    def test_what_was_kept_stays(self, tmp_path):
        keep(between_the_moves(tmp_path) / "new")
        restore(tmp_path / "m")
        assert (tmp_path / ".m.partial" / "kept" / "file").exists()

    def test_without_an_interrupted_replacement_nothing_is_touched(self, tmp_path):
        end_early(tmp_path / "m")
        before = sorted(tmp_path.rglob("*"))
        restore(tmp_path / "m")
        restore(tmp_path / "other")
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_live_run_is_waited_for_and_not_disturbed(self, tmp_path):
        partial = between_the_moves(tmp_path)
        with FileLock(partial / "lock"):
            second_move = threading.Timer(0.2, lambda: (partial / "new").rename(tmp_path / "m"))
            second_move.start()
            restore(tmp_path / "m")
            second_move.join()
            assert names_in(tmp_path / "m") == []  # the new folder
            assert names_in(partial / "replaced") == ["older"]

    def test_a_live_run_that_does_not_end_its_replacement_is_reported(self, tmp_path, monkeypatch):
        monkeypatch.setattr("featscape.mapfolder.staging.replacement._BETWEEN_MOVES_S", 0.05)
        with (
            FileLock(between_the_moves(tmp_path) / "lock"),
            pytest.raises(InputError, match="another process is writing"),
        ):
            restore(tmp_path / "m")

    def test_where_it_cannot_be_put_back_its_place_is_named(self, tmp_path, monkeypatch):
        def fail(_path, _target):
            raise OSError(errno.EROFS, "Read-only file system")

        between_the_moves(tmp_path)
        monkeypatch.setattr(type(tmp_path), "rename", fail)
        with pytest.raises(
            InputError, match=r"older folder is .*\.m\.partial/replaced\. .*: Read-only file system"
        ):
            restore(tmp_path / "m")
