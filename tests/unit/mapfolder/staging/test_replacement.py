"""A folder that appears whole: what an early end keeps, and that two runs do not meet."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from featscape.errors import InputError
from featscape.mapfolder.staging import (
    WriteError,
    flush,
    kept_beside,
    restore,
    writing,
)
from staged_folders import keep, names_in, stage


def end_early(output, *, error=RuntimeError, note=None, fill=keep):
    def begin():
        with stage(output, note=note) as folder:
            (folder / "half").write_text("half")
            fill(folder)
            raise error

    with pytest.raises(error):
        begin()


class TestWhatIsKept:
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_an_early_end_keeps_it_and_says_so(self, tmp_path, error):
        lines = []
        end_early(tmp_path / "m", error=error, note=lines.append)
        assert names_in(tmp_path) == [".m.partial"]
        assert not (tmp_path / ".m.partial" / "new").exists()
        (line,) = lines
        assert f"is kept in {tmp_path / '.m.partial'}: repeat the call to continue" in line

    def test_the_next_run_finds_it_and_begins_the_folder_anew(self, tmp_path):
        end_early(tmp_path / "m")
        with stage(tmp_path / "m") as folder:
            assert names_in(folder) == []
            assert (kept_beside(folder) / "file").read_text() == "work"
        assert names_in(tmp_path) == ["m"]

    def test_a_check_that_fails_leaves_it(self, tmp_path):
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

    def test_a_full_disk_says_where_it_is(self, tmp_path, monkeypatch):
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
    def test_a_short_write_is_a_refusal(self):
        with pytest.raises(WriteError, match="No space left on device"), writing():
            np.zeros(1_000).tofile("/dev/full")  # NumPy gives no errno

    def test_a_bug_is_not_taken_for_a_full_disk(self, tmp_path):
        with pytest.raises(OSError, match="cannot write mode F") as found, writing():
            Image.new("F", (4, 4)).save(tmp_path / "x.png")
        assert not isinstance(found.value, WriteError)

    def test_without_anything_kept_nothing_is_left(self, tmp_path):
        end_early(tmp_path / "m", fill=lambda folder: kept_beside(folder).mkdir())
        assert names_in(tmp_path) == []


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
        flush(tmp_path)

    def test_a_file_that_cannot_be_opened_is_refused(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("text")
        self.fail_to_open(monkeypatch)
        with pytest.raises(OSError, match="Permission denied"):
            flush(tmp_path / "file")


def full_disk(_handle):
    raise OSError(28, "No space left on device")


class TestAfterAKill:
    def test_between_the_two_moves_the_older_folder_comes_back(self, tmp_path):
        (tmp_path / ".m.partial" / "replaced").mkdir(parents=True)
        (tmp_path / ".m.partial" / "replaced" / "older").write_text("older")
        (tmp_path / ".m.partial" / "new").mkdir()
        seen = []
        end_early(tmp_path / "m", fill=lambda _: seen.extend(names_in(tmp_path / "m")))
        assert seen == ["older"]
        assert names_in(tmp_path) == ["m"]

    def test_after_the_moves_the_rest_is_removed_and_the_next_run_can_replace(self, tmp_path):
        (tmp_path / ".m.partial" / "replaced").mkdir(parents=True)
        (tmp_path / ".m.partial" / "replaced" / "oldest").write_text("oldest")
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


def between_the_moves(tmp_path):
    """Leave what a run leaves that is killed between the two moves; return its hidden folder."""
    partial = tmp_path / ".m.partial"
    for name in ("replaced", "new"):
        (partial / name).mkdir(parents=True)
    (partial / "replaced" / "older").write_text("older")
    return partial


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


class TestHiddenFolderOfOthers:
    def refuse(self, output, reason):
        with pytest.raises(InputError, match=rf"\.m\.partial.* but did not create it: {reason}"):
            stage(output).__enter__()

    def test_a_link_is_refused_and_nothing_behind_it_is_deleted(self, tmp_path):
        (tmp_path / "victim" / "new").mkdir(parents=True)
        (tmp_path / ".m.partial").symlink_to("victim")
        self.refuse(tmp_path / "m", "it is a link")
        assert names_in(tmp_path / "victim") == ["new"]

    def test_a_file_is_refused(self, tmp_path):
        (tmp_path / ".m.partial").write_text("text")
        self.refuse(tmp_path / "m", "it is not a folder")

    @pytest.mark.parametrize("name", ["new", "kept", "replaced", "lock"])
    def test_a_link_in_it_is_refused(self, tmp_path, name):
        (tmp_path / "victim").mkdir()
        (tmp_path / ".m.partial").mkdir()
        (tmp_path / ".m.partial" / name).symlink_to(tmp_path / "victim")
        self.refuse(tmp_path / "m", f"it contains {name}")

    @pytest.mark.parametrize("name", ["kept/0123", "kept/0123/000000.npy"])
    def test_a_link_below_the_kept_files_is_refused(self, tmp_path, name):
        (tmp_path / "victim").mkdir()
        link = tmp_path / ".m.partial" / name
        link.parent.mkdir(parents=True)
        link.symlink_to(tmp_path / "victim")
        self.refuse(tmp_path / "m", rf"it contains {name}\. ")
        assert link.is_symlink()

    def test_other_files_in_it_are_refused_with_their_names(self, tmp_path):
        (tmp_path / ".m.partial").mkdir()
        for name in ("thesis.tex", "new", ".DS_Store"):
            (tmp_path / ".m.partial" / name).write_text("text")
        self.refuse(tmp_path / "m", r"it contains thesis\.tex\. The folder is unchanged")
        assert len(names_in(tmp_path / ".m.partial")) == 3

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
    )
    def test_another_users_is_refused(self, tmp_path):
        (tmp_path / ".m.partial").mkdir()
        os.chown(tmp_path / ".m.partial", 12345, -1)
        self.refuse(tmp_path / "m", "it belongs to another user")

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner here")
    def test_where_the_file_system_gives_all_files_one_owner_it_is_ours(
        self, tmp_path, monkeypatch
    ):
        (tmp_path / ".m.partial").mkdir()
        monkeypatch.setattr("os.geteuid", lambda: 12345)
        with stage(tmp_path / "m"):
            pass
        assert names_in(tmp_path) == ["m"]


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
    from filelock import FileLock

    acquire, failures = FileLock.acquire, [FileExistsError(17, "File exists")]

    def acquire_later(self, *arguments, **options):
        if failures:
            raise failures.pop()
        return acquire(self, *arguments, **options)

    monkeypatch.setattr(FileLock, "acquire", acquire_later)
    with stage(tmp_path / "m") as folder:
        (folder / "file").touch()
    assert (tmp_path / "m" / "file").exists()
