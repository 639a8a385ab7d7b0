"""A Ray cluster of three nodes on this machine. A test kills one node during a run."""

import os
import sys
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from PIL import Image

from featscape import make_map
from featscape.distribute import connect
from featscape.errors import DeviceError, InputError, MissingExtra
from featscape.features import ExtractOptions, NetworkRequest
from featscape.images import find_images
from featscape.mapfolder.read import open_map
from helpers.notes import Notes

# Ray reads these variables during its import. With the second variable, the nodes communicate over
# the loopback interface.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
pytest.importorskip("ray", reason="Ray has no wheels for this Python")

pytestmark = [
    # Ray uses its own deprecated functions, and does not wait for its processes
    pytest.mark.filterwarnings(r"ignore:`\w+` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
N_IMAGES = 96
OPTIONS = {
    "model": "efficientnet_lite0",
    "batch_size": 4,
    "perplexity": 5,
    "n_landmarks": 40,
    "size_px": 300,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return a folder of noisy images in three classes; two images are damaged."""
    folder = tmp_path_factory.mktemp("cluster") / "photos"
    rng = np.random.default_rng(0)
    for number in range(N_IMAGES):
        file = folder / "abc"[number % 3] / f"{number:03d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((320, 240)).save(file)
    (folder / "a" / "030.jpg").write_bytes(b"no image")
    (folder / "b" / "031.jpg").write_bytes((folder / "b" / "034.jpg").read_bytes()[:900])
    return folder


@pytest.fixture(scope="module")
def cluster():
    """Start a head node without cores, and two worker nodes with one core each."""
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 100 * 2**20}
    head = {
        **small,
        "num_cpus": 0,
        "include_dashboard": False,
        "no_monitor": True,  # the monitor would add nodes
        "_system_config": {"health_check_period_ms": 500},  # five missed checks mark a node as dead
    }
    started = Cluster(initialize_head=True, head_node_args=head)
    try:
        started.workers = [started.add_node(**small, num_cpus=1) for _ in range(2)]
        yield started
    finally:
        started.shutdown()


class Killer(Notes):
    """A progress that kills a node after the first features."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster = cluster
        self.seen = self.seen_at_death = 0

    @contextmanager
    def task(self, task):
        yield self.advance if task.description == "Features" else lambda _amount: None

    def advance(self, amount):
        self.seen += amount
        if not self.seen_at_death:
            self.seen_at_death = self.seen
            self.cluster.remove_node(self.cluster.workers.pop(), allow_graceful=False)


@pytest.fixture(scope="module")
def apart(photos):
    """Return two folders, because a map uses the features of other maps in its folder."""
    for name in ("here", "there"):
        (photos.parent / name).mkdir()
    return photos.parent / "here", photos.parent / "there"


def test_a_killed_node_does_not_change_the_map(cluster, photos, apart, capfd):
    local = make_map(photos, apart[0] / "local-map", **OPTIONS)
    killer = Killer(cluster)
    capfd.readouterr()
    made = make_map(
        photos,
        apart[1] / "ray-map",
        engine="ray",
        address=cluster.address,
        progress=killer,
        **OPTIONS,
    )
    assert "1 node was lost; other nodes repeated the unfinished tasks" in killer.lines
    assert not any("taken from" in note for note in killer.lines)
    assert 0 < killer.seen_at_death < N_IMAGES == killer.seen
    assert made.paths == local.paths
    assert made.labels == local.labels
    assert [one["path"] for one in made.run["skipped"]] == ["a/030.jpg", "b/031.jpg"]
    assert made.run["skipped"] == local.run["skipped"]
    assert made.run["model"] == local.run["model"]
    # features and positions are bit-identical in any batch
    np.testing.assert_array_equal(made.features, local.features)
    np.testing.assert_array_equal(made.positions, local.positions)
    np.testing.assert_array_equal(made.neighbors.indices, local.neighbors.indices)
    for name in ("data.bin", "offsets.npy"):
        ours, theirs = (one.folder / "thumbnails" / name for one in (made, local))
        assert ours.read_bytes() == theirs.read_bytes()
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""


def test_a_second_run_uses_the_features_of_the_first(cluster, photos, apart):
    watcher = Notes()
    made = make_map(
        photos,
        apart[1] / "again-map",
        engine="ray",
        address=cluster.address,
        progress=watcher,
        **OPTIONS,
    )
    taken_from = [note for note in watcher.lines if "taken from" in note]
    assert len(taken_from) == 1
    assert taken_from[0].startswith(f"the features of {N_IMAGES - 2} images were taken from")
    np.testing.assert_array_equal(made.features, open_map(apart[1] / "ray-map").features)


def test_an_error_on_a_node_is_one_line_and_leaves_no_files(cluster, photos, tmp_path, monkeypatch):
    from featscape.distribute import remote_extraction

    monkeypatch.setattr(remote_extraction, "Job", partial(remote_extraction.Job, version="0.0"))
    with pytest.raises(InputError, match=r"must have featscape 0\.0 like this machine; got"):
        make_map(photos, tmp_path / "m", engine="ray", address=cluster.address, **OPTIONS)
    assert list(tmp_path.iterdir()) == []


def test_an_open_connection_is_used_and_stays_open(cluster, photos):
    import ray

    with connect(cluster.address) as outer:
        assert outer.n_cpus == len(cluster.workers)
        assert outer.n_gpus == 0
        with connect() as inner:
            assert inner.n_cpus == outer.n_cpus
        assert ray.is_initialized()
        images = find_images(photos)
        with (
            pytest.raises(InputError, match="if Ray is connected already; got"),
            connect(cluster.address),
        ):
            pass
        with pytest.raises(DeviceError, match="must have a GPU for the device cuda; it has none"):
            outer.extract(images, NetworkRequest("m", device="cuda"), ExtractOptions())
        with pytest.raises(InputError, match="must be auto, cpu or cuda; got 'cuda:1'"):
            outer.extract(images, NetworkRequest("m", device="cuda:1"), ExtractOptions())
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:9", r"no Ray cluster answers at 127\.0\.0\.1:9 \(.*refused\)\. Check the"),
        ("ray://127.0.0.1:9", "no Ray cluster answers"),
        ("head", r"must be HOST:PORT; got 'head'"),
        ("head:x", r"must be HOST:PORT; got 'head:x'"),
    ],
)
def test_an_address_without_a_cluster_is_refused(featscape, photos, tmp_path, address, words):
    with pytest.raises(InputError, match=words), connect(address):
        pass
    ended = featscape(
        "map",
        photos,
        "-o",
        tmp_path / "m",
        "--perplexity",
        5,
        "--engine",
        "ray",
        "--address",
        address,
    )
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_an_unknown_engine_is_refused(featscape, photos):
    ended = featscape("map", photos, "--engine", "spark")
    assert ended.status == 2
    assert "engine must be local or ray; got 'spark'." in ended.err
    ended = featscape("map", photos, "--address", "127.0.0.1:6379")
    assert "an address needs the engine ray" in ended.err


def test_a_missing_ray_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'featscape\[ray\]'"), connect():
        pass
