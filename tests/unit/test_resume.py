"""A map that is begun, killed and begun again is the map that it would have been."""

import hashlib
import json
import os
import random
import shutil
from contextlib import nullcontext
from dataclasses import replace

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

# Imported once, in the process that the others are forked from: each then begins at once.
HEAVY = [
    *("matplotlib.pyplot", "pyarrow.parquet", "scipy.spatial", "sklearn.manifold"),
    *("featscape.pipeline", "featscape.bundle", "featscape.features", "featscape.images"),
    *("featscape.pictures", "meshtsne", "tests.conftest"),
]


class BatchNetwork(QuickNetwork):
    """The sixteen tiles, and a trace of all images in the batch, as real networks have it."""

    def run(self, pixels):
        values = super().run(pixels)
        return values + values.mean() * np.float32(1e-4)


class CountingNetwork(BatchNetwork):
    """A network that counts the images that it sees."""

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


@pytest.fixture
def source(tmp_path):
    return write_source(tmp_path / "photos")


@pytest.fixture
def network(monkeypatch):
    """Put a network that counts its images in place, and write every batch at once."""
    counting = CountingNetwork()
    put_in_place(counting, monkeypatch)
    monkeypatch.setattr(shards, "MOST_SECONDS", 0.0)
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
    """Return the seed of random moments: FEATSCAPE_TEST_SEED, or one that a failure prints."""
    seed = int(os.environ.get("FEATSCAPE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"the moments are those of FEATSCAPE_TEST_SEED={seed}")  # noqa: T201 - shown on failure
    return seed


class Interrupted(BatchNetwork):
    """A network that is interrupted after so many batches."""

    def __init__(self, n_batches, error=KeyboardInterrupt):
        self._left, self._error = n_batches, error

    def run(self, pixels):
        if not self._left:
            raise self._error
        self._left -= 1
        return super().run(pixels)


class Lines:
    """A progress that keeps what is said between the steps."""

    def __init__(self):
        self.said = []

    def task(self, _task):
        return nullcontext(lambda _: None)

    def note(self, text):
        self.said.append(text)


def interrupt(source, output, monkeypatch, *, n_batches=5, card=QuickNetwork.card, **options):
    """Begin a map and interrupt it after so many batches of four."""
    lines, network = Lines(), Interrupted(n_batches)
    network.card = card
    with monkeypatch.context() as patch:
        put_in_place(network, patch)
        with pytest.raises(KeyboardInterrupt):
            make(source, output, progress=lines, **options)
    return lines.said


def make(source, output, *, layers=None, perplexity=4, size_px=400, **options):
    """Make a map; of several layers, a tuple of maps."""
    options |= {"layers": layers, "perplexity": perplexity, "size_px": size_px}
    return (make_maps if layers else make_map)(source, output, **options)


N_DIFFERENT = 68  # of the 73 images: two are broken, three are there twice


class TestContinuing:
    def test_what_was_done_is_not_done_again(self, source, here, network, monkeypatch):
        said = interrupt(source, "m", monkeypatch)
        assert "is kept in .m.partial: repeat the call to continue" in said[-1]
        lines = Lines()
        make(source, "m", progress=lines)
        assert "continuing: 20 of 73 images were done" in lines.said
        assert network.n_seen == N_DIFFERENT - 20
        assert [path.name for path in here.iterdir()] == ["m"]

    def test_the_map_is_the_same_and_lists_the_same_skipped_images(
        self, source, here, network, monkeypatch
    ):
        (here / "whole").mkdir()
        whole = make(source, "whole/m")
        assert network.n_seen == N_DIFFERENT
        interrupt(source, "m", monkeypatch, n_batches=9)
        made = make(source, "m")
        assert_same_map(made.folder, whole.folder)
        assert [one["path"] for one in made.run["skipped"]] == ["blue/07.png", "red/30.png"]

    @pytest.mark.parametrize("suffix", [".npy", ".thumbnails", ".json"])
    def test_a_damaged_shard_is_made_anew(self, source, here, network, monkeypatch, suffix):
        (here / "whole").mkdir()
        whole = make(source, "whole/m")
        interrupt(source, "m", monkeypatch)
        (file,) = here.glob(f".m.partial/kept/*/000002{suffix}")
        os.truncate(file, file.stat().st_size - 3)
        network.n_seen = 0
        lines = Lines()
        made = make(source, "m", progress=lines)
        assert network.n_seen == N_DIFFERENT - 16
        assert "of the interrupted run, 1 part is damaged and computed again" in lines.said
        assert "continuing: 16 of 73 images were done" in lines.said
        assert_same_map(made.folder, whole.folder)

    def test_an_image_that_changed_is_seen_again(self, source, network, monkeypatch):
        interrupt(source, "m", monkeypatch)
        shutil.copyfile(source / "red" / "29.png", source / "blue" / "03.png")
        write_images(source / "blue", 1, seed=77)  # 00.png
        made = make(source, "m")
        # 00.png is new, and its old bytes are still known of its copy
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
    def test_another_network_begins_anew(self, source, here, network, monkeypatch, card):
        interrupt(source, "m", monkeypatch)
        network.card = CountingNetwork(**card).card
        make(source, "m")
        assert network.n_seen == N_DIFFERENT
        assert [path.name for path in here.iterdir()] == ["m"]

    def test_rounding_in_the_fingerprint_is_no_other_network(self, source, network, monkeypatch):
        card = replace(network.card, fingerprint=((1.0, 2.0),))
        interrupt(source, "m", monkeypatch, card=card)
        network.card = replace(card, fingerprint=((1.0, 2.0001),))
        make(source, "m")
        assert network.n_seen == N_DIFFERENT - 20

    def test_a_network_that_changed_begins_anew(self, source, network, monkeypatch):
        card = replace(network.card, fingerprint=((1.0, 2.0),))
        interrupt(source, "m", monkeypatch, card=card)
        network.card = replace(card, fingerprint=((1.0, 2.5),))
        lines = Lines()
        make(source, "m", progress=lines)
        assert network.n_seen == N_DIFFERENT
        assert (
            "the results of the interrupted run are not used: the network's weights or code have "
            "changed: its features of a fixed image differ by 18.6%"
        ) in lines.said

    def test_weights_of_another_name_are_the_same(self, source, network, monkeypatch):
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
    """ENOSPC is simulated: os.fsync raises it, once so many files were written."""

    @pytest.mark.usefixtures("network")
    @pytest.mark.parametrize("n_files", [0, 2, 7, 30])
    def test_what_is_done_stays_and_the_same_call_continues(
        self, source, here, monkeypatch, n_files
    ):
        (here / "whole").mkdir()
        whole = make(source, "whole/m")
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
    def test_the_room_of_the_unfinished_map_goes_to_the_features(
        self, source, here, network, monkeypatch, layers
    ):
        if layers:
            network.card = replace(network.card, layer="+".join(layers), widths=(24, 24))
        (here / "whole").mkdir()
        whole = make(source, "whole/m", layers=layers)
        monkeypatch.setattr(shards, "MOST_SECONDS", 60.0)  # all waits for the first shard
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

    def test_a_limit_of_the_system_on_files(self, source, network):
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
    def test_added_moved_and_removed_images(self, source, here, network):
        make(source, "m")
        write_images(source / "green", 10, seed=9)
        (source / "blue" / "01.png").rename(source / "green" / "moved.png")
        (source / "blue" / "02.png").unlink()
        network.n_seen = 0
        lines = Lines()
        made = make(source, "m", force=True, progress=lines)
        assert network.n_seen == 10
        assert "the features of 70 images were taken from m" in lines.said
        assert "green/moved.png" in made.paths
        (here / "elsewhere").mkdir()
        fresh = make(source, "elsewhere/m")
        np.testing.assert_allclose(made.features, fresh.features, rtol=1e-3)

    def test_a_map_beside_it_of_the_same_source(self, source, network):
        made = make(source, "m")
        network.n_seen = 0
        other = make(source, "n", perplexity=8)
        assert network.n_seen == 0
        np.testing.assert_array_equal(made.features, other.features)
        assert [other.thumbnails.encoded(i) for i in range(len(other))] == [
            made.thumbnails.encoded(i) for i in range(len(made))
        ]

    def test_another_source_or_network_beside_it_gives_nothing(self, source, here, network):
        make(source, "m")
        shutil.copytree(source, here / "copies")
        network.n_seen = 0
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
    def test_features_of_a_network_that_changed_are_computed_anew(
        self, source, network, made, now, reason
    ):
        network.card = CountingNetwork(**made).card
        make(source, "m")
        network.card, network.n_seen = CountingNetwork(**now).card, 0
        lines = Lines()
        make(source, "m", force=True, progress=lines)
        assert network.n_seen == (N_DIFFERENT if reason else 0)
        begin = f"the features in m are not used: {reason}"
        assert any(line.startswith(begin) for line in lines.said) is (reason is not None)

    def test_a_map_that_is_replaced_meanwhile_gives_the_features_that_it_had(
        self, source, network, monkeypatch
    ):
        before = make(source, "m").features[:].copy()
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
        np.testing.assert_array_equal(made.features, before)

    @pytest.mark.parametrize("name", [mapfolder.ITEMS, mapfolder.FEATURES, "thumbnails/data.bin"])
    def test_a_damaged_map_is_reported_and_gives_nothing(self, source, network, name):
        made = make(source, "m")
        os.truncate(made.folder / name, (made.folder / name).stat().st_size // 2)
        network.n_seen = 0
        lines = Lines()
        make(source, "m", force=True, progress=lines)
        assert network.n_seen == N_DIFFERENT
        told = [line for line in lines.said if line.startswith("the features in m are not used")]
        assert len(told) == 1
        assert name.rpartition("/")[2] in told[0]

    @pytest.mark.usefixtures("network")
    def test_the_table_holds_the_hash_of_each_file(self, source):
        import pyarrow.parquet as pq

        made = make(source, "m")
        table = pq.read_table(made.folder / mapfolder.ITEMS)
        for path, digest in zip(table["path"], table["sha256"], strict=True):
            content = (source / path.as_py()).read_bytes()
            assert hashlib.sha256(content).hexdigest() == digest.as_py()
        assert "sha256" not in open_map("m").columns


def test_two_runs_at_once_leave_one_another_alone(source, here, monkeypatch):
    class Nested(QuickNetwork):
        """A network in whose first batch another run begins."""

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
