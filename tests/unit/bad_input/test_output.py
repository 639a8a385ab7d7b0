"""Outputs that cannot be written, and interruptions of a command."""

import errno
import io
import json
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("here")


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
            "extract": "featscape.features.run_extraction",
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

    monkeypatch.setattr("featscape.features.run_extraction", fail)
    with pytest.raises(ZeroDivisionError):  # Python shows the traceback and ends with status 1
        featscape("map", photos, "-o", "m", "--perplexity", 4)
    assert not Path("m").exists()
