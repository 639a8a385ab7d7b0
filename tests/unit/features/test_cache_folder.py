"""The folder of files that can be computed again, with entries that other programs have changed."""

import pytest

from featscape.features.cache_folder import (
    DamagedEntryError,
    cache_folder,
    read_entry,
    write_entry,
)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("featscape.features.cache_folder.hub_folder", lambda: tmp_path / "hub")


def write(name):
    write_entry(name, lambda folder: (folder / "vectors.npy").write_bytes(b"vectors"))
    return cache_folder() / name


@pytest.mark.parametrize("content", ["", "[]", "3", '{"a\\u0000b": ""}', "[" * 100_000])
def test_an_entry_without_a_list_of_files_is_damaged(content):
    (write("texts") / "contents.json").write_text(content)
    with pytest.raises(DamagedEntryError, match="not a list of files"):
        read_entry("texts")


def test_links_to_devices_are_not_read():
    vectors = write("texts") / "vectors.npy"
    vectors.unlink()
    vectors.symlink_to("/dev/zero")
    with pytest.raises(DamagedEntryError, match="not a regular file"):
        read_entry("texts")


def test_an_entry_is_written_beside_an_entry_with_a_broken_link():
    (write("other") / "link").symlink_to("nowhere")
    assert read_entry("texts") is None
    write("texts")
    assert read_entry("texts") == cache_folder() / "texts"
