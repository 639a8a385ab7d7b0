"""Invalid sources on the command line, and the files that a map skips."""

import os
import re
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

from helpers.images.image_files import jpeg_with_cut_exif, png

pytestmark = pytest.mark.usefixtures("here")


class TestSource:
    def test_an_empty_folder_is_refused(self, refuse, tmp_path):
        (tmp_path / "empty").mkdir()
        message = refuse("map", tmp_path / "empty")
        assert "must contain at least one image" in message
        assert "empty' contains none" in message

    def test_a_missing_path_is_refused(self, refuse):
        message = refuse("map", "nowhere")
        assert message.startswith("the source must be a folder of images, a table")

    def test_a_link_to_itself_is_refused(self, refuse, here):
        (here / "loop").symlink_to("loop")
        message = refuse("map", "loop")
        assert "'loop' is a symbolic link that leads back to itself. Name the folder" in message

    @pytest.mark.parametrize("file", ["x.zip", "x.tar", "x.csv", "x.parquet", "x.npy", "x/"])
    def test_a_server_that_cannot_be_reached_is_named(self, refuse, monkeypatch, file):
        def connect(*_arguments):
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr("socket.socket.connect", connect)
        monkeypatch.setattr("asyncio.BaseEventLoop.sock_connect", connect, raising=False)
        monkeypatch.setattr("featscape.images.storage.remote.N_ATTEMPTS", 1)
        message = refuse("map", f"http://127.0.0.1:9/{file}")
        assert f"the server of 'http://127.0.0.1:9/{file}' is not: " in message
        assert message.endswith("Check the address and the network connection.")

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
        assert message.startswith("limit must be at least 2 images for a map; got 1.")

    def test_too_few_images_for_the_perplexity_are_refused(self, refuse, photos):
        message = refuse("map", photos, "--perplexity", 30)
        assert "less than the number of items, 24; got 30" in message
        assert "Lower perplexity or add items" in message


@pytest.mark.usefixtures("quick_network", "without_pictures")
class TestFilesThatAreSkipped:
    """Skipped files are counted on the screen and listed in run.json with the reason."""

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("zero.png", lambda _good: b"", "empty"),
            ("cut.png", lambda good: good[: len(good) // 2], "truncated"),
            ("text.jpg", lambda _good: b"Dear Sir or Madam,\n" * 20, "not an image"),
            (
                "bomb.png",
                lambda _good: png(20_000, 20_000, bit_depth=8, color_type=0, rows=[bytes(999)]),
                "decompression bomb",
            ),
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
        (photos / "red" / "warned.jpg").write_bytes(jpeg_with_cut_exif())
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


@pytest.mark.usefixtures("quick_network")
class TestUnusualSources:
    def test_unusual_names_are_kept(self, make, photos):
        shown = {
            "with space": "with space",
            "émoji 🦊": "émoji 🦊",
            "new\nline": r"new\nline",
            "[red]": "[red]",
            "-o": "-o",
            os.fsdecode(b"caf\xe9"): r"caf\xe9",
        }
        for name in shown:
            shutil.copytree(photos / "red", photos / name)
            (photos / name / "00.png").rename(photos / name / f"{name}.png")
        made, done = make(photos)
        assert {f"{name}/{name}.png" for name in shown} <= set(made.paths)
        for text in shown.values():
            assert re.search(rf"^ *{re.escape(text)} +\d+ %", done.out, re.MULTILINE), text

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


@pytest.mark.usefixtures("quick_network")
def test_a_map_of_16_images_is_made(make, photos):
    made, _ = make(photos, "--limit", 16)
    assert len(made) == 16
    with Image.open(made.folder / "scatter.png") as picture:
        picture.verify()
