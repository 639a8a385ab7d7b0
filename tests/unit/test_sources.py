"""The command line makes a map from each kind of source."""

import json
import shutil

import fsspec
import numpy as np
import pytest

from featscape.mapfolder.read import open_map

pytestmark = pytest.mark.usefixtures("here", "quick_network")


@pytest.fixture
def make(featscape, here):  # noqa: ARG001 - the current folder
    """Return a function that makes the map of a source, with the default name."""

    def run(source, *options):
        quick = ("--perplexity", 4, "--size", 400, "--no-findings")
        done = featscape("map", source, *quick, *options)
        assert done.status == 0, done.err
        return open_map(done.out.split("/\n")[0].rpartition(" ")[2])

    return run


def bundle_columns(made):
    manifest = json.loads((made.folder / "bundle" / "manifest.json").read_text())
    return {column["name"]: column["kind"] for column in manifest["columns"]}


def test_a_map_of_a_manifest_has_its_columns(make, photos):
    paths = sorted(str(file.relative_to(photos)) for file in photos.rglob("*.png"))
    rows = [f"{path},{path[0]},{i},{i % 2 or ''},note {i}" for i, path in enumerate(paths)]
    (photos / "list.csv").write_text("\n".join(["path,letter,n,odd,note", *rows, "gone.png,x,1,,"]))
    made = make(photos / "list.csv", "--label-column", "letter")
    assert made.folder.name == "list-map"
    assert made.run["source"] == str(photos / "list.csv")
    assert made.run["source_kind"] == "manifest"
    assert made.run["skipped"] == [{"path": "gone.png", "reason": "no such file"}]
    assert made.paths == tuple(paths)
    assert made.labels == tuple(path[0] for path in paths)
    assert set(made.columns) == {"n", "odd", "note"}
    assert made.columns["n"].tolist() == list(range(24))
    np.testing.assert_array_equal(made.columns["odd"][:3], [np.nan, 1, np.nan])
    assert made.columns["note"][3] == "note 3"
    kinds = bundle_columns(made)
    assert (kinds["n"], kinds["odd"], kinds["note"]) == ("number", "number", "text")


def test_booleans_and_dates_of_a_table_keep_their_types(make, photos):
    paths = sorted(str(file.relative_to(photos)) for file in photos.rglob("*.png"))
    rows = [
        f"{path},{i % 2 == 0},{'' if i == 1 else i % 3 == 0},"
        f"2026-05-{i + 1:02},2026-05-01 {i % 24:02}:30"
        for i, path in enumerate(paths)
    ]
    (photos / "list.csv").write_text("\n".join(["path,blurry,good,taken,seen", *rows]))
    made = make(photos / "list.csv")
    assert made.columns["blurry"].dtype == bool
    assert made.columns["good"][:4].tolist() == [True, None, False, True]
    assert made.columns["taken"][2] == np.datetime64("2026-05-03")
    assert made.columns["seen"][2] == np.datetime64("2026-05-01T02:30")
    kinds = bundle_columns(made)
    expected = {"blurry": "category", "good": "category", "taken": "date", "seen": "date"}
    assert {name: kinds[name] for name in expected} == expected


@pytest.mark.usefixtures("without_pictures")
def test_a_map_of_arrays_has_labels_and_splits(make, here):
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    np.savez_compressed(here / "digits.npz", train_images=images, train_labels=np.arange(24) % 3)
    made = make("digits.npz")
    assert made.folder.name == "digits-map"
    assert made.run["source_kind"] == "array"
    assert made.run["source"] == str(here / "digits.npz")
    assert made.labels == tuple("012" * 8)
    assert made.splits == ("train",) * 24
    np.testing.assert_array_equal(np.asarray(made.thumbnails.load(5))[..., 0], images[5])


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_map_of_an_archive_is_the_map_of_its_folder(make, photos, here, kind):
    shutil.make_archive(str(here / "a"), kind, photos.parent, photos.name)
    made, from_folder = make(f"a.{kind}"), make(photos)
    assert made.run["source_kind"] == kind
    assert made.paths == tuple(f"photos/{path}" for path in from_folder.paths)
    assert made.labels == from_folder.labels
    np.testing.assert_array_equal(made.features, from_folder.features)


@pytest.mark.usefixtures("without_pictures")
def test_a_map_of_an_address_has_the_labels_of_its_folders(make, photos):
    system = fsspec.filesystem("memory")
    for file in photos.rglob("*.png"):
        system.pipe(f"/photos/{file.relative_to(photos)}", file.read_bytes())
    made = make("memory://photos")
    system.rm("/photos", recursive=True)
    assert made.folder.name == "photos-map"
    assert made.run["source"] == "memory://photos"
    assert made.labels == ("blue",) * 8 + ("green",) * 8 + ("red",) * 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.csv", "must have a column of paths"),
        ("a.zip", "must be undamaged"),
        ("a.npz", "must be undamaged"),
        ("a.parquet", "must be undamaged"),
        ("a.tar", "must be undamaged"),
        ("a.txt", "is a file of another type"),
        ("nonsense://a", "one that fsspec can open"),
    ],
)
def test_an_invalid_source_is_an_error_of_one_line(featscape, here, name, words):
    (here / "a.csv").write_text("who,what\n1,2\n")
    for other in ("a.zip", "a.npz", "a.parquet", "a.tar", "a.txt"):
        (here / other).write_text("no such thing " * 100)
    before = sorted(here.iterdir())
    done = featscape("map", name, "-o", "m")
    assert done.status == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) == 1
    assert sorted(here.iterdir()) == before
