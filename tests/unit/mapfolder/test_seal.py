"""Seals: only the user who made a map, on the same computer, can make its seal."""

import io
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from featscape.mapfolder.seal import is_sealed, key_file, make_seal
from helpers.maps.small_map import fill, write_run

ITEMS = b"a table"


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    """Simulate a new user, who has no key."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def seal(source="/photos", kind="folder", items=ITEMS):
    return make_seal(source, kind=kind, items=io.BytesIO(items))


def holds(made, source="/photos", kind="folder", items=ITEMS):
    return is_sealed(made, source=source, kind=kind, items=io.BytesIO(items))


def test_a_seal_is_valid_only_for_the_same_source_and_items():
    made = seal()
    assert len(made) == 64
    assert holds(made)
    assert not holds(made, source="/")
    assert not holds(made, kind="manifest")
    assert not holds(made, items=b"another table")


@pytest.mark.parametrize("forged", [None, "", "0" * 64, 7, ["0" * 64], "é" * 64, "\ud800"])
def test_other_values_are_not_a_seal(forged):
    seal()
    assert not holds(forged)


def test_another_user_cannot_make_the_seal(tmp_path, monkeypatch):
    made = seal()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))
    assert not holds(made)
    assert not (tmp_path / "another").exists()  # reading a map writes no key
    assert seal() != made


def test_a_check_of_a_seal_writes_no_key_while_the_key_is_deleted(monkeypatch):
    made = seal()
    keys = iter([b"k" * 32])
    monkeypatch.setattr("featscape.mapfolder.seal._read_key", lambda: next(keys, None))
    monkeypatch.setattr("featscape.mapfolder.seal._write_key", lambda: pytest.fail("a key"))
    assert not holds(made)


def test_the_key_is_private_and_stays():
    made = seal()
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert [file.name for file in key_file().parent.iterdir()] == ["map-key"]
    assert seal() == made


def test_runs_at_the_same_time_share_one_key():
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: seal(), range(40)))) == 1


def test_a_key_that_others_can_read_is_not_used():
    made = seal()
    key_file().chmod(0o644)
    assert not holds(made)
    assert seal() is None


def test_a_map_without_a_seal_is_reported(tmp_path):
    lines = []
    fill(tmp_path)
    write_run(tmp_path, source="photos", note=lines.append)
    assert lines == []
    key_file().chmod(0o644)
    write_run(tmp_path, source="photos", note=lines.append)
    (line,) = lines
    assert "will not show the original images" in line
    assert str(key_file()) in line


def test_where_no_key_can_be_written_there_is_no_seal(data_folder):
    data_folder.write_text("a file in the place of the folder")
    assert seal() is None


def test_without_a_home_there_is_no_seal(monkeypatch):
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert seal() is None
