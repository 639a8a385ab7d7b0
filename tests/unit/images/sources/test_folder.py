"""The files of a folder: order, names, links and unreadable files."""

import os
import time
from pathlib import Path

import pytest
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.images import find_images
from helpers.images.empty_images import deny_access, make_files


def test_paths_are_sorted_part_by_part_in_code_points(tmp_path):
    # compared as whole paths, "a-b/" would come before "a/", because "-" comes before "/"
    make_files(tmp_path, "a-b/1.jpg", "a/2.jpg", "a/10.jpg", "B/1.jpg", "é/1.jpg", "z/1.jpg")
    assert find_images(tmp_path).paths == (
        "B/1.jpg",
        "a/10.jpg",
        "a/2.jpg",
        "a-b/1.jpg",
        "z/1.jpg",
        "é/1.jpg",
    )


def test_the_order_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    make_files(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg")
    expected = find_images(tmp_path).paths
    scandir = os.scandir

    class Reversed:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    assert find_images(tmp_path).paths == expected


@pytest.mark.parametrize(
    "extension",
    [".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".JPG", ".avif"],
)
def test_each_extension_is_found(tmp_path, extension):
    if extension == ".avif" and ".avif" not in Image.registered_extensions():
        with pytest.raises(InputError):
            find_images(make_files(tmp_path, "1.avif"))
        return
    assert find_images(make_files(tmp_path, f"1{extension}")).paths == (f"1{extension}",)


def test_hidden_and_other_files_are_ignored(tmp_path):
    make_files(
        tmp_path,
        "cat/1.jpg",
        "dog/1.jpg",
        "cat/.DS_Store",
        "cat/._1.jpg",
        "cat/Thumbs.db",
        "cat/labels.csv",
        "cat/jpg",
        ".git/1.jpg",
        "__MACOSX/cat/1.jpg",
        "script.py",
    )
    images = find_images(tmp_path)
    assert images.paths == ("cat/1.jpg", "dog/1.jpg")
    assert images.labels == ("cat", "dog")
    assert images.skipped == ()


def test_a_hidden_source_is_read(tmp_path):
    assert len(find_images(make_files(tmp_path / ".cache", "1.jpg"))) == 1


def test_a_folder_with_the_extension_of_an_image_is_a_class(tmp_path):
    images = find_images(make_files(tmp_path, "cat.jpg/1.png", "dog/1.png"))
    assert images.labels == ("cat.jpg", "dog")


def test_images_with_unusual_names_are_found_and_decoded(tmp_path):
    undecodable = os.fsdecode(b"\xff\xfe.png")
    names = ["two words.png", "🐱.png", "new\nline.png", "quo'te\".png", undecodable]
    for name in names:
        (tmp_path / "Größe 🦓").mkdir(exist_ok=True)
        Image.new("RGB", (2, 3)).save(tmp_path / "Größe 🦓" / name, "PNG")
    images = find_images(tmp_path)
    assert set(images.paths) == {f"Größe 🦓/{name}" for name in names}
    assert [images.load(i).size for i in range(5)] == [(2, 3)] * 5
    assert len(find_images(tmp_path, limit=2)) == 2


def test_classes_with_undecodable_names_can_be_sampled(tmp_path):
    make_files(tmp_path, f"{os.fsdecode(bytes([255]))}/1.jpg", "a/1.jpg", "a/2.jpg")
    assert set(find_images(tmp_path, limit=2).labels) == {"a", r"\xff"}


def test_linked_folders_are_followed(tmp_path):
    make_files(tmp_path / "elsewhere", "1.jpg", "2.jpg")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "source/kitten").symlink_to(tmp_path / "elsewhere")
    images = find_images(tmp_path / "source")
    assert images.labels == ("cat", "cat", "kitten", "kitten")
    assert images.skipped == ()


@pytest.mark.parametrize("target", [".", "..", "../../source"])
def test_a_link_to_a_parent_folder_is_skipped(tmp_path, target, skipped):
    make_files(tmp_path / "source", "cat/1.jpg")
    (tmp_path / "source/cat/again").symlink_to(target)
    images = find_images(tmp_path / "source")
    assert images.paths == ("cat/1.jpg",)
    assert skipped(images) == {"cat/again": "a link to one of its parent folders"}


def test_a_circular_link_through_another_folder_is_skipped(tmp_path, skipped):
    source, outside = tmp_path / "source", tmp_path / "outside"
    make_files(source, "cat/1.jpg")
    make_files(outside, "2.jpg")
    (source / "cat/out").symlink_to(outside)
    (outside / "back").symlink_to(source / "cat")
    images = find_images(source)
    assert images.paths == ("cat/1.jpg", "cat/out/2.jpg")
    assert list(skipped(images)) == ["cat/out/back"]


def test_broken_links_are_skipped(tmp_path, skipped):
    make_files(tmp_path, "cat/1.jpg")
    (tmp_path / "cat/2.jpg").symlink_to("gone.jpg")
    (tmp_path / "dog").symlink_to("/nowhere/dog")
    (tmp_path / "self").symlink_to("self")
    reasons = skipped(find_images(tmp_path))
    assert reasons["cat/2.jpg"] == "a broken link"
    assert reasons["dog"] == "a broken link"
    assert "symbolic links" in reasons["self"]


def test_a_pipe_is_skipped(tmp_path, skipped):
    make_files(tmp_path, "1.jpg")
    os.mkfifo(tmp_path / "2.jpg")
    assert skipped(find_images(tmp_path)) == {"2.jpg": "not a regular file"}


def test_devices_and_files_of_proc_are_skipped_without_reading(tmp_path, skipped):
    make_files(tmp_path, "1.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "none.txt").symlink_to("/dev/zero")
    (tmp_path / "kmsg.png").symlink_to("/proc/kmsg")
    images = find_images(tmp_path)
    assert skipped(images) == {"zero.jpg": "not a regular file"}
    with pytest.raises(ImageError, match="not a regular file"):
        images.read(images.paths.index("kmsg.png"))


def test_a_folder_without_permission_is_skipped(tmp_path, monkeypatch, skipped):
    make_files(tmp_path, "cat/1.jpg", "dog/1.jpg")
    deny_access(monkeypatch, tmp_path / "dog")
    images = find_images(tmp_path)
    assert images.paths == ("cat/1.jpg",)
    assert skipped(images) == {"dog": "no permission to read"}


def test_a_folder_that_cannot_be_read_is_skipped_with_the_systems_reason(
    tmp_path, monkeypatch, skipped
):
    make_files(tmp_path, "cat/1.jpg", "dog/1.jpg")
    scandir = os.scandir

    def failing(path):
        if Path(path).name == "dog":
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    assert skipped(find_images(tmp_path)) == {"dog": "cannot be read: Input/output error"}


def test_files_are_found_without_a_stat_call_per_file(tmp_path, monkeypatch):
    make_files(tmp_path, *(f"{c}/{i}.jpg" for c in range(4) for i in range(500)))
    stat, n_stats = os.stat, 0

    def counting(path, *args, **kwargs):
        nonlocal n_stats
        n_stats += 1
        return stat(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", counting)
    start = time.perf_counter()
    assert len(find_images(tmp_path)) == 2000
    assert time.perf_counter() - start < 2
    assert n_stats <= 6  # the source once as a possible file, and each of the 5 folders
