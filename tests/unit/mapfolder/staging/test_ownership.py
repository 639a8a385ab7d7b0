"""Which files in a folder are featscape's, and which are not."""

import pytest

from featscape.mapfolder.staging.ownership import find_foreign, list_names

FILES = ("run.json", "bundle/ids.bin", "bundle/column-[0-9]*.bin")


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def test_files_of_ours_are_not_foreign(tmp_path):
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


def test_folders_of_others_are_foreign_even_if_empty_or_named_as_a_file_of_ours(tmp_path):
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
    assert list_names([str(number) for number in range(n_names)]) == words
