"""ZIP archives and TAR shards as sources, read without unpacking."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from featscape.errors import ImageError, InputError
from featscape.images import find_images, open_contents
from featscape.steps.facts.source import describe_found


@pytest.fixture(params=["zip", "tar"])
def write(request, tmp_path, write_zip, write_tar):
    """Return a function that writes an archive; the test runs for each kind of archive."""
    make = {"zip": write_zip, "tar": write_tar}[request.param]
    return lambda members: make(tmp_path / f"a.{request.param}", members)


def test_class_folders_are_read_as_on_a_disk(write, png, reds, tmp_path):
    names = ["dog/1.png", "cat/deep/2.PNG", "cat/1.png", "readme.txt", "cat/.hid.png"]
    file = write([(name, png(i)) for i, name in enumerate(names)] + [("__MACOSX/cat/1.png", b"")])
    before = sorted(tmp_path.iterdir())
    images = find_images(file)
    assert images.paths == ("cat/1.png", "cat/deep/2.PNG", "dog/1.png")
    assert images.labels == ("cat", "cat", "dog")
    assert reds(images) == [2, 1, 0]
    assert images.kind == file.suffix[1:]
    assert images.skipped == ()
    assert sorted(tmp_path.iterdir()) == before  # nothing is unpacked


def test_white_space_around_the_names_of_folders_is_removed(write, png):
    images = find_images(write([(name, png()) for name in ("a /1.png", "a/1.png", "b/1.png")]))
    assert (images.labels, images.n_trimmed_labels) == (("a", "a", "b"), 1)


@pytest.mark.parametrize(
    ("names", "labels", "splits"),
    [
        (["photos/cat/1.png", "photos/dog/1.png"], ("cat", "dog"), None),
        (["a/b/cat/1.png", "a/b/dog/1.png"], ("cat", "dog"), None),
        (["p/test/cat/1.png", "p/train/dog/1.png"], ("cat", "dog"), ("test", "train")),
        (["train/cat/1.png", "train/dog/1.png"], ("cat", "dog"), ("train", "train")),
        (["photos/1.png", "photos/2.png"], None, None),
        (["1.png", "2.png"], None, None),
    ],
)
def test_folders_that_contain_everything_else_are_ignored(write, png, names, labels, splits):
    images = find_images(write([(name, png()) for name in names]))
    assert (images.paths, images.labels, images.splits) == (tuple(names), labels, splits)


def test_threads_read_the_right_members(write, png, tmp_path):
    colors = np.random.default_rng(0).integers(0, 256, 300)
    file = write([(f"{i:03}.png", png(int(color))) for i, color in enumerate(colors)])
    images = find_images(file)
    order = np.random.default_rng(1).permutation(300)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda i: images.load(i).getpixel((0, 0))[0], order))
    assert read == colors[order].tolist()
    assert list(tmp_path.iterdir()) == [file]


def test_a_reopened_archive_reads_single_members(write, png):
    file = write([("cat/1.png", png(7)), ("dog/1.png", png(8))])
    contents = open_contents(file.suffix[1:], file)
    assert contents.read("dog/1.png") == png(8)
    for path in ("dog/2.png", "", "../a.zip", "/etc/passwd"):
        with pytest.raises(ImageError, match="no such file in the archive"):
            contents.read(path)


def test_metadata_in_an_archive_gives_labels_and_columns(write, png):
    file = write([("p/1.png", png()), ("p/metadata.csv", b"file_name,label,n\n1.png,fox,3\n")])
    images = find_images(file)
    assert images.labels == ("fox",)
    assert images.columns["n"].tolist() == [3]
    images = find_images(file, label_column="n")
    assert images.labels == ("3",)
    assert images.columns["source label"] == ("fox",)


def test_a_table_of_another_name_in_an_archive_is_renamed_or_unpacked(write, png):
    tables = [("labels.csv", b"file_name,label\n1.png,fox\n"), ("more.csv", b"")]
    for n, one in ((1, "this table"), (2, "one table")):
        images = find_images(write([("1.png", png()), *tables[:n]]))
        assert images.unread_tables == ("labels.csv", "more.csv")[:n]
        (line,) = [line for line in describe_found(images) if "not read" in line]
        assert line.endswith(
            f"For the columns, rename {one} to metadata.csv in the archive, or unpack the archive"
        )


# --- WebDataset -----------------------------------------------------------------------------------


def test_sidecar_files_give_labels_and_columns(write_tar, tmp_path, png, reds, skipped):
    members = [
        ("0.png", png(0)),
        ("0.cls", b"7\n"),
        ("0.txt", "a caf\xe9".encode()),
        ("0.json", json.dumps({"width": 5, "score": 0.5, "box": [1]}).encode()),
        ("1.cls", b"8"),
        ("1.seg.png", png(2)),
        ("1.png", png(1)),
        ("1.json", b"{"),
    ]
    images = find_images(write_tar(tmp_path / "a.tar", members))
    assert images.paths == ("0.png", "1.png", "1.seg.png")
    assert reds(images) == [0, 1, 2]
    assert images.labels == ("7", "8", "8")
    assert images.columns["text"] == ("a caf\xe9", None, None)
    np.testing.assert_array_equal(images.columns["score"], [0.5, np.nan, np.nan])
    assert images.columns["source width"][0] == 5
    assert skipped(images).keys() == {"1.json", f"{tmp_path / 'a.tar'}, column box"}


@pytest.mark.parametrize("is_json_first", [True, False])
def test_the_class_of_a_cls_file_takes_precedence_over_the_json(
    write_tar, tmp_path, png, is_json_first
):
    members = []
    for i in range(2):
        files = [(f"{i}.cls", b"fox"), (f"{i}.json", b'{"label": "dog", "cls": "cat", "n": 1}')]
        members += [(f"{i}.png", png(i)), *(reversed(files) if is_json_first else files)]
    file = write_tar(tmp_path / "a.tar", members)
    images = find_images(file)
    assert images.labels == ("fox", "fox")
    assert images.columns["source label"] == ("dog", "dog")
    assert "labels: the column 'cls' (--label-column names another)" in list(describe_found(images))
    assert find_images(file, label_column="label").labels == ("dog", "dog")


def test_the_label_of_the_json_is_used_without_cls_files(write_tar, tmp_path, png):
    members = [("0.png", png()), ("0.json", b'{"label": "dog", "cls": "cat"}')]
    images = find_images(write_tar(tmp_path / "a.tar", members))
    assert images.labels == ("dog",)
    assert images.label_column == "label"


@pytest.mark.parametrize(
    ("names", "is_reported"),
    [
        (("0.image.png", "0.mask.png", "1.image.png", "1.mask.png"), True),
        (("0.png", "1.png", "a/0.png"), False),
        (("IMG.0.png", "IMG.1.png", "PIC.2.png"), False),
    ],
)
def test_several_images_of_the_samples_of_an_archive_are_reported(
    write_tar, tmp_path, png, names, is_reported
):
    images = find_images(write_tar(tmp_path / "a.tar", [(name, png(1)) for name in names]))
    lines = [line for line in describe_found(images) if line.startswith("several images")]
    expected = (
        "several images per sample: 4 images in 2 samples of WebDataset, with the names "
        "'image.png', 'mask.png'. Each image is a point; for one point per sample, write archives "
        "without the other images"
    )
    assert lines == [expected] * is_reported


def test_a_cls_file_without_an_image_gives_no_column(write_tar, tmp_path, png):
    members = [("0.png", png()), ("0.json", b'{"label": "dog"}'), ("1.cls", b"fox")]
    images = find_images(write_tar(tmp_path / "a.tar", members))
    assert (images.labels, images.columns) == (("dog",), {})


def test_shards_in_a_folder_are_one_source(write_tar, tmp_path, png, reds):
    write_tar(tmp_path / "train-000.tar", [("a/0.png", png(0)), ("a/0.cls", b"x")])
    write_tar(tmp_path / "train-001.tar", [("a/0.png", png(1)), ("a/0.cls", b"y")])
    write_tar(tmp_path / "val-000.tar", [("a/0.png", png(2)), ("a/0.cls", b"x")])
    images = find_images(tmp_path)
    assert images.paths == tuple(
        f"{name}.tar/a/0.png" for name in ("train-000", "train-001", "val-000")
    )
    assert images.labels == ("x", "y", "x")
    assert images.splits == ("train", "train", "val")
    assert reds(images) == [0, 1, 2]
    again = open_contents("tar", tmp_path)
    assert again.read("train-001.tar/a/0.png") == png(1)
    for path in ("gone.tar/a/0.png", "../x.tar/0.png", "train-000.tar"):
        with pytest.raises(ImageError):
            again.read(path)


def test_a_table_beside_archives_is_reported_and_not_read(write_tar, tmp_path, png, skipped):
    for name in ("a", "b"):
        write_tar(tmp_path / f"{name}.tar", [(f"{name}.png", png())])
    (tmp_path / "metadata.csv").write_text("file_name,age\na.png,3\n")
    (tmp_path / "readme.txt").touch()
    images = find_images(tmp_path)
    assert images.columns == {}
    (reason,) = skipped(images).values()
    assert reason.startswith("a table beside archives is not read (put metadata.csv, with paths in")
    assert f"skipped 1 file: {reason}" in "\n".join(describe_found(images))


def test_each_archive_may_have_metadata_beside_sidecar_files(write_tar, tmp_path, png):
    table = b"file_name,n,who\n0.png,%d,me\n"
    for i, name in enumerate(("a", "b")):
        members = [("0.png", png(i)), ("0.cls", name.encode()), ("0.json", b'{"score": 0.5}')]
        write_tar(tmp_path / f"{name}.tar", [*members, ("metadata.csv", table % i)])
    images = find_images(tmp_path)
    assert images.labels == ("a", "b")
    assert images.columns["n"].tolist() == [0, 1]
    assert images.columns["score"].tolist() == [0.5, 0.5]
    assert find_images(tmp_path, label_column="who").labels == ("me", "me")
    assert find_images(tmp_path, label_column="cls").labels == ("a", "b")
    with pytest.raises(InputError, match=r"must be a column of 'a\.tar/metadata\.csv'"):
        find_images(tmp_path, label_column="whom")


# --- invalid input --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../up.png", "cat/../../up.png", "/root.png", "cat/../up.png"])
def test_a_member_whose_name_leads_out_of_the_archive_is_skipped(
    write, png, skipped, tmp_path, name
):
    images = find_images(write([("cat/1.png", png()), (name, png())]))
    assert images.paths == ("cat/1.png",)
    assert skipped(images) == {name: "the name leads out of the archive"}
    assert not (tmp_path.parent / "up.png").exists()


def test_the_second_member_of_the_same_name_is_skipped(write, png, reds, skipped):
    images = find_images(write([("a/1.png", png(1)), ("./a//1.png", png(2))]))
    assert reds(images) == [1]
    assert skipped(images) == {"a/1.png": "duplicate name in the archive"}


@pytest.mark.parametrize("content", [b"", b"not an image", "half"])
def test_an_undecodable_member_raises_an_image_error(write, png, content):
    content = png()[:50] if content == "half" else content
    images = find_images(write([("a/1.png", png()), ("a/2.png", content)]))
    with pytest.raises(ImageError, match=r"empty file|not an image|truncated"):
        images.load(1)


def test_an_archive_without_images_is_an_error(write):
    with pytest.raises(
        InputError, match=r"at least one image; .* \(1 other file; .*Name another archive\."
    ):
        find_images(write([("readme.txt", b"hello")]))


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
@pytest.mark.parametrize("content", [b"", b"PK", b"not an archive" * 100])
def test_a_file_that_is_not_an_archive_is_an_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"archive must be undamaged|at least one image"):
        find_images(tmp_path / name)


@pytest.mark.parametrize("seed", range(60))
def test_random_damage_raises_only_input_and_image_errors(write, png, seed):
    file = write([(f"c{i % 2}/{i}.png", png(i)) for i in range(6)] + [("c0/1.json", b"{}")])
    content = bytearray(file.read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(content), 6):
        content[place] = rng.integers(256)
    file.write_bytes(content[: len(content) - seed % 3 * 200])
    try:
        images = find_images(file)
    except InputError:
        return
    for i in range(len(images)):
        try:
            images.load(i)
        except ImageError:
            continue
