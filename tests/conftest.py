"""Small datasets, a quick network, and the command line in this process."""

import shutil
import signal
import sys
from types import SimpleNamespace

import pytest

from helpers.images.photos import write_photos
from helpers.maps.without_pictures import omit_pictures
from helpers.networks.quick_network import QuickNetwork, put_in_place


@pytest.fixture(scope="session", autouse=True)
def own_key(tmp_path_factory):
    """Store the key of the seals in a temporary folder instead of the home of the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture
def photos(tmp_path):
    """Return a folder of three classes with eight images each."""
    return write_photos(tmp_path / "photos")


@pytest.fixture(scope="session")
def map_of_photos(tmp_path_factory):
    """Make a map of equal photos with the quick network; no test may change the map."""
    from featscape import make_map

    folder = tmp_path_factory.mktemp("photos")
    with pytest.MonkeyPatch.context() as patch:
        put_in_place(QuickNetwork(), patch)
        return make_map(write_photos(folder / "photos"), folder / "m", perplexity=4, size_px=400)


@pytest.fixture
def made(map_of_photos, here):
    """Return a copy of the map of photos, as "m" in the current folder."""
    from featscape import open_map

    return open_map(shutil.copytree(map_of_photos.folder, here / "m"))


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch):
    """Do not flush files to the disk, which takes seconds on a shared disk."""
    monkeypatch.setattr("os.fsync", lambda _handle: None)


@pytest.fixture(autouse=True)
def no_weights_needed(monkeypatch):
    """Let a test replace the default network, whose weights are not on this disk."""
    monkeypatch.setattr("featscape.pipeline.fetch_weights", lambda *_, **__: None)


@pytest.fixture
def without_exchange():
    """Simulate a system that cannot exchange two names in one step."""
    patch = pytest.MonkeyPatch()  # separate, because the test may undo its own monkeypatch
    patch.setattr("featscape.mapfolder.staging.replacement.exchange", lambda _one, _other: False)
    yield
    patch.undo()


@pytest.fixture
def quick_network(monkeypatch):
    put_in_place(QuickNetwork(), monkeypatch)
    return QuickNetwork


@pytest.fixture
def without_pictures(monkeypatch):
    """Make maps without pictures and pages, in half the time."""
    omit_pictures(monkeypatch)


@pytest.fixture
def featscape(monkeypatch, capsys):
    """Return a function that runs the command line: arguments -> status, out, err."""
    from featscape.cli import run as cli

    monkeypatch.delenv("COLUMNS", raising=False)  # set by some terminals

    signals = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
    handlers = {number: signal.getsignal(number) for number in signals}

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["featscape", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return SimpleNamespace(status=ended.value.code, out=captured.out, err=captured.err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Make an empty folder the current one, and return it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def first_run():
    """Return a list, which the first test that uses `map_run` extends by its map."""
    return []


@pytest.fixture
def map_run(first_run, featscape, here, tmp_path_factory):
    """Put a copy of a map that the command line made, "m", into the current folder.

    The map has a class named "[red]" and a damaged image. Return status, out, err, and the photos.
    """
    if not first_run:
        folder = tmp_path_factory.mktemp("run")
        photos = write_photos(folder / "photos")
        (photos / "red" / "broken.png").write_bytes(b"")
        (photos / "red").rename(photos / "[red]")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            put_in_place(QuickNetwork(), patch)
            done = featscape("map", photos, "-o", "m", "--perplexity", 4, "--size", 400)
        first_run.append(SimpleNamespace(**vars(done), photos=photos, folder=folder / "m"))
    (run,) = first_run
    shutil.copytree(run.folder, here / "m")
    return run
