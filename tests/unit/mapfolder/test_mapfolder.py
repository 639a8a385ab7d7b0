import errno
import json
import os
import stat
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape import mapfolder
from featscape.errors import InputError
from featscape.images import Files, decode_bytes
from featscape.mapfolder import check_source, items_file, new_map_folder
from featscape.mapfolder import read as maps
from featscape.mapfolder.read import open_map
from featscape.mapfolder.thumbnails import ThumbnailWriter
from featscape.records import Embedding, Features, ImageSet, ModelCard, Neighbors, SkippedImage

N_ITEMS = 6


def an_embedding(n_dimensions=2, labels=None):
    rng = np.random.default_rng(0)
    return Embedding(
        positions=rng.normal(size=(N_ITEMS, n_dimensions)).astype(np.float32),
        kl_divergence=0.5,
        n_iter=1000,
        parameters={"perplexity": 1.5},
        neighbors=Neighbors(
            indices=rng.integers(0, N_ITEMS, (N_ITEMS, 3)).astype(np.int32),
            distances=rng.random((N_ITEMS, 3)).astype(np.float32),
        ),
        labels=labels,
    )


def some_features(paths=None, splits=None, skipped=()):
    images = ImageSet(
        source="somewhere",
        paths=tuple(paths or (f"a/{i}.png" for i in range(N_ITEMS))),
        contents=Files(Path("somewhere")),
        decode=decode_bytes,
        splits=splits,
        skipped=skipped,
    )
    return Features(
        values=np.arange(N_ITEMS * 4, dtype=np.float32).reshape(N_ITEMS, 4),
        images=images,
        sizes_px=np.arange(N_ITEMS * 2, dtype=np.int32).reshape(N_ITEMS, 2),
        model=ModelCard("m", "l", "w", "0" * 64, "p", 4),
    )


def write_run(folder, *, source, features=None, embedding=None):
    mapfolder.write_run(
        folder,
        embedding or an_embedding(),
        source=source,
        parameters={"limit": None},
        thumbnail_px=None,
        features=features,
        agreement=None,
        timings_s={"find": 0.5},
    )


def fill(folder, *, features=None, embedding=None, source="somewhere"):
    """Write a whole map into `folder`."""
    features = features or some_features()
    with ThumbnailWriter(folder / mapfolder.THUMBNAILS) as thumbnails:
        for _ in range(N_ITEMS):
            thumbnails.append(b"not looked at")
    mapfolder.write_features(folder, features.values)
    mapfolder.write_embedding(folder, embedding or an_embedding(), features=features)
    write_run(folder, source=source, features=features, embedding=embedding)


def make(output, *, force=False, meanwhile=None, **content):
    with new_map_folder(output, force=force) as folder:
        fill(folder, **content)
        if meanwhile is not None:
            meanwhile()
    return open_map(output)


def end_early(output, error, *, force=False):
    with new_map_folder(output, force=force) as folder:
        fill(folder)
        raise error


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


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

    def test_three_dimensions(self, tmp_path):
        opened = make(tmp_path / "m", embedding=an_embedding(3))
        np.testing.assert_array_equal(opened.positions, an_embedding(3).positions)

    def test_without_labels_and_images(self, tmp_path):
        with new_map_folder(tmp_path / "m", force=False) as folder:
            mapfolder.write_features(folder, some_features().values)
            mapfolder.write_embedding(folder, an_embedding(), features=None)
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
        assert opened.paths == tuple(paths)  # exactly, so that the files can be opened
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

    def test_run_says_what_made_it(self, tmp_path):
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

    def test_nothing_stands_there_until_the_end(self, tmp_path):
        with new_map_folder(tmp_path / "m", force=False) as folder:
            fill(folder)
            assert not (tmp_path / "m").exists()
            assert (
                folder.parent == tmp_path / ".m.partial"
            )  # the same disk, so that moving is one step
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
            if moved:  # Ctrl-C can come right after the system's own work
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
        with new_map_folder(tmp_path / "link", force=True) as folder:
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

    def test_what_could_not_be_removed_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr("numpy.savez", failing(OSError(errno.ENOSPC, "full")))
        monkeypatch.setattr("shutil.rmtree", lambda *_arguments, **_options: None)
        with pytest.raises(InputError, match=r"unfinished .*\.m\.partial could not be deleted"):
            make(tmp_path / "m")

    def test_other_errors_of_the_system_are_not_hidden(self, tmp_path, monkeypatch):
        monkeypatch.setattr("numpy.savez", failing(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(OSError, match="Input/output error"):
            make(tmp_path / "m")
        assert names_in(tmp_path) == []

    def test_what_was_no_write_is_not_called_one(self, tmp_path):
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


class TestOpening:
    def test_missing(self, tmp_path):
        with pytest.raises(InputError, match=r"there is no map .*m. Check the path"):
            open_map(tmp_path / "m")

    def test_the_map_of_an_unfinished_run(self, tmp_path):
        with new_map_folder(tmp_path / "m", force=False):
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

    def test_a_map_that_is_replaced_while_it_is_read_is_read_anew(self, tmp_path, monkeypatch):
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
            InputError, match=r"run.json must be the JSON file .* reading failed: .*Copy"
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
            new_map_folder(tmp_path / "m", force=True),
        ):
            pass

    def test_files_that_do_not_belong_together(self, tmp_path):
        make(tmp_path / "m")
        np.save(tmp_path / "m" / "features.npy", np.zeros((3, 4), np.float32))
        with pytest.raises(InputError, match=r"features.npy .* has 3 rows for 6 items"):
            open_map(tmp_path / "m")


def test_a_reason_of_several_lines_gives_a_message_of_one():
    message = str(mapfolder.damaged(Path("m"), ValueError("no footer.\nMore of it")))
    assert message == (
        "the map's m is missing or damaged: no footer. Make the map again with --force "
        "(force=True)."
    )


HOSTILE = "two\nlines\x1b[31m\u202e"


def change_run(folder, **changes):
    file = folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


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


def test_a_small_table_of_gigabytes_of_equal_texts_is_refused(tmp_path):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    schema = pq.read_schema(file)
    n = 20_000
    columns = {name: pa.nulls(n, schema.field(name).type) for name in schema.names}
    columns |= {
        "id": pa.array(range(n), schema.field("id").type),
        "path": pa.array(["x" * 10_000] * n),  # 200 MB
        "x": pa.array([0.0] * n, schema.field("x").type),
        "y": pa.array([0.0] * n, schema.field("y").type),
    }
    pq.write_table(pa.table(columns), file)
    assert file.stat().st_size < 200_000
    with pytest.raises(InputError, match=r"its values take 2\d\d,\d{3},\d{3} bytes"):
        maps.read_items(tmp_path / "m")


@contextmanager
def new_arrow_pool():
    """Let Arrow allocate from a pool that records the peak of this context."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        yield pool
    finally:
        pa.set_memory_pool(before)


def write_plain_notes(file, notes):
    """Add a column of texts that are compressed but not stored in a dictionary."""
    schema = pq.read_schema(file)
    columns = {field.name: pa.nulls(len(notes), field.type) for field in schema}
    columns |= {"id": pa.array(range(len(notes)), pa.int64()), "note": pa.array(notes)}
    pq.write_table(
        pa.table(columns),
        file,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        data_page_size=10_000,
        write_batch_size=10,
    )


def varint(number):
    """Return an integer as Thrift encodes it, in 5 bytes."""
    number *= 2  # zigzag
    return bytes([*(number >> shift & 127 | 128 for shift in range(0, 28, 7)), number >> 28])


def test_compressed_text_is_refused_before_it_is_decoded(tmp_path):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    write_plain_notes(file, ["x" * 140_000_000])
    assert file.stat().st_size < 20_000
    refused = pytest.raises(InputError, match=r"its values take 140,\d{3},\d{3} bytes")
    with new_arrow_pool() as pool, refused:
        maps.read_items(tmp_path / "m")
    assert pool.max_memory() < 10e6


def test_compressed_text_with_a_false_claim_of_its_size_is_read_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(items_file, "limit_bytes", lambda _n_bytes: 20_000_000)
    monkeypatch.setattr("featscape.files.parquet._BATCH_ROWS", 1_000)
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    notes = [f"{i:010}" * 200 for i in range(70_000)]  # 140 MB
    write_plain_notes(file, notes)
    group = pq.read_metadata(file).row_group(0)
    note = group.column(group.num_columns - 1)
    content = file.read_bytes()
    claim = varint(note.total_uncompressed_size).rstrip(b"\0")
    assert content.count(claim) == 1
    file.write_bytes(content.replace(claim, varint(1)[: len(claim) - 1] + b"\0"))
    refused = pytest.raises(InputError, match="its values take")
    with new_arrow_pool() as pool, refused:
        maps.read_items(tmp_path / "m")
    assert pool.max_memory() < 150e6


def test_a_table_claiming_too_many_rows_for_its_size_is_refused(tmp_path):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    schema = pq.read_schema(file)
    n = 2_000_000
    table = pa.table({field.name: pa.nulls(n, field.type) for field in schema})
    pq.write_table(table, file)
    with pytest.raises(InputError, match="its values take"):
        maps.read_items(tmp_path / "m")


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_a_column_of_texts_keeps_its_type(tmp_path, kind):
    make(tmp_path / "m")
    file = tmp_path / "m" / "items.parquet"
    table = pq.read_table(file)
    note = pa.array([None, *["a"] * (len(table) - 1)], pa.string()).cast(kind)
    table = table.append_column("note", note)
    pq.write_table(table, file, row_group_size=2)
    assert maps.read_items(tmp_path / "m").equals(table)
