"""Folders as sources: classes, splits, order, links, errors, and the limit."""

import os
import time
from pathlib import Path

import pytest
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.images import find_images
from featscape.images.sources.animals10 import ENGLISH_NAMES


def make_files(root, *paths):
    """Make empty files: `find_images` reads only the names."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def skipped(images):
    return {item.path: item.reason for item in images.skipped}


# --- classes and splits ---------------------------------------------------------------------------


def test_the_class_is_the_first_folder_at_any_depth_of_the_file(tmp_path):
    make_files(tmp_path, "dog/1.jpg", "cat/deep/er/2.jpg", "cat/1.jpg")
    images = find_images(tmp_path)
    assert images.paths == ("cat/1.jpg", "cat/deep/er/2.jpg", "dog/1.jpg")
    assert images.labels == ("cat", "cat", "dog")
    assert images.splits is None
    assert images.skipped == ()
    assert images.source == tmp_path


def test_a_flat_folder_has_no_labels(tmp_path):
    images = find_images(str(make_files(tmp_path, "b.png", "a.png")))
    assert images.paths == ("a.png", "b.png")
    assert images.labels is None
    assert images.splits is None


def test_images_beside_class_folders_are_skipped_with_a_reason(tmp_path):
    images = find_images(make_files(tmp_path, "cat/1.jpg", "stray.jpg"))
    assert images.paths == ("cat/1.jpg",)
    assert skipped(images) == {"stray.jpg": "outside the class folders"}


def test_folders_without_images_are_not_classes(tmp_path):
    images = find_images(make_files(tmp_path, "a.jpg", "b.jpg", "notes/readme.txt"))
    assert images.labels is None
    assert images.paths == ("a.jpg", "b.jpg")


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"),
        ("val", "val"),
        ("valid", "val"),
        ("validation", "val"),
        ("test", "test"),
        ("Train", "train"),
    ],
)
def test_each_name_of_a_split_is_recognized(tmp_path, folder, split):
    images = find_images(make_files(tmp_path, f"{folder}/cat/1.jpg", f"{folder}/dog/x/1.jpg"))
    assert images.splits == (split, split)
    assert images.labels == ("cat", "dog")
    assert images.paths == (f"{folder}/cat/1.jpg", f"{folder}/dog/x/1.jpg")


def test_folders_are_splits_only_if_all_of_them_are(tmp_path):
    make_files(tmp_path, "train/cat/1.jpg", "test/cat/1.jpg", "annotations/1.xml")
    images = find_images(tmp_path)
    assert images.splits == ("test", "train")
    assert images.labels == ("cat", "cat")

    images = find_images(make_files(tmp_path, "extra/cat/1.jpg"))
    assert images.splits is None
    assert images.labels == ("extra", "test", "train")


def test_images_of_a_split_without_a_class_are_skipped_if_others_have_one(tmp_path):
    images = find_images(make_files(tmp_path, "train/cat/1.jpg", "test/1.jpg", "stray.jpg"))
    assert images.paths == ("train/cat/1.jpg",)
    assert skipped(images) == {
        "stray.jpg": "outside the class folders",
        "test/1.jpg": "outside the class folders",
    }


def test_splits_without_classes_have_no_labels(tmp_path):
    images = find_images(make_files(tmp_path, "train/1.jpg", "test/1.jpg", "stray.jpg"))
    assert images.splits == ("test", "train")
    assert images.labels is None
    assert skipped(images) == {"stray.jpg": "outside the split folders"}


def test_animals10_gets_english_labels_and_reports_them(tmp_path):
    assert len(ENGLISH_NAMES) == 10
    images = find_images(make_files(tmp_path, *(f"{name}/1.jpeg" for name in ENGLISH_NAMES)))
    assert dict(zip(images.paths, images.labels, strict=True)) == {
        f"{italian}/1.jpeg": english for italian, english in ENGLISH_NAMES.items()
    }
    assert images.renamed_labels == ENGLISH_NAMES
    assert ENGLISH_NAMES["gallina"] == "chicken"


def test_animals10_gets_english_labels_with_a_limit_below_ten(tmp_path):
    make_files(tmp_path, *(f"{name}/1.jpeg" for name in ENGLISH_NAMES))
    assert set(find_images(tmp_path, limit=3).labels) < set(ENGLISH_NAMES.values())


@pytest.mark.parametrize("change", ["one less", "one more"])
def test_other_italian_folders_keep_their_names(tmp_path, change):
    names = [*ENGLISH_NAMES, "lupo"] if change == "one more" else list(ENGLISH_NAMES)[:-1]
    images = find_images(make_files(tmp_path, *(f"{name}/1.jpeg" for name in names)))
    assert set(images.labels) == set(names)
    assert images.renamed_labels == {}


# --- files and their order ------------------------------------------------------------------------


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
    assert images.paths == ("cat/1.jpg",)
    assert images.labels == ("cat",)
    assert images.skipped == ()


def test_a_hidden_source_is_read(tmp_path):
    assert len(find_images(make_files(tmp_path / ".cache", "1.jpg"))) == 1


def test_a_folder_with_the_extension_of_an_image_is_a_class(tmp_path):
    assert find_images(make_files(tmp_path, "cat.jpg/1.png")).labels == ("cat.jpg",)


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
    assert set(find_images(tmp_path, limit=2).labels) == {"a", "\udcff"}


# --- links and unreadable files -------------------------------------------------------------------


def test_linked_folders_are_followed(tmp_path):
    make_files(tmp_path / "elsewhere", "1.jpg", "2.jpg")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "source/kitten").symlink_to(tmp_path / "elsewhere")
    images = find_images(tmp_path / "source")
    assert images.labels == ("cat", "cat", "kitten", "kitten")
    assert images.skipped == ()


@pytest.mark.parametrize("target", [".", "..", "../../source"])
def test_a_link_to_a_parent_folder_is_skipped(tmp_path, target):
    make_files(tmp_path / "source", "cat/1.jpg")
    (tmp_path / "source/cat/again").symlink_to(target)
    images = find_images(tmp_path / "source")
    assert images.paths == ("cat/1.jpg",)
    assert skipped(images) == {"cat/again": "a link to one of its parent folders"}


def test_a_circular_link_through_another_folder_is_skipped(tmp_path):
    source, outside = tmp_path / "source", tmp_path / "outside"
    make_files(source, "cat/1.jpg")
    make_files(outside, "2.jpg")
    (source / "cat/out").symlink_to(outside)
    (outside / "back").symlink_to(source / "cat")
    images = find_images(source)
    assert images.paths == ("cat/1.jpg", "cat/out/2.jpg")
    assert list(skipped(images)) == ["cat/out/back"]


def test_broken_links_are_skipped(tmp_path):
    make_files(tmp_path, "cat/1.jpg")
    (tmp_path / "cat/2.jpg").symlink_to("gone.jpg")
    (tmp_path / "dog").symlink_to("/nowhere/dog")
    (tmp_path / "self").symlink_to("self")
    reasons = skipped(find_images(tmp_path))
    assert reasons["cat/2.jpg"] == "a broken link"
    assert reasons["dog"] == "a broken link"
    assert "symbolic links" in reasons["self"]


def test_a_pipe_is_skipped(tmp_path):
    make_files(tmp_path, "1.jpg")
    os.mkfifo(tmp_path / "2.jpg")
    assert skipped(find_images(tmp_path)) == {"2.jpg": "not a regular file"}


def test_devices_and_files_of_proc_are_skipped_without_reading(tmp_path):
    make_files(tmp_path, "1.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "none.txt").symlink_to("/dev/zero")
    (tmp_path / "kmsg.png").symlink_to("/proc/kmsg")
    images = find_images(tmp_path)
    assert skipped(images) == {"zero.jpg": "not a regular file"}
    with pytest.raises(ImageError, match="not a regular file"):
        images.read(images.paths.index("kmsg.png"))


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.npz", "a.npy", "a.csv", "a.parquet"])
@pytest.mark.parametrize("target", ["/proc/kmsg", "/dev/zero"])
def test_a_source_that_is_not_a_regular_file_is_an_error(tmp_path, name, target):
    (tmp_path / name).symlink_to(target)
    with pytest.raises(InputError, match=r"not a regular file|is a file of another type"):
        find_images(tmp_path / name)


def deny_access(monkeypatch, folder):
    """Deny access to a folder; permissions would have no effect for root."""
    scandir = os.scandir

    def guarded(path):
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)


def test_a_folder_without_permission_is_skipped(tmp_path, monkeypatch):
    make_files(tmp_path, "cat/1.jpg", "dog/1.jpg")
    deny_access(monkeypatch, tmp_path / "dog")
    images = find_images(tmp_path)
    assert images.labels == ("cat",)
    assert skipped(images) == {"dog": "no permission to read"}


def test_a_folder_that_cannot_be_read_is_skipped_with_the_systems_reason(tmp_path, monkeypatch):
    make_files(tmp_path, "cat/1.jpg", "dog/1.jpg")
    scandir = os.scandir

    def failing(path):
        if Path(path).name == "dog":
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    assert skipped(find_images(tmp_path)) == {"dog": "cannot be read: Input/output error"}


# --- errors ---------------------------------------------------------------------------------------


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


# --- the limit ------------------------------------------------------------------------------------


def make_unbalanced(root):
    """Make 100 cats, 10 dogs and one emu."""
    cats = [f"cat/{i}.jpg" for i in range(100)]
    return make_files(root, *cats, *(f"dog/{i}.jpg" for i in range(10)), "emu/0.jpg")


def test_a_limit_depends_on_the_seed_and_keeps_the_order(tmp_path):
    make_unbalanced(tmp_path)
    everything = find_images(tmp_path)
    some = find_images(tmp_path, limit=20, random_state=1)
    assert len(some) == 20
    assert list(some.paths) == [path for path in everything.paths if path in set(some.paths)]
    assert all(path.startswith(label) for path, label in zip(some.paths, some.labels, strict=True))
    assert some.paths == find_images(tmp_path, limit=20, random_state=1).paths
    assert some.paths != find_images(tmp_path, limit=20, random_state=2).paths


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [3, 4, 20])
def test_a_limit_keeps_every_class_if_possible(tmp_path, limit, seed):
    images = find_images(make_unbalanced(tmp_path), limit=limit, random_state=seed)
    assert len(images) == limit
    assert set(images.labels) == {"cat", "dog", "emu"}


def test_a_limit_below_the_number_of_classes_keeps_one_image_of_each(tmp_path):
    images = find_images(make_unbalanced(tmp_path), limit=2)
    assert len(set(images.labels)) == 2


def test_the_first_image_of_a_class_is_random(tmp_path):
    make_unbalanced(tmp_path)
    drawn = {find_images(tmp_path, limit=3, random_state=seed).paths[0] for seed in range(10)}
    assert len(drawn) > 5


def test_frequent_classes_are_sampled_in_proportion(tmp_path):
    make_unbalanced(tmp_path)
    n_dogs = [
        find_images(tmp_path, limit=57, random_state=s).labels.count("dog") for s in range(60)
    ]
    assert 4.5 < sum(n_dogs) / 60 < 5.7  # expected 57 * 10 / 111 = 5.1, standard error 0.2


def test_a_limit_works_without_labels(tmp_path):
    images = find_images(make_files(tmp_path, *(f"{i}.jpg" for i in range(50))), limit=7)
    assert len(set(images.paths)) == 7
    assert images.labels is None


@pytest.mark.parametrize("limit", [111, 1000, None])
def test_a_limit_that_is_not_reached_keeps_all_images(tmp_path, limit):
    assert len(find_images(make_unbalanced(tmp_path), limit=limit)) == 111


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_below_one_is_an_error(tmp_path, limit):
    with pytest.raises(InputError, match=rf"limit must be at least 1 image; got {limit}"):
        find_images(make_files(tmp_path, "1.jpg"), limit=limit)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_an_error(tmp_path, seed):
    with pytest.raises(InputError, match=rf"seed must be between 0 and 2\*\*32 - 1; got {seed}"):
        find_images(make_files(tmp_path, "1.jpg"), limit=1, random_state=seed)


@pytest.mark.parametrize("max_megapixels", [0, -1, float("inf"), float("nan")])
def test_max_megapixels_must_be_a_finite_number_above_0(tmp_path, max_megapixels):
    with pytest.raises(InputError, match=rf"a finite number above 0; got {max_megapixels}\."):
        find_images(make_files(tmp_path, "1.jpg"), max_megapixels=max_megapixels)


# --- size and speed -------------------------------------------------------------------------------


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


def test_a_jpeg_is_decoded_at_a_smaller_scale(tmp_path):
    Image.new("RGB", (400, 200)).save(tmp_path / "large.jpg")
    images = find_images(tmp_path)
    assert images.load(0).size == (400, 200)
    assert images.load(0, at_least_px=90).size == (200, 100)


def test_max_megapixels_applies_when_an_image_is_decoded(tmp_path):
    Image.new("RGB", (100, 50)).save(tmp_path / "large.png")
    Image.new("RGB", (10, 10)).save(tmp_path / "small.png")
    images = find_images(tmp_path, max_megapixels=0.001)
    assert images.load(1).size == (10, 10)
    with pytest.raises(ImageError, match=r"exceed the limit of 0\.001"):
        images.load(0)
    assert images.decode_plain is None  # the plain decoder supports no other limit than Pillow's
    with pytest.raises(InputError, match="must be a finite number above 0; got -1"):
        find_images(tmp_path, max_megapixels=-1)
