"""Invalid input on the command line: the message, the exit status, and the files on disk."""

import errno
import io
import json
import os
import pickle
import shutil
import struct
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featscape.mapfolder.read import open_map

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def refuse(featscape, here):
    """Return a function that runs a command and returns its error message.

    The function expects status 2, one line, and no new files in the current folder except the
    hidden folder of finished work.
    """

    def run(*arguments):
        before = tree(here)
        done = featscape(*arguments)
        assert done.status == 2
        assert done.out == ""
        assert [name for name in tree(here) if not name.startswith(".m.partial")] == before
        assert "Traceback" not in done.err
        errors = [line for line in done.err.splitlines() if line.startswith("featscape: ")]
        assert len(errors) == 1
        assert done.err.endswith(errors[0] + "\n")  # after the lines of the progress
        return errors[0].removeprefix("featscape: ")

    return run


@pytest.fixture
def make(featscape, here):  # noqa: ARG001 - the current folder
    """Return a function that makes a map, and returns the map and the output of the command."""

    def run(source, *options):
        done = featscape("map", source, "-o", "m", "--perplexity", 4, "--size", 400, *options)
        assert done.status == 0, done.err
        return open_map("m"), done

    return run


def tree(folder):
    """Return all paths in a folder, including hidden files."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class TestSource:
    def test_an_empty_folder_is_refused(self, refuse, tmp_path):
        (tmp_path / "empty").mkdir()
        message = refuse("map", tmp_path / "empty")
        assert "must contain at least one image" in message
        assert "empty' contains none" in message

    def test_a_missing_path_is_refused(self, refuse):
        message = refuse("map", "nowhere")
        assert message.startswith("the source must be a folder of images, a table")

    def test_a_single_image_is_refused(self, refuse, photos):
        message = refuse("map", photos / "red" / "00.png")
        assert "00.png' is a file of another type" in message
        assert f"for example '{photos / 'red'}'" in message

    @pytest.mark.usefixtures("quick_network")
    def test_a_folder_without_a_readable_image_is_refused(self, refuse, tmp_path):
        (tmp_path / "notes").mkdir()
        for number in range(20):
            (tmp_path / "notes" / f"{number}.jpg").write_text("no image at all")
        message = refuse("map", tmp_path / "notes", "--perplexity", 4)
        assert "not an image" in message
        assert "20" in message

    def test_one_image_is_too_few(self, refuse, photos):
        message = refuse("map", photos, "--limit", 1)
        assert message.startswith("t-SNE needs at least 2 items; got 1 sample.")

    def test_too_few_images_for_the_perplexity_are_refused(self, refuse, photos):
        message = refuse("map", photos, "--perplexity", 30)
        assert "less than the number of items, 24; got 30" in message
        assert "Lower perplexity or add items" in message


def bomb():
    """Return a PNG of 20,000 x 20,000 pixels whose file has a few hundred bytes."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.usefixtures("quick_network")
class TestFilesThatAreSkipped:
    """Skipped files are counted on the screen and listed in run.json with the reason."""

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("zero.png", lambda _good: b"", "empty"),
            ("cut.png", lambda good: good[: len(good) // 2], "truncated"),
            ("text.jpg", lambda _good: b"Dear Sir or Madam,\n" * 20, "not an image"),
            ("bomb.png", lambda _good: bomb(), "decompression bomb"),
        ],
    )
    def test_a_damaged_image_is_skipped(self, make, photos, name, content, reason):
        good = (photos / "red" / "00.png").read_bytes()
        (photos / "red" / name).write_bytes(content(good))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            made, done = make(photos)
        assert len(made) == 24
        assert [one["path"] for one in made.run["skipped"]] == [f"red/{name}"]
        assert reason in made.run["skipped"][0]["reason"]
        assert made.run["counts"]["skipped"] == 1
        assert "Skipped 1 file" in done.out
        assert f"red/{name}: {made.run['skipped'][0]['reason']}"[:70] in done.out

    def test_the_row_with_an_unclosed_quote_is_named_in_the_summary(self, make, photos):
        paths = [f"red/{number:02}.png" for number in range(8)]
        (photos / "m.csv").write_text("\n".join(["path", *paths, 'red/00.png"', '"red/01.png', ""]))
        _, done = make(photos / "m.csv")
        assert "m.csv, line 11: invalid row: an unclosed quote" in done.out

    def test_warnings_of_pillow_are_not_printed(self, make, photos):
        file = io.BytesIO()
        Image.new("RGB", (16, 12), "red").save(file, "JPEG")
        exif = (
            b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"  # five entries, the first of which is cut off
        )
        marker = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        content = file.getvalue()
        (photos / "red" / "warned.jpg").write_bytes(content[:2] + marker + content[2:])
        made, done = make(photos)
        assert "red/warned.jpg" in made.paths
        assert "EXIF" not in done.err + done.out

    def test_an_image_with_the_wrong_extension_is_read(self, make, photos):
        shutil.copy(photos / "red" / "00.png", photos / "red" / "really-a-png.jpg")
        made, _ = make(photos)
        assert len(made) == 25
        assert made.run["skipped"] == []

    def test_a_symlink_loop_is_skipped(self, make, photos):
        (photos / "red" / "loop").symlink_to(photos)
        made, _ = make(photos)
        assert len(made) == 24
        assert made.run["skipped"] == [
            {"path": "red/loop", "reason": "a link to one of its parent folders"}
        ]

    def test_files_without_permission_are_skipped(self, make, photos, as_ordinary_user):
        folder = as_ordinary_user(photos)
        (folder / "red" / "00.png").chmod(0)
        (folder / "blue").chmod(0)
        made, _ = make(folder)
        (folder / "blue").chmod(0o755)
        assert len(made) == 15
        assert made.run["skipped"] == [
            {"path": "blue", "reason": "no permission to read"},
            {"path": "red/00.png", "reason": "no permission to read"},
        ]


@pytest.fixture
def as_ordinary_user(monkeypatch):
    """Return a function that copies a folder, and makes this process an ordinary user."""
    home = Path(tempfile.mkdtemp(prefix="featscape-test-"))
    is_root = os.geteuid() == 0

    def move(folder):
        copy = shutil.copytree(folder, home / folder.name)
        monkeypatch.chdir(home)
        if is_root:
            for path in (home, *home.rglob("*")):
                os.chown(path, 65534, 65534)
            os.seteuid(65534)
        return copy

    yield move
    if is_root:
        os.seteuid(0)
    monkeypatch.undo()
    shutil.rmtree(home)


@pytest.mark.usefixtures("quick_network")
class TestUnusualSources:
    @pytest.mark.parametrize(
        "name", ["with space", "émoji 🦊", "new\nline", "[red]", "-o", os.fsdecode(b"caf\xe9")]
    )
    def test_unusual_names_are_kept(self, make, photos, name):
        (photos / "red").rename(photos / name)
        (photos / name / "00.png").rename(photos / name / f"{name}.png")
        made, done = make(photos)
        assert f"{name}/{name}.png" in made.paths
        shown = {"new\nline": r"new\nline", os.fsdecode(b"caf\xe9"): r"caf\xe9"}.get(name, name)
        assert shown in done.out

    def test_a_class_with_one_image_has_no_agreement(self, make, photos):
        for file in list((photos / "red").iterdir())[1:]:
            file.unlink()
        made, _ = make(photos)
        assert made.labels.count("red") == 1
        assert made.run["agreement"]["by_class"]["red"] == 0.0

    def test_identical_images_have_finite_positions(self, make, photos):
        original = (photos / "red" / "00.png").read_bytes()
        for file in photos.rglob("*.png"):
            file.write_bytes(original)
        made, _ = make(photos)
        assert np.isfinite(made.positions).all()
        assert np.unique(made.features, axis=0).shape[0] == 1
        assert (made.folder / "images.png").stat().st_size > 0


class TestFeaturesFile:
    @pytest.mark.parametrize(
        ("array", "words"),
        [
            (np.array([[1.0, np.nan]] * 3 + [[1.0, 2.0]] * 30), "3 of 33 rows contain NaN"),
            (np.array([[1.0, 2.0]] * 30 + [[1.0, np.inf]]), "the first of them row 30"),
            (np.array([[1.0, 1e300]] * 30), "values beyond float32"),
            (np.array([["a", "b"]] * 30), "must be real numbers; got dtype <U1"),
            (np.array([[1j, 2j]] * 30), "must be real numbers; got dtype complex128"),
            (np.zeros((1, 8)), "at least 2 rows and 1 column; got 1 x 8"),
            (np.zeros((30, 0)), "got 30 x 0"),
            (np.zeros(30), "must have two dimensions, one row per item; got shape (30,)"),
            (np.zeros((2, 3, 4)), "got shape (2, 3, 4)"),
        ],
    )
    def test_invalid_contents_are_refused(self, refuse, here, array, words):
        np.save(here / "f.npy", array)
        assert words in refuse("embed", "f.npy", "--perplexity", 30)

    def test_pickled_objects_are_never_loaded(self, refuse, here):
        np.save(here / "f.npy", np.array([Trap()], dtype=object), allow_pickle=True)
        assert "pickled objects, which are never loaded" in refuse(
            "embed", "f.npy", "--perplexity", 30
        )
        (here / "g.npy").write_bytes(pickle.dumps(Trap()))
        assert "pickled objects, which are never loaded" in refuse("embed", "g.npy")

    @pytest.mark.parametrize("content", [b"", b"1.5,2.5\n" * 30, b"\x89PNG\r\n\x1a\n"])
    def test_a_file_of_another_type_is_refused(self, refuse, here, content):
        (here / "f.npy").write_bytes(content)
        assert refuse("embed", "f.npy") == (
            "f.npy is not an .npy file. "
            "Write one array with numpy.save(file, array, allow_pickle=False)."
        )

    def test_a_missing_file_is_refused(self, refuse):
        assert refuse("embed", "f.npy") == "there is no file f.npy. Check the path."

    def test_a_folder_is_refused(self, refuse, here):
        (here / "f.npy").mkdir()
        assert "cannot be read: Is a directory" in refuse("embed", "f.npy", "--perplexity", 30)

    def test_an_npz_archive_is_refused(self, refuse, here):
        np.savez(here / "f.npz", np.zeros((30, 4)))
        assert "it is an .npz archive" in refuse("embed", "f.npz")

    def test_a_truncated_file_is_refused(self, refuse, here):
        np.save(here / "f.npy", np.zeros((30, 4)))
        os.truncate(here / "f.npy", 300)
        assert "must be an .npy file" in refuse("embed", "f.npy", "--perplexity", 30)

    def test_too_few_rows_are_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(30))
        assert "less than the number of items, 30; got 30" in refuse(
            "embed", "f.npy", "--perplexity", 30
        )

    def test_outliers_that_exceed_the_precision_of_float32_are_refused(self, refuse, here):
        features = np.random.default_rng(0).normal(size=(100, 4))
        features[17, 2] = -1e15
        np.save(here / "f.npy", features)
        message = refuse("embed", "f.npy")
        assert "the values of row 17 reach 1e+15, more than 2**24 times the" in message
        assert "Remove or rescale that row." in message
        features[20:29, 0] = 1e12
        np.save(here / "f.npy", features)
        assert "the values of rows 17, 20, 21, 22, 23 and 5 more" in refuse(
            "embed", "f.npy", "--perplexity", 30
        )

    def test_a_device_is_refused(self, refuse):
        expected = "/dev/zero cannot be read: not a regular file. Check the file."
        assert refuse("embed", "/dev/zero") == expected

    def test_a_damaged_header_is_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(100))
        content = bytearray((here / "f.npy").read_bytes())
        content[20] = ord("(")
        (here / "f.npy").write_bytes(content)
        assert "its header is damaged (" in refuse("embed", "f.npy", "--perplexity", 30)


class Trap:
    """Fails the test when the object is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


class TestLabelsFile:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"a\nb\n", "there must be 100 labels, one for each row of the features"),
            (b"\xff\xfe\n" * 100, "must be text in UTF-8"),
        ],
    )
    def test_invalid_text_is_refused(self, refuse, here, content, words):
        np.save(here / "f.npy", np.eye(100))
        (here / "labels.txt").write_bytes(content)
        assert words in refuse("embed", "f.npy", "--labels", "labels.txt")

    def test_an_array_of_two_dimensions_is_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(100))
        np.save(here / "labels.npy", np.zeros((100, 2)))
        message = refuse("embed", "f.npy", "--labels", "labels.npy")
        assert "one-dimensional integers or strings; got shape (100, 2)" in message

    def test_characters_beyond_unicode_are_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(100))
        np.save(here / "labels.npy", np.full(100, 0x110000, np.uint32).view("<U1"))
        message = refuse("embed", "f.npy", "--labels", "labels.npy")
        assert "a character has the number 1,114,112, which is not in Unicode" in message

    def test_a_missing_file_is_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(100))
        assert "there is no file l.txt" in refuse("embed", "f.npy", "--labels", "l.txt")


@pytest.mark.usefixtures("quick_network")
class TestOutput:
    def test_an_existing_folder_is_not_replaced(self, refuse, photos, here):
        (here / "m").mkdir()
        message = refuse("map", photos, "-o", "m")
        assert message == (
            "m exists and is not a featscape map; only maps are replaced. "
            "Choose another output folder with -o (output=)."
        )

    def test_force_does_not_replace_other_folders(self, refuse, photos, here):
        (here / "m").mkdir()
        (here / "m" / "thesis.tex").write_text("years of work")
        assert "m exists and is not a featscape map" in refuse("map", photos, "-o", "m", "--force")

    def test_a_read_only_folder_is_refused(self, featscape, photos, as_ordinary_user):
        folder = as_ordinary_user(photos)
        folder.parent.chmod(0o555)
        done = featscape("map", folder, "-o", folder.parent / "m", "--perplexity", 4)
        assert done.status == 2
        assert "m: Permission denied. No files remain." in done.err
        assert done.err.count("\n") == 1  # before any other output
        assert [path.name for path in folder.parent.iterdir()] == ["photos"]

    @pytest.mark.parametrize("file", ["data.bin", "offsets.npy", "scatter.png", "features.npy"])
    def test_a_full_disk_is_reported(self, refuse, photos, monkeypatch, file):
        open_file = io.open

        def open_on_a_full_disk(name, *arguments, **options):
            full = str(name).endswith(file)
            if full:
                arguments = ("wb",)
            return open_file("/dev/full" if full else name, *arguments, **options)

        monkeypatch.setattr("io.open", open_on_a_full_disk)
        monkeypatch.setattr("builtins.open", open_on_a_full_disk)
        message = refuse("map", photos, "-o", "m", "--perplexity", 4, "--size", 400)
        assert message == self.message(is_kept=file in ("offsets.npy", "scatter.png"))

    @pytest.mark.parametrize(
        ("write", "is_kept"),
        [("pyarrow.parquet.write_table", True), ("pathlib.Path.write_text", False)],
    )
    def test_a_full_disk_during_the_last_files_is_reported(
        self, refuse, photos, monkeypatch, write, is_kept
    ):
        def fail(*_arguments, **_options):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(write, fail)
        message = refuse("map", photos, "-o", "m", "--perplexity", 4, "--size", 400)
        assert message == self.message(is_kept=is_kept)

    def message(self, *, is_kept):
        left = "No files remain."
        if is_kept:
            left = "Finished work is kept in .m.partial; repeat the call to continue."
        return (
            f"cannot write the map m: No space left on device. {left} "
            "Make room or choose another folder with -o (output=)."
        )


@pytest.mark.usefixtures("quick_network")
class TestCtrlC:
    @pytest.mark.parametrize("stage", ["extract", "draw_mosaic", "write_run", "t-SNE"])
    def test_only_the_features_are_kept(self, featscape, photos, here, monkeypatch, stage):
        def interrupt(*_arguments, **_options):
            raise KeyboardInterrupt

        where = {
            "extract": "featscape.features.extract",
            "draw_mosaic": "featscape.pictures.draw_mosaic",
            "write_run": "featscape.mapfolder.write_run",
            "t-SNE": "meshtsne.estimator.descend",
        }
        monkeypatch.setattr(where[stage], interrupt)
        done = featscape("map", photos, "-o", "m", "--perplexity", 4, "--size", 400)
        assert done.status == 130
        assert done.out == ""
        assert done.err.splitlines()[-1] == "featscape: interrupted."
        assert "Traceback" not in done.err
        assert {path.suffix for path in here.rglob("*.*") if path.is_file()} == (
            set() if stage == "extract" else {".npy", ".thumbnails", ".json"}
        )
        assert ("is kept in .m.partial: repeat the call to continue" in done.err) is (
            stage != "extract"
        )

    def test_the_older_map_is_kept(self, featscape, make, photos, here, monkeypatch):
        made, _ = make(photos)
        before = (made.folder / "run.json").read_text()

        def interrupt(*_arguments, **_options):
            raise KeyboardInterrupt

        monkeypatch.setattr("featscape.mapfolder.write_run", interrupt)
        options = ("-o", "m", "--perplexity", 4, "--size", 400, "--force")
        assert featscape("map", photos, *options).status == 130
        assert [path.name for path in here.iterdir()] == ["m"]
        assert (made.folder / "run.json").read_text() == before
        assert json.loads(before)["counts"]["items"] == 24


def test_an_unexpected_exception_is_raised(featscape, photos, monkeypatch):
    def fail(*_arguments, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr("featscape.features.extract", fail)
    with pytest.raises(ZeroDivisionError):  # Python shows the traceback and ends with status 1
        featscape("map", photos, "-o", "m", "--perplexity", 4)
    assert not Path("m").exists()


@pytest.mark.usefixtures("quick_network")
def test_a_map_of_16_images_is_made(make, photos):
    made, _ = make(photos, "--limit", 16)
    assert len(made) == 16
    with Image.open(made.folder / "scatter.png") as picture:
        picture.verify()
