"""Recognize the files in a folder that featscape did not write."""

import os

import pytest

from featscape.errors import InputError
from featscape.mapfolder.staging.ownership import describe_foreign, find_foreign
from helpers.maps.staged_folders import names_in, stage

FILES = ("run.json", "bundle/ids.bin", "bundle/column-[0-9]*.bin")


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def test_files_of_featscape_are_not_foreign(tmp_path):
    write(tmp_path, "run.json", "bundle/ids.bin", "bundle/column-12.bin")
    assert find_foreign(tmp_path, FILES) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("notes.txt", "notes.txt"),
        (".git/HEAD", ".git/"),
        ("bundle/notes.txt", "bundle/notes.txt"),
        ("bundle/run.json", "bundle/run.json"),
        ("bundle/column-1/ids.bin", "bundle/column-1/"),
        ("ids.bin", "ids.bin"),
        (".ipynb_checkpoints/a.ipynb", ".ipynb_checkpoints/"),
    ],
)
def test_other_files_are_foreign(tmp_path, name, found):
    write(tmp_path, "run.json", name)
    assert find_foreign(tmp_path, FILES) == [found]


def test_unknown_folders_are_foreign_even_if_empty_or_named_as_a_file_of_featscape(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "run.json").mkdir()
    assert find_foreign(tmp_path, FILES) == ["annotations/", "run.json/"]


@pytest.mark.parametrize("name", [".DS_Store", "bundle/Thumbs.db", "desktop.ini", "._run.json"])
def test_files_that_systems_create_are_not_foreign(tmp_path, name):
    write(tmp_path, name)
    assert find_foreign(tmp_path, FILES) == []


def test_a_link_is_judged_by_its_name_and_not_followed(tmp_path):
    write(tmp_path / "elsewhere", "notes.txt")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "bundle").symlink_to(tmp_path / "elsewhere")
    assert find_foreign(tmp_path / "m", FILES) == []


@pytest.mark.parametrize(
    ("n_names", "words"),
    [(1, "0"), (2, "0 and 1"), (5, "0, 1, 2, 3 and 4"), (9, "0, 1, 2, 3, 4 and 4 more")],
)
def test_names_are_listed_up_to_five(n_names, words):
    assert describe_foreign([str(number) for number in range(n_names)]) == words


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
    def test_a_link_in_the_folder_is_refused(self, tmp_path, name):
        (tmp_path / "victim").mkdir()
        (tmp_path / ".m.partial").mkdir()
        (tmp_path / ".m.partial" / name).symlink_to(tmp_path / "victim")
        self.refuse(tmp_path / "m", f"it contains {name}")

    @pytest.mark.parametrize("name", ["kept/0123", "kept/0123/000000.npy"])
    def test_a_link_below_the_kept_files_is_refused(self, tmp_path, name):
        (tmp_path / "victim").mkdir()
        link = tmp_path / ".m.partial" / name
        link.parent.mkdir(parents=True)
        (tmp_path / ".m.partial" / "lock").touch()
        link.symlink_to(tmp_path / "victim")
        self.refuse(tmp_path / "m", rf"it contains {name}\. ")
        assert link.is_symlink()

    def test_other_files_in_the_folder_are_refused_with_their_names(self, tmp_path):
        (tmp_path / ".m.partial").mkdir()
        for name in ("thesis.tex", "new", "lock", ".DS_Store"):
            (tmp_path / ".m.partial" / name).write_text("text")
        self.refuse(tmp_path / "m", r"it contains thesis\.tex\. The folder is unchanged")
        assert len(names_in(tmp_path / ".m.partial")) == 4

    @pytest.mark.parametrize("name", ["new", "kept", "replaced"])
    def test_a_folder_without_the_lock_of_featscape_is_refused(self, tmp_path, name):
        (tmp_path / ".m.partial" / name).mkdir(parents=True)
        (tmp_path / ".m.partial" / name / "thesis.tex").write_text("text")
        self.refuse(tmp_path / "m", rf"it contains {name}\. The folder is unchanged")
        assert (tmp_path / ".m.partial" / name / "thesis.tex").exists()

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0,
        reason="only root can change the owner of a file",
    )
    def test_a_folder_of_another_user_is_refused(self, tmp_path):
        (tmp_path / ".m.partial").mkdir()
        os.chown(tmp_path / ".m.partial", 12345, -1)
        self.refuse(tmp_path / "m", "it belongs to another user")

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="the file system has no owners of files")
    def test_the_folder_is_accepted_if_all_files_of_the_file_system_have_one_owner(
        self, tmp_path, monkeypatch
    ):
        (tmp_path / ".m.partial").mkdir()
        monkeypatch.setattr("os.geteuid", lambda: 12345)
        with stage(tmp_path / "m"):
            pass
        assert names_in(tmp_path) == ["m"]
