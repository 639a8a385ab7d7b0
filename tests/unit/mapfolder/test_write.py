"""Map folders are written whole, and only maps are replaced."""

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from featscape import mapfolder
from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL
from featscape.mapfolder import check_source, new_map_folder
from featscape.mapfolder.read import open_map
from featscape.records import ItemSet, SkippedImage
from helpers.maps.small_map import N_ITEMS, an_embedding, fill, make, some_features, write_run
from helpers.maps.staged_folders import names_in


def end_early(output, error, *, force=False):
    with new_map_folder(output, force=force, note=None) as folder:
        fill(folder)
        raise error


class TestRoundTrip:
    def test_everything_comes_back(self, tmp_path):
        labels = ("x", "x", "y", "y", "[red]", "line\nbreak")
        splits = ("train",) * 3 + ("test",) * 3
        opened = make(
            tmp_path / "m",
            features=some_features(splits=splits),
            embedding=an_embedding(labels=labels),
        )
        assert len(opened) == N_ITEMS
        assert opened.paths == some_features().images.paths
        assert opened.labels == labels
        assert opened.splits == splits
        np.testing.assert_array_equal(opened.positions, an_embedding().positions)
        assert opened.positions.dtype == np.float32
        np.testing.assert_array_equal(opened.features, some_features().values)
        np.testing.assert_array_equal(opened.sizes_px, some_features().sizes_px)
        np.testing.assert_array_equal(opened.neighbors.indices, an_embedding().neighbors.indices)
        np.testing.assert_array_equal(
            opened.neighbors.distances, an_embedding().neighbors.distances
        )
        assert len(opened.thumbnails) == N_ITEMS
        assert opened.run["source"] == "somewhere"

    def test_features_stay_on_disk(self, tmp_path):
        features = make(tmp_path / "m").features
        assert isinstance(features, np.memmap)
        assert not features.flags.writeable

    @pytest.mark.parametrize("values", [tuple("abcdef"), np.arange(6.0)])
    def test_the_arrays_are_read_only(self, tmp_path, values):
        features = some_features()
        images = replace(features.images, columns={"more": values})
        made = make(tmp_path / "m", features=replace(features, images=images))
        arrays = [made.positions, made.sizes_px, *vars(made.neighbors).values()]
        assert not any(one.flags.writeable for one in (*arrays, made.columns["more"]))
        made.positions.copy()[:] = 0

    def test_three_dimensions(self, tmp_path):
        opened = make(tmp_path / "m", embedding=an_embedding(3))
        np.testing.assert_array_equal(opened.positions, an_embedding(3).positions)

    def test_without_labels_and_images(self, tmp_path):
        with new_map_folder(tmp_path / "m", force=False, note=None) as folder:
            mapfolder.write_features(folder, some_features().values)
            mapfolder.write_embedding(folder, an_embedding(), items=ItemSet(), findings=None)
            write_run(folder, source="features.npy")
        opened = open_map(tmp_path / "m")
        assert opened.paths is opened.labels is opened.splits is None
        assert opened.sizes_px is opened.thumbnails is None

    def test_names_that_are_not_unicode(self, tmp_path):
        paths = [os.fsdecode(b"caf\xe9/%d.png" % i) for i in range(N_ITEMS)]
        labels = (os.fsdecode(b"caf\xe9"),) * 3 + (os.fsdecode(b"caf\xe8"),) * 3
        features = some_features(paths, skipped=(SkippedImage(paths[1], "empty"),))
        opened = make(
            tmp_path / "m",
            features=features,
            embedding=an_embedding(labels=labels),
            source=paths[0],
        )
        assert opened.paths == tuple(paths)  # unchanged, so that the files can be opened
        assert opened.labels == (r"caf\xe9",) * 3 + (r"caf\xe8",) * 3  # still two classes
        assert opened.run["source"] == r"caf\xe9/0.png"
        assert opened.run["skipped"] == [{"path": r"caf\xe9/1.png", "reason": "empty"}]

    def test_a_table_that_others_can_read(self, tmp_path):
        import pandas as pd

        make(tmp_path / "m", embedding=an_embedding(labels=tuple("aabbcc")))
        table = pd.read_parquet(tmp_path / "m" / "items.parquet")
        columns = ["id", "path", "label", "split", "width", "height", "x", "y"]
        assert list(table.columns) == columns
        assert list(table["label"]) == list("aabbcc")

    def test_run_json_describes_the_origin_of_the_map(self, tmp_path):
        run = make(tmp_path / "m").run
        assert run["format"] == "featscape-map"
        assert run["schema_version"] == mapfolder.SCHEMA_VERSION
        assert run["versions"]["numpy"] == np.__version__
        assert {"featscape", "torch", "python", "simplejpeg"} <= set(run["versions"])
        assert run["created"].endswith("+00:00")
        assert run["model"]["layer"] == "l"
        assert run["parameters"] == {"limit": None, "perplexity": 1.5}
        assert run["timings_s"] == {"find": 0.5}

    def test_permissions_are_the_usual(self, tmp_path):
        make(tmp_path / "m")
        (tmp_path / "usual").mkdir()
        usual = stat.S_IMODE((tmp_path / "usual").stat().st_mode)
        assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == usual


class TestNothingHalfWritten:
    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
    def test_an_early_end_leaves_nothing(self, tmp_path, error):
        with pytest.raises(error):
            end_early(tmp_path / "m", error)
        assert names_in(tmp_path) == []

    def test_the_folder_appears_at_the_end(self, tmp_path):
        with new_map_folder(tmp_path / "m", force=False, note=None) as folder:
            fill(folder)
            assert not (tmp_path / "m").exists()
            assert folder.parent == tmp_path / ".m.partial"  # on the same disk, to move in one step
        assert names_in(tmp_path) == ["m"]

    def test_an_early_end_leaves_the_older_map(self, tmp_path):
        make(tmp_path / "m", source="older")
        with pytest.raises(KeyboardInterrupt):
            end_early(tmp_path / "m", KeyboardInterrupt, force=True)
        assert names_in(tmp_path) == ["m"]
        assert open_map(tmp_path / "m").run["source"] == "older"

    @pytest.mark.usefixtures("without_exchange")
    @pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt])
    @pytest.mark.parametrize("moved", [False, True])
    @pytest.mark.parametrize("move", ["the older", "the new"])
    def test_a_failing_move_puts_the_older_map_back(
        self, tmp_path, monkeypatch, move, moved, error
    ):
        make(tmp_path / "m", source="older")
        rename = type(tmp_path).rename

        def fail(path, target):
            if (path.name == "new") is not (move == "the new"):
                return rename(path, target)
            monkeypatch.undo()
            if moved:  # Ctrl-C can arrive right after the system call
                rename(path, target)
            raise error

        monkeypatch.setattr(type(tmp_path), "rename", fail)
        with pytest.raises((OSError, KeyboardInterrupt)):
            make(tmp_path / "m", force=True, source="newer")
        assert names_in(tmp_path) == ["m"]
        arrived = moved and move == "the new"
        assert open_map(tmp_path / "m").run["source"] == ("newer" if arrived else "older")

    def test_force_replaces(self, tmp_path):
        make(tmp_path / "m", source="older")
        assert make(tmp_path / "m", force=True, source="newer").run["source"] == "newer"
        assert names_in(tmp_path) == ["m"]


class TestOutput:
    def test_existing(self, tmp_path):
        make(tmp_path / "m")
        with pytest.raises(
            InputError, match=r"of .* exists already\. Replace it with --force \(force=True\), or"
        ):
            make(tmp_path / "m")

    def test_a_broken_link_exists_too(self, tmp_path):
        (tmp_path / "m").symlink_to("nowhere")
        with pytest.raises(InputError, match="exists and is not a featscape map"):
            make(tmp_path / "m")

    @pytest.mark.parametrize("run_json", [None, "{}", "[]", "no json", '{"format": "other"}'])
    def test_force_replaces_only_maps(self, tmp_path, run_json):
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "thesis.tex").write_text("years of work")
        if run_json is not None:
            (tmp_path / "m" / "run.json").write_text(run_json)
        with pytest.raises(InputError, match=r"not a featscape map; only maps are replaced"):
            make(tmp_path / "m", force=True)
        assert (tmp_path / "m" / "thesis.tex").read_text() == "years of work"

    @pytest.mark.parametrize(
        "name", ["my-notes.txt", "annotations/cats.csv", "bundle/notes.md", "thumbnails/best/1.png"]
    )
    def test_force_does_not_delete_files_of_others(self, tmp_path, name):
        make(tmp_path / "m", source="older")
        (tmp_path / "m" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "m" / name).write_text("years of work")
        with pytest.raises(
            InputError, match=r"the map .*m contains files that featscape did not write: "
        ):
            make(tmp_path / "m", force=True)
        assert (tmp_path / "m" / name).read_text() == "years of work"
        assert names_in(tmp_path) == ["m"]

    def test_a_file_that_a_person_adds_during_the_run_is_kept_and_so_is_the_new_map(self, tmp_path):
        make(tmp_path / "m", source="older")

        def write_notes():
            (tmp_path / "m" / "notes.txt").write_text("years of work")

        with pytest.raises(InputError, match=r": notes\.txt\. .* The new map is in .*m\.new\.$"):
            make(tmp_path / "m", force=True, meanwhile=write_notes, source="newer")
        assert names_in(tmp_path) == ["m", "m.new"]
        assert open_map(tmp_path / "m").run["source"] == "older"
        assert open_map(tmp_path / "m.new").run["source"] == "newer"

    def test_a_map_that_appears_during_the_run_is_not_replaced_without_force(self, tmp_path):
        (tmp_path / "m.new").mkdir()

        def make_another():
            make(tmp_path / "other", source="older")
            (tmp_path / "other").rename(tmp_path / "m")

        with pytest.raises(InputError, match=r"exists already.* The new map is in .*m\.new-2\.$"):
            make(tmp_path / "m", meanwhile=make_another, source="newer")
        assert open_map(tmp_path / "m").run["source"] == "older"
        assert open_map(tmp_path / "m.new-2").run["source"] == "newer"

    def test_force_replaces_the_folder_that_a_link_leads_to(self, tmp_path):
        (tmp_path / "disk").mkdir()
        make(tmp_path / "disk" / "m", source="older")
        (tmp_path / "link").symlink_to(tmp_path / "disk" / "m")
        with new_map_folder(tmp_path / "link", force=True, note=None) as folder:
            assert folder.parent.parent == tmp_path / "disk"
            fill(folder, source="newer")
        assert (tmp_path / "link").is_symlink()
        assert names_in(tmp_path) == ["disk", "link"]
        assert names_in(tmp_path / "disk") == ["m"]
        assert open_map(tmp_path / "disk" / "m").run["source"] == "newer"

    def test_no_parent(self, tmp_path):
        with pytest.raises(InputError, match=r"there is no folder .*none.* Make it first"):
            make(tmp_path / "none" / "m")

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="a place like it")
    def test_a_place_where_no_folder_can_be(self):
        with pytest.raises(InputError, match=r"/proc cannot contain new folders\. Choose another"):
            make(Path("/proc/m"))

    @pytest.mark.parametrize(
        ("number", "words"),
        [
            (errno.ENOSPC, "No space left on device"),
            (errno.EACCES, "Permission denied"),
            (errno.EROFS, "Read-only file system"),
        ],
    )
    def test_a_place_that_cannot_be_written(self, tmp_path, monkeypatch, number, words):
        monkeypatch.setattr("numpy.savez", failing(OSError(number, words)))
        with pytest.raises(InputError, match=f"cannot write the map .*m: {words}.*choose another"):
            make(tmp_path / "m")
        assert names_in(tmp_path) == []

    def test_a_folder_that_could_not_be_deleted_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr("numpy.savez", failing(OSError(errno.ENOSPC, "full")))
        monkeypatch.setattr("shutil.rmtree", lambda *_arguments, **_options: None)
        with pytest.raises(InputError, match=r"unfinished .*\.m\.partial could not be deleted"):
            make(tmp_path / "m")

    def test_other_errors_of_the_system_are_not_hidden(self, tmp_path, monkeypatch):
        monkeypatch.setattr("numpy.savez", failing(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(OSError, match="Input/output error"):
            make(tmp_path / "m")
        assert names_in(tmp_path) == []

    def test_other_permission_errors_are_not_reported_as_a_failed_write(self, tmp_path):
        with pytest.raises(PermissionError, match="a file of weights"):
            end_early(tmp_path / "m", PermissionError(errno.EACCES, "a file of weights"))
        assert names_in(tmp_path) == []

    @pytest.mark.parametrize("output", ["photos", "photos/m", "photos/a/m", "other/../photos/m"])
    def test_a_map_among_its_images(self, tmp_path, output):
        with pytest.raises(InputError, match=r"is inside the source .*photos, so a later run"):
            check_source(tmp_path / "photos", output=tmp_path / output)

    def test_a_map_beside_its_images(self, tmp_path):
        check_source(tmp_path / "photos", output=tmp_path / "photos-map")
        check_source(tmp_path, output=Path("photos-map"))

    def test_a_map_as_the_source(self, tmp_path):
        make(tmp_path / "m")
        with pytest.raises(InputError, match=r"m is a map, not a source.* `featscape serve .*m`"):
            check_source(tmp_path / "m", output=tmp_path / "n")


def failing(error):
    def fail(*_arguments, **_options):
        raise error

    return fail


def test_items_without_a_label_are_not_counted_as_a_class(tmp_path):
    labels = ("cat", NO_LABEL, "dog", NO_LABEL, "cat", "cat")
    made = make(tmp_path / "m", embedding=an_embedding(labels=labels))
    assert made.run["counts"]["classes"] == 2
    assert "6 images, 2 classes," in repr(made)
