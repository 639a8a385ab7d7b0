"""A map whose run is interrupted and repeated is equal to the map of one run."""

import hashlib
import json
import os
import random
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import write_images

from featscape import make_map, make_maps, mapfolder
from featscape.errors import InputError
from featscape.features.extraction import shards
from featscape.features.extraction.cache import FeatureCache
from featscape.mapfolder.read import open_map
from quick_network import QuickNetwork, put_in_place

pytestmark = pytest.mark.usefixtures("here")

# Modules that the fork server imports, so that its processes start quickly.
HEAVY = [
    *("matplotlib.pyplot", "pyarrow.parquet", "scipy.spatial", "sklearn.manifold"),
    *("featscape.pipeline", "featscape.bundle", "featscape.features", "featscape.images"),
    *("featscape.pictures", "meshtsne", "tests.conftest"),
]


class BatchNetwork(QuickNetwork):
    """A network whose features depend slightly on the other images of the batch, as usual."""

    def run(self, pixels):
        values = super().run(pixels)
        return values + values.mean() * np.float32(1e-4)


class CountingNetwork(BatchNetwork):
    """A network that counts its images."""

    def __init__(self, **card):
        self.n_seen = 0
        self.card = type(self.card)(**{**vars(QuickNetwork.card), **card})

    def run(self, pixels):
        self.n_seen += len(pixels)
        return super().run(pixels)


def write_source(folder):
    """Write 73 images of two classes: two are damaged, three are copies. Return the folder."""
    for seed, name in enumerate(("blue", "red")):
        write_images(folder / name, 35, seed=seed)
    for name in ("blue/07.png", "red/30.png"):
        (folder / name).write_bytes(b"no image")
    for number, name in enumerate(("blue/00.png", "blue/34.png", "red/20.png")):
        shutil.copyfile(folder / name, folder / "red" / f"{number}x.png")
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return a folder of images that no test may change."""
    return write_source(tmp_path_factory.mktemp("source") / "photos")


@pytest.fixture
def changed(source, tmp_path):
    """Return a copy of the images that the test may change."""
    return shutil.copytree(source, tmp_path / "photos")


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """Return the map of `source` that one run makes without an interruption."""
    network = CountingNetwork()
    with pytest.MonkeyPatch.context() as patch:
        put_in_place(network, patch)
        made = make(source, tmp_path_factory.mktemp("whole") / "m")
    assert network.n_seen == N_DIFFERENT
    return made


@pytest.fixture
def finished(whole, here):
    """Put a copy of the map `whole` into the current folder as "m"."""
    return shutil.copytree(whole.folder, here / "m")


@pytest.fixture
def network(monkeypatch):
    """Make `extract` use a network that counts its images, and write each batch immediately."""
    counting = CountingNetwork()
    put_in_place(counting, monkeypatch)
    monkeypatch.setattr(shards, "MAX_SECONDS", 0.0)
    return counting


def content_of(folder):
    """Return the bytes of each file of a map, and its run.json without times."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    run = json.loads(files.pop("run.json"))
    del run["created"], run["timings_s"]
    return files | {"run.json": run}


def assert_same_map(folder, other, hint=""):
    one, two = content_of(folder), content_of(other)
    assert one.keys() == two.keys(), hint
    assert [name for name in one if one[name] != two[name]] == [], hint


def choose_seed():
    """Return FEATSCAPE_TEST_SEED or a random seed; print the seed for failures."""
    seed = int(os.environ.get("FEATSCAPE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"FEATSCAPE_TEST_SEED={seed}")  # noqa: T201 - pytest shows it on failure
    return seed


class Interrupted(BatchNetwork):
    """A network that raises an error after `n_batches` batches."""

    def __init__(self, n_batches, error=KeyboardInterrupt):
        self._left, self._error = n_batches, error

    def run(self, pixels):
        if not self._left:
            raise self._error
        self._left -= 1
        return super().run(pixels)


class Lines:
    """A progress that stores its notes."""

    def __init__(self):
        self.notes = []

    def task(self, _task):
        return nullcontext(lambda _: None)

    def note(self, text):
        self.notes.append(text)


def interrupt(source, output, monkeypatch, *, n_batches=5, card=QuickNetwork.card, **options):
    """Start a map and interrupt it after `n_batches` batches of four; return the notes."""
    lines, network = Lines(), Interrupted(n_batches)
    network.card = card
    with monkeypatch.context() as patch:
        put_in_place(network, patch)
        with pytest.raises(KeyboardInterrupt):
            make(source, output, progress=lines, **options)
    return lines.notes


def make(source, output, *, layers=None, perplexity=4, size_px=400, **options):
    """Make a map, or a tuple of maps for several layers."""
    options |= {"layers": layers, "perplexity": perplexity, "size_px": size_px}
    return (make_maps if layers else make_map)(source, output, **options)


N_DIFFERENT = 68  # of the 73 images: two are damaged, three are copies


class TestContinuing:
    def test_finished_batches_are_not_computed_again(self, source, here, network, monkeypatch):
        said = interrupt(source, "m", monkeypatch)
        assert "is kept in .m.partial: repeat the call to continue" in said[-1]
        lines = Lines()
        make(source, "m", progress=lines)
        assert "continuing: 20 of 73 images were done" in lines.notes
        assert network.n_seen == N_DIFFERENT - 20
        assert [path.name for path in here.iterdir()] == ["m"]

    @pytest.mark.usefixtures("network")
    def test_the_map_is_the_same_and_lists_the_same_skipped_images(
        self, source, whole, monkeypatch
    ):
        interrupt(source, "m", monkeypatch, n_batches=9)
        made = make(source, "m")
        assert_same_map(made.folder, whole.folder)
        assert [one["path"] for one in made.run["skipped"]] == ["blue/07.png", "red/30.png"]

    @pytest.mark.parametrize("suffix", [".npy", ".thumbnails", ".json"])
    def test_a_damaged_shard_is_computed_again(self, source, whole, network, monkeypatch, suffix):
        interrupt(source, "m", monkeypatch)
        (file,) = Path().glob(f".m.partial/kept/*/000002{suffix}")
        os.truncate(file, file.stat().st_size - 3)
        lines = Lines()
        made = make(source, "m", progress=lines)
        assert network.n_seen == N_DIFFERENT - 16
        assert "of the interrupted run, 1 part is damaged and computed again" in lines.notes
        assert "continuing: 16 of 73 images were done" in lines.notes
        assert_same_map(made.folder, whole.folder)

    def test_a_changed_image_is_computed_again(self, changed, network, monkeypatch):
        interrupt(changed, "m", monkeypatch)
        shutil.copyfile(changed / "red" / "29.png", changed / "blue" / "03.png")
        write_images(changed / "blue", 1, seed=77)  # 00.png
        made = make(changed, "m")
        # 00.png is new; the features of its old bytes are cached, because its copy has these bytes
        assert network.n_seen == N_DIFFERENT - 20 + 1
        features = dict(zip(made.paths, made.features, strict=True))
        np.testing.assert_array_equal(features["blue/03.png"], features["red/29.png"])
        assert not np.array_equal(features["blue/00.png"], features["red/0x.png"])

    @pytest.mark.parametrize(
        "card",
        [
            {"weights_sha256": "1" * 64},
            {"layer": "layer3"},
            {"pool": "gem"},
            {"preprocessing": "resize 5"},
        ],
    )
    def test_another_network_starts_again(self, source, here, network, monkeypatch, card):
        interrupt(source, "m", monkeypatch)
        network.card = CountingNetwork(**card).card
        make(source, "m")
        assert network.n_seen == N_DIFFERENT
        assert [path.name for path in here.iterdir()] == ["m"]

    def test_a_network_with_a_rounded_fingerprint_continues(self, source, network, monkeypatch):
        card = replace(network.card, fingerprint=((1.0, 2.0),))
        interrupt(source, "m", monkeypatch, card=card)
        network.card = replace(card, fingerprint=((1.0, 2.0001),))
        make(source, "m")
        assert network.n_seen == N_DIFFERENT - 20

    def test_a_changed_network_starts_again(self, source, network, monkeypatch):
        card = replace(network.card, fingerprint=((1.0, 2.0),))
        interrupt(source, "m", monkeypatch, card=card)
        network.card = replace(card, fingerprint=((1.0, 2.5),))
        lines = Lines()
        make(source, "m", progress=lines)
        assert network.n_seen == N_DIFFERENT
        assert (
            "the results of the interrupted run are not used: the network's weights or code have "
            "changed: its features of a fixed image differ by 18.6%"
        ) in lines.notes

    def test_the_same_weights_under_another_name_continue(self, source, network, monkeypatch):
        interrupt(source, "m", monkeypatch)
        network.card = CountingNetwork(weights="copy of the same").card
        make(source, "m")
        assert network.n_seen == N_DIFFERENT - 20

    def test_thumbnails_of_another_size_are_made_without_the_network(
        self, source, here, network, monkeypatch
    ):
        (here / "whole").mkdir()
        larger = {"thumbnail_px": 270, "size_px": 2400}
        whole = make(source, "whole/m", **larger)
        network.n_seen = 0
        interrupt(source, "m", monkeypatch)
        made = make(source, "m", **larger)
        assert network.n_seen == N_DIFFERENT - 20
        assert_same_map(made.folder, whole.folder)


class TestFullDisk:
    """os.fsync raises ENOSPC to simulate a full disk."""

    @pytest.mark.usefixtures("network")
    @pytest.mark.parametrize("n_files", [0, 2, 7, 30])
    def test_finished_work_is_kept_and_the_same_call_continues(
        self, source, whole, here, monkeypatch, n_files
    ):
        n_left = n_files

        def fill(_handle):
            nonlocal n_left
            if not n_left:
                raise OSError(28, "No space left on device")
            n_left -= 1

        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", fill)
            with pytest.raises(InputError, match="No space left on device") as raised:
                make(source, "m")
        is_kept = (here / ".m.partial").exists()
        assert is_kept is (n_files > 4)
        assert ("Finished work is kept in .m.partial" in str(raised.value)) is is_kept
        assert_same_map(make(source, "m").folder, whole.folder)

    @pytest.mark.parametrize("layers", [None, ("one", "two")])
    def test_the_unfinished_map_is_deleted_to_make_room_for_the_features(
        self, source, here, network, monkeypatch, layers
    ):
        if layers:
            network.card = replace(network.card, layer="+".join(layers), widths=(24, 24))
        (here / "whole").mkdir()
        whole = make(source, "whole/m", layers=layers)
        monkeypatch.setattr(shards, "MAX_SECONDS", 60.0)  # all batches wait for the first shard
        network.n_seen = 0

        def fill(_handle):
            if any(path.is_file() for path in here.glob(".m*.partial/new/**/*")):
                raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", fill)
            with pytest.raises(InputError, match=r"No space left.* Finished work is kept in \.m"):
                make(source, "m", layers=layers)
        made = make(source, "m", layers=layers)
        assert network.n_seen == N_DIFFERENT
        for one, other in zip(made, whole, strict=True) if layers else [(made, whole)]:
            assert_same_map(one.folder, other.folder)

    def test_a_limit_of_the_file_size_keeps_finished_work(self, source, network):
        resource = pytest.importorskip("resource", reason="only Unix limits the size of files")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the thumbnails have more
        try:
            with pytest.raises(InputError, match=r"File too large\. Finished work is kept"):
                make(source, "m")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert network.n_seen > 0
        make(source, "m")
        assert network.n_seen == N_DIFFERENT


class TestFinishedMaps:
    def test_only_the_added_images_are_computed(self, changed, here, network):
        make(changed, "m")
        write_images(changed / "green", 10, seed=9)
        (changed / "blue" / "01.png").rename(changed / "green" / "moved.png")
        (changed / "blue" / "02.png").unlink()
        network.n_seen = 0
        lines = Lines()
        made = make(changed, "m", force=True, progress=lines)
        assert network.n_seen == 10
        assert "the features of 70 images were taken from m" in lines.notes
        assert "green/moved.png" in made.paths
        (here / "elsewhere").mkdir()
        fresh = make(changed, "elsewhere/m")
        np.testing.assert_allclose(made.features, fresh.features, rtol=1e-3)

    @pytest.mark.usefixtures("finished")
    def test_another_map_of_the_source_in_the_folder_uses_the_features(
        self, source, whole, network
    ):
        other = make(source, "n", perplexity=8)
        assert network.n_seen == 0
        np.testing.assert_array_equal(whole.features, other.features)
        assert [other.thumbnails.encoded(i) for i in range(len(other))] == [
            whole.thumbnails.encoded(i) for i in range(len(whole))
        ]

    @pytest.mark.usefixtures("finished")
    def test_a_map_of_another_source_or_network_does_not_use_the_features(
        self, source, here, network
    ):
        shutil.copytree(source, here / "copies")
        make("copies", "n")
        assert network.n_seen == N_DIFFERENT
        network.card = CountingNetwork(layer="layer3").card
        make(source, "m", force=True)
        assert network.n_seen == 2 * N_DIFFERENT

    @pytest.mark.parametrize(
        ("made", "now", "reason"),
        [
            ({"fingerprint": ((1.0,),)}, {"fingerprint": ((1.0001,),)}, None),
            ({}, {"fingerprint": ((1.0,),)}, None),
            (
                {"fingerprint": ((1.0,),)},
                {"fingerprint": ((2.0,),)},
                "the network's weights or code have changed",
            ),
            (
                {"code_sha256": "0"},
                {"code_sha256": "0", "fingerprint": ((1.0,),)},
                "no fingerprint of the network was recorded",
            ),
        ],
    )
    def test_features_of_a_changed_network_are_computed_again(
        self, source, network, made, now, reason
    ):
        network.card = CountingNetwork(**made).card
        make(source, "m")
        network.card, network.n_seen = CountingNetwork(**now).card, 0
        lines = Lines()
        make(source, "m", force=True, progress=lines)
        assert network.n_seen == (N_DIFFERENT if reason else 0)
        begin = f"the features in m are not used: {reason}"
        assert any(line.startswith(begin) for line in lines.notes) is (reason is not None)

    @pytest.mark.usefixtures("finished")
    def test_a_map_that_is_replaced_meanwhile_provides_its_old_features(
        self, source, whole, network, monkeypatch
    ):
        init = FeatureCache.__init__

        def replace_map(self, parts, **options):
            init(self, parts, **options)
            if len(self):
                with monkeypatch.context() as patch:
                    patch.setattr(FeatureCache, "__init__", init)
                    other = CountingNetwork(layer="another")
                    other.run = lambda pixels: -network.run(pixels)
                    put_in_place(other, patch)
                    make(source, "m", force=True)

        monkeypatch.setattr(FeatureCache, "__init__", replace_map)
        made = make(source, "n", perplexity=8)
        assert open_map("m").run["model"]["layer"] == "another"
        np.testing.assert_array_equal(made.features, whole.features)

    @pytest.mark.parametrize("name", [mapfolder.ITEMS, mapfolder.FEATURES, "thumbnails/data.bin"])
    def test_a_damaged_map_is_reported_and_not_used(self, source, finished, network, name):
        os.truncate(finished / name, (finished / name).stat().st_size // 2)
        lines = Lines()
        make(source, "m", force=True, progress=lines)
        assert network.n_seen == N_DIFFERENT
        told = [line for line in lines.notes if line.startswith("the features in m are not used")]
        assert len(told) == 1
        assert name.rpartition("/")[2] in told[0]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (
                lambda x: x.astype(np.float64),
                "it has float64 of shape (71, 48), not rows of float32",
            ),
            (lambda x: x[:, :40], "the map has 40 features per image, and the network has 48"),
        ],
    )
    def test_features_of_another_type_or_width_are_reported_and_not_used(
        self, source, finished, network, change, reason
    ):
        file = finished / mapfolder.FEATURES
        np.save(file, change(np.load(file)))
        lines = Lines()
        make(source, "m", force=True, progress=lines)
        assert network.n_seen == N_DIFFERENT
        (told,) = [
            line for line in lines.notes if line.startswith("the features in m are not used")
        ]
        assert reason in told, told

    def test_a_map_without_hashes_is_reported_and_not_used(self, source, finished, network):
        import pyarrow.parquet as pq

        file = finished / mapfolder.ITEMS
        pq.write_table(pq.read_table(file).drop_columns("sha256"), file)
        lines = Lines()
        make(source, "m", force=True, progress=lines)
        assert network.n_seen == N_DIFFERENT
        reason = "the map has no hashes or no sizes of its images"
        assert f"the features in m are not used: {reason}" in lines.notes

    def test_cached_features_that_are_not_finite_are_reported_and_computed_again(
        self, source, finished, network
    ):
        file = finished / mapfolder.FEATURES
        values = np.load(file)
        values[3] = np.nan
        np.save(file, values)
        lines = Lines()
        made = make(source, "m", force=True, progress=lines)
        assert network.n_seen == 1
        assert np.isfinite(made.features).all()
        assert "some features in m could not be read and were computed again" in lines.notes

    def test_the_table_holds_the_hash_of_each_file(self, source, whole):
        import pyarrow.parquet as pq

        table = pq.read_table(whole.folder / mapfolder.ITEMS)
        for path, digest in zip(table["path"], table["sha256"], strict=True):
            content = (source / path.as_py()).read_bytes()
            assert hashlib.sha256(content).hexdigest() == digest.as_py()
        assert "sha256" not in open_map(whole.folder).columns


def test_a_second_run_of_the_same_map_is_refused(source, here, monkeypatch):
    class Nested(QuickNetwork):
        """A network that starts another run of the map in its first batch."""

        def run(self, pixels):
            if not failures:
                with pytest.raises(
                    InputError, match="another process is writing the map m"
                ) as raised:
                    make(source, "m")
                failures.append(raised.value)
            return super().run(pixels)

    failures = []
    put_in_place(Nested(), monkeypatch)
    assert len(make(source, "m")) == N_DIFFERENT + 3
    assert len(failures) == 1
    assert [path.name for path in here.iterdir()] == ["m"]
