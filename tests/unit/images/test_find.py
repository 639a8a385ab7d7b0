"""Errors of a folder as a source."""

import pytest

from featscape.errors import InputError
from featscape.images import find_images
from helpers.images.empty_images import deny_access, make_files


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.npz", "a.npy", "a.csv", "a.parquet"])
@pytest.mark.parametrize("target", ["/proc/kmsg", "/dev/zero"])
def test_a_source_that_is_not_a_regular_file_is_an_error(tmp_path, name, target):
    (tmp_path / name).symlink_to(target)
    with pytest.raises(InputError, match=r"not a regular file|is a file of another type"):
        find_images(tmp_path / name)


def test_a_source_without_a_name_is_an_error():
    with pytest.raises(InputError, match=r"Name '\.' for the current folder\."):
        find_images("")


def test_the_error_for_a_folder_without_images_suggests_a_file(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(InputError, match=r"Name one of the files, such as '.*/a\.npz'\."):
        find_images(tmp_path)


def test_a_source_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"'.*/gone' does not exist\. Check the spelling\."):
        find_images(tmp_path / "gone")


def test_an_image_as_the_source_is_an_error_that_suggests_its_folder(tmp_path):
    make_files(tmp_path, "cats/1.jpg")
    message = r"1\.jpg' is a file of another type\. Name the folder .*cats'\."
    with pytest.raises(InputError, match=message):
        find_images(tmp_path / "cats/1.jpg")


def test_a_source_without_permission_is_an_error(tmp_path, monkeypatch):
    deny_access(monkeypatch, make_files(tmp_path, "1.jpg"))
    with pytest.raises(
        InputError, match=r"a readable folder; .* cannot be read \(Permission denied\)"
    ):
        find_images(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"at least one image; .* contains none \(0 other files;"):
        find_images(tmp_path)


def test_the_error_for_a_folder_without_images_lists_the_extensions(tmp_path):
    make_files(tmp_path, "a/1.txt", "b/2.csv", ".hidden.jpg")
    with pytest.raises(
        InputError, match=r"2 other files; the extensions of images are .*\.jpg .*\.webp"
    ):
        find_images(tmp_path)


def test_images_in_formats_that_are_not_read_are_skipped_with_a_remedy(tmp_path, skipped):
    images = find_images(
        make_files(tmp_path, "1.jpg", "2.HEIC", "2.xmp", "3.dcm", "raw/3.nef", "4.svg")
    )
    assert images.paths == ("1.jpg",)
    unread = {"2.HEIC": "heic", "3.dcm": "dcm", "raw/3.nef": "nef", "4.svg": "svg"}
    assert skipped(images) == {
        name: f"the format {extension} is not read: convert it to JPEG or PNG, "
        'see "Troubleshooting" in the documentation'
        for name, extension in unread.items()
    }


def test_videos_are_skipped_with_a_remedy(tmp_path, skipped):
    images = find_images(make_files(tmp_path, "1.jpg", "film.mp4", "2.MOV", "notes.txt"))
    assert images.paths == ("1.jpg",)
    remedy = (
        "a video is not read: save its frames as images, for example with "
        "ffmpeg -i VIDEO -r 1 frame-%05d.jpg"
    )
    assert skipped(images) == {"film.mp4": remedy, "2.MOV": remedy}


def test_the_error_for_a_folder_of_raw_photographs_has_the_remedy(tmp_path):
    make_files(tmp_path, "1.CR2", "2.CR2")
    with pytest.raises(InputError, match=r"Skipped: 2, the first '1.CR2': .* convert it to JPEG"):
        find_images(tmp_path)


def test_the_error_for_a_folder_without_images_reports_skipped_folders(tmp_path, monkeypatch):
    make_files(tmp_path, "dog/1.jpg", "notes.txt")
    deny_access(monkeypatch, tmp_path / "dog")
    with pytest.raises(
        InputError, match=r"\(1 other file;.* Skipped: 1, the first 'dog': no permission"
    ):
        find_images(tmp_path)


def test_a_newline_in_the_source_does_not_break_the_message(tmp_path):
    (tmp_path / "new\nline").mkdir()
    with pytest.raises(InputError) as caught:
        find_images(tmp_path / "new\nline")
    assert "\n" not in str(caught.value)


def test_an_image_set_is_a_sequence_of_images(write_images):
    images = find_images(write_images("1.png", "2.png"))
    assert [image.getpixel((0, 0))[0] for image in images] == [0, 1]
    assert images[-1].getpixel((0, 0))[0] == 1
    with pytest.raises(IndexError):
        images[2]


def test_a_source_with_a_similar_name_is_suggested(tmp_path):
    make_files(tmp_path, "photos/1.jpg", "notes.txt")
    with pytest.raises(InputError, match=r"does not exist. Did you mean .*/photos\?$"):
        find_images(tmp_path / "photo")
    for pattern in ("photos/*.png", "photos/*/?.png"):
        with pytest.raises(InputError, match=r"exist\. .*name the folder .*, '.*/photos'\.$"):
            find_images(tmp_path / pattern)
    with pytest.raises(InputError, match=r"does not exist. Check the spelling"):
        find_images(tmp_path / "pictures")
