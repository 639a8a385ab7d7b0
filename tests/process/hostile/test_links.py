"""Links in a map to files and folders outside of the map are not followed."""

import os

import pytest

from featscape.app.server.application import ServedMap
from featscape.errors import FeatscapeError
from featscape.steps.drawing import export_site
from helpers.audit import recorded_events
from hostile import maps


def test_a_link_to_the_same_content_outside_is_neither_served_nor_exported(
    hostile, seed, outside, tmp_path
):
    move = maps.file_attacks(outside / "canary")["link to the same content outside"]
    sent = [name for name in maps.list_files(seed) if name.startswith(("bundle/", "scatter.png"))]
    assert len(sent) > 5
    for name in sent:
        maps.copy_map(seed, hostile)
        move(hostile / name)
        assert (hostile / name).read_bytes() == (seed / name).read_bytes()
        with recorded_events(outside) as events:
            with pytest.raises(FeatscapeError, match="it is a link"):
                ServedMap(hostile)
            with pytest.raises(FeatscapeError, match="it is a link"):
                export_site(hostile, tmp_path / "site")
        assert events == [], name


def test_a_file_opened_relative_to_an_open_folder_is_recorded(hostile, outside):
    (hostile / "link").symlink_to(outside / "canary")
    folder = os.open(hostile, os.O_RDONLY | os.O_DIRECTORY)
    with recorded_events(outside) as events:
        with pytest.raises(OSError, match="link"):
            os.open("link", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        assert events == []
        os.close(os.open("link", os.O_RDONLY, dir_fd=folder))
    os.close(folder)
    assert events == [f"open {outside / 'canary'}"]


@pytest.mark.parametrize("folder", ["bundle", "thumbnails"])
def test_a_map_with_a_linked_folder_is_not_exported(hostile, use, outside, tmp_path, folder):
    (hostile / folder).rename(outside / folder)
    (hostile / folder).symlink_to(outside / folder)
    use("run.json")  # each step
    with pytest.raises(FeatscapeError, match="it is a link"):
        export_site(hostile, tmp_path / "site")
