"""Reading files on a local disk."""

import os

import pytest

from featscape.errors import ImageError
from featscape.images.storage.disk import Disk


def test_a_folder_and_a_pipe_are_not_regular_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path, tmp_path / "pipe.jpg"):
        with pytest.raises(ImageError, match=r"^not a regular file$"):
            Disk().read(path)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ImageError, match=r"^no such file$"):
        Disk().read(tmp_path / "gone.jpg")


def test_a_file_without_permission_is_reported(tmp_path, monkeypatch):
    path = tmp_path / "image.png"
    path.touch()

    def refuse(path, *_args, **_options):
        raise PermissionError(13, "Permission denied", str(path))

    # tests may run as root
    monkeypatch.setattr("featscape.files.regular.open", refuse, raising=False)
    with pytest.raises(ImageError, match=r"^no permission to read$"):
        Disk().read(path)


def test_a_part_beyond_the_end_of_a_file_is_reported_as_truncated(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(b"12345")
    assert Disk().read_part(path, 1, 4) == b"234"
    with pytest.raises(ImageError, match=r"^truncated: 2 of 6 bytes$"):
        Disk().read_part(path, 3, 9)
