"""Opening a map: interrupted replacements, other schemas and damaged files."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape import mapfolder
from featscape.errors import InputError
from featscape.mapfolder import new_map_folder
from featscape.mapfolder import read as maps
from featscape.mapfolder.read import open_map
from helpers.maps.small_map import N_ITEMS, change_run, make


class TestEarlierMaps:
    def find(self, output, *, source, kind=None):
        lines = []
        return maps.find_maps(output, source=source, kind=kind, note=lines.append), lines

    def test_the_maps_of_the_same_source_are_found(self, tmp_path):
        make(tmp_path / "a", source="photos")
        make(tmp_path / "b", source="other")
        assert self.find(tmp_path / "m", source="photos") == ([tmp_path / "a"], [])

    @pytest.mark.parametrize("start", ["/photos/", "s3://bucket/photos/"])
    def test_the_maps_of_tables_beside_the_table_are_found(self, tmp_path, start):
        for name, source, kind in (
            ("a", f"{start}old.csv", "manifest"),
            ("b", f"{start}zip.csv", "zip"),
            ("c", "/other/old.csv", "manifest"),
        ):
            make(tmp_path / name, source=source)
            change_run(tmp_path / name, source_kind=kind)
        found, _ = self.find(tmp_path / "m", source=f"{start}new.csv", kind="manifest")
        assert found == [tmp_path / "a"]
        assert self.find(tmp_path / "m", source=f"{start}new.csv", kind="zip") == ([], [])

    def test_a_map_with_a_damaged_run_json_is_reported(self, tmp_path):
        make(tmp_path / "a", source="photos")
        (tmp_path / "a" / "run.json").write_text("{")
        found, (line,) = self.find(tmp_path / "m", source="photos")
        assert found == []
        assert line.startswith("features of an earlier map are not reused: ")
        assert "a/run.json must be the JSON file that featscape wrote" in line

    def test_a_damaged_run_json_that_is_not_of_a_map_is_ignored(self, tmp_path):
        (tmp_path / "job").mkdir()
        (tmp_path / "job" / "run.json").write_text("{")
        assert self.find(tmp_path / "m", source="photos") == ([], [])


class TestOpening:
    def test_missing(self, tmp_path):
        with pytest.raises(InputError, match=r"there is no map .*m. Check the path"):
            open_map(tmp_path / "m")

    @pytest.mark.parametrize("name", ["photos", "photo-map"])
    def test_a_map_with_a_similar_name_is_suggested(self, tmp_path, name):
        make(tmp_path / "photos-map")
        (tmp_path / "photos").mkdir()
        (tmp_path / "photo-maps").mkdir()  # not a map
        with pytest.raises(InputError, match=r"Did you mean .*/photos-map\?$"):
            open_map(tmp_path / name)

    def test_the_map_of_an_unfinished_run(self, tmp_path):
        with new_map_folder(tmp_path / "m", force=False, note=None):
            with pytest.raises(InputError, match=r"no map .*m yet: .* in .*\.m\.partial\. Wait"):
                open_map(tmp_path / "m")
            make(tmp_path / "other")

    @pytest.mark.parametrize("is_link", [False, True])
    def test_a_map_whose_replacement_was_interrupted_is_put_back(self, tmp_path, is_link):
        make(tmp_path / "m", source="older")
        name = "link" if is_link else "m"
        if is_link:
            (tmp_path / "link").symlink_to("m")
        (tmp_path / ".m.partial" / "new").mkdir(parents=True)
        (tmp_path / ".m.partial" / "lock").touch()
        (tmp_path / "m").rename(tmp_path / ".m.partial" / "replaced")
        assert open_map(tmp_path / name).run["source"] == "older"
        assert (tmp_path / "m").is_dir()
        assert not (tmp_path / ".m.partial").exists()

    def test_a_map_that_is_missing_again_in_the_next_replacement_is_opened(
        self, tmp_path, monkeypatch
    ):
        # each run moves the older map away and the new one into its place, in two moves
        make(tmp_path / "m")
        (tmp_path / "m").rename(tmp_path / "away")
        n_left = 3

        def wait_for_a_run(_path):
            nonlocal n_left
            n_left -= 1
            if n_left == 0:
                (tmp_path / "away").rename(tmp_path / "m")

        monkeypatch.setattr(maps, "restore", wait_for_a_run)
        assert len(open_map(tmp_path / "m")) == N_ITEMS

    def test_a_map_that_is_replaced_while_it_is_read_is_read_again(self, tmp_path, monkeypatch):
        make(tmp_path / "m", source="older")
        read_items = maps.read_items

        def replace_first(folder):
            monkeypatch.setattr(maps, "read_items", read_items)
            make(tmp_path / "m", force=True, source="newer")
            return read_items(folder)

        monkeypatch.setattr(maps, "read_items", replace_first)
        assert open_map(tmp_path / "m").run["source"] == "newer"

    def test_not_a_map(self, tmp_path):
        with pytest.raises(InputError, match="is not a featscape map"):
            open_map(tmp_path)

    def test_a_newer_schema(self, tmp_path):
        make(tmp_path / "m")
        file = tmp_path / "m" / "run.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 99}))
        with pytest.raises(InputError, match="schema version 99; this featscape reads version 1"):
            open_map(tmp_path / "m")

    @pytest.mark.parametrize("name", ["items.parquet", "features.npy", "neighbors.npz"])
    @pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
    def test_damaged(self, tmp_path, name, damage):
        make(tmp_path / "m")
        file = tmp_path / "m" / name
        if damage == "missing":
            file.unlink()
        else:
            os.truncate(file, 0 if damage == "empty" else file.stat().st_size // 2)
        with pytest.raises(InputError, match=f"{name} is missing or damaged: .* with --force"):
            open_map(tmp_path / "m")

    @pytest.mark.parametrize("name", ["source", "model", "parameters", "skipped"])
    @pytest.mark.parametrize("value", ["missing", 7])
    def test_a_run_that_others_wrote(self, tmp_path, name, value):
        make(tmp_path / "m")
        file = tmp_path / "m" / "run.json"
        run = json.loads(file.read_text())
        run[name] = value
        if value == "missing":
            del run[name]
        file.write_text(json.dumps(run))
        with pytest.raises(InputError, match=rf"run.json is missing or damaged: {name}: "):
            open_map(tmp_path / "m")

    @pytest.mark.parametrize("damage", ["nested", "cut", "empty", "no text"])
    def test_a_run_that_cannot_be_read(self, tmp_path, damage):
        make(tmp_path / "m")
        file = tmp_path / "m" / "run.json"
        content = file.read_bytes()
        cut = content[: len(content) // 2]
        damages = {"nested": b"[" * 100_000, "cut": cut, "empty": b"", "no text": b"\xff\xfe"}
        file.write_bytes(damages[damage])
        with pytest.raises(
            InputError, match=r"run.json must be the JSON file .* reading failed: .*Restore"
        ):
            open_map(tmp_path / "m")

    def test_a_nested_run_is_refused_at_every_depth_of_the_calls(self, tmp_path):
        make(tmp_path / "m")
        file = tmp_path / "m" / "run.json"
        run = json.loads(file.read_text())
        levels = 700
        file.write_text(
            json.dumps(run | {"more": 0}).replace(": 0}", f": {'[' * levels}{']' * levels}}}")
        )
        with pytest.raises(InputError, match="must be the JSON file"):
            open_map(tmp_path / "m")
        with (
            pytest.raises(InputError, match="is not a featscape map"),
            new_map_folder(tmp_path / "m", force=True, note=None),
        ):
            pass

    def test_files_that_do_not_belong_together(self, tmp_path):
        make(tmp_path / "m")
        np.save(tmp_path / "m" / "features.npy", np.zeros((3, 4), np.float32))
        with pytest.raises(InputError, match=r"features.npy .* has 3 rows for 6 items"):
            open_map(tmp_path / "m")

    def test_features_that_the_network_of_the_map_does_not_compute(self, tmp_path):
        make(tmp_path / "m")
        run = json.loads((tmp_path / "m" / "run.json").read_text())
        n_features = np.load(tmp_path / "m" / "features.npy").shape[1]
        card = {
            "name": "open_clip:ViT-B-32/openai",
            "layer": "output",
            "weights": "openai",
            "weights_sha256": "0" * 64,
            "preprocessing": "p",
            "n_features": n_features + 1,
        }
        (tmp_path / "m" / "run.json").write_text(json.dumps(run | {"model": card}))
        with pytest.raises(InputError, match=r"features.npy .* differ from the model in run.json"):
            open_map(tmp_path / "m")


def test_a_reason_of_several_lines_gives_a_message_of_one():
    message = str(mapfolder.damaged(Path("m"), ValueError("no footer.\nMore of it")))
    assert message == (
        "the map's m is missing or damaged: no footer. Make the map again with --force "
        "(force=True), or copy the map again."
    )


HOSTILE = "two\nlines\x1b[31m\u202e"


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": HOSTILE},
        {"timings_s": {HOSTILE: -1}},
    ],
)
def test_an_error_shows_the_names_in_run_json_without_escape_sequences(tmp_path, changes):
    make(tmp_path / "m")
    change_run(tmp_path / "m", **changes)
    with pytest.raises(InputError) as error:
        open_map(tmp_path / "m")
    assert str(error.value).isprintable()


def test_an_error_shows_the_name_of_a_column_without_escape_sequences(tmp_path):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    table = pq.read_table(file)
    pq.write_table(table.append_column(HOSTILE, pa.array([[1]] * len(table))), file)
    with pytest.raises(InputError, match="its column") as error:
        open_map(tmp_path / "m")
    assert str(error.value).isprintable()


def test_a_run_json_without_permission_is_an_error_about_permissions(tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("featscape.mapfolder.layout.load_json", refuse)
    (tmp_path / "m").mkdir()
    with pytest.raises(InputError, match=r"failed: Permission denied\. Check the permissions"):
        open_map(tmp_path / "m")


def test_the_representation_of_a_map_has_one_class_in_the_singular(tmp_path):
    made = replace(make(tmp_path / "m"), labels=("cat",) * N_ITEMS)
    assert repr(made) == f"<Map: {N_ITEMS} images, 1 class, {made.folder}>"
