"""A hostile map and its surroundings, and the function that uses the map in every way."""

import socket
import sys

import numpy as np
import pytest
from PIL import Image

from featscape.errors import FeatscapeError
from featscape.mapfolder.read import open_map
from featscape.steps.drawing import export_site
from featscape.steps.tsne.adapter import load_tsne
from helpers.audit import PAYLOAD, recorded_events
from hostile import CANARY, maps
from hostile.seedmap import PHOTOS, make_seed_map
from hostile.uses import (
    assert_harmless_report,
    assert_harmless_site,
    assert_line,
    commands,
    request_everything,
)


@pytest.fixture(scope="package")
def seed(tmp_path_factory):
    """Return the folder of a valid map, with one skipped image."""
    folder = tmp_path_factory.mktemp("seed")
    (folder / PHOTOS).mkdir()
    (folder / PHOTOS / "broken.png").write_bytes(b"no image")
    seed = make_seed_map(folder)
    for name in ("scatter.png", "classes.png"):  # each report and each server reads large pictures
        with Image.open(seed / name) as picture:
            picture.reduce(8).save(seed / name)
    return seed


@pytest.fixture(scope="package")
def port():
    """Return the port of a server; fail if anything connects to the server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.fixture
def outside(tmp_path):
    """Return a folder outside of the map, with a file `canary` that no map may read."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "canary").write_bytes(CANARY)
    return folder


@pytest.fixture
def texts(outside, port):
    """Return hostile strings by name; some of them name the canary or the port."""
    return maps.texts(outside / "canary", port)


@pytest.fixture
def hostile(seed, outside, tmp_path, monkeypatch):  # noqa: ARG001 - the attacks link to `outside`
    """Return a copy of the map, with payloads in the map and in the current folder."""
    folder = maps.copy_map(seed, tmp_path / "hostile_map")
    for place in (tmp_path, folder):
        (place / "payload.py").write_text(PAYLOAD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


@pytest.fixture
def use(hostile, outside, featscape, tmp_path):
    """Return a function that uses the hostile map, whose file `changed` is hostile.

    The function opens the map, transforms features, runs each command that reads a map, sends
    requests to the server, and exports the map as a site. The function omits the commands if the
    changed file is in bundle/.

    The function fails if one of these steps reads a file outside of the map, connects, starts a
    process, executes the payload, prints a control character, or reports an error in more than
    one line. The function returns the message of the error if the map cannot be opened, else None.
    """

    def run(changed):
        site, report = tmp_path / "site", tmp_path / "report.html"
        shown = []
        with recorded_events(outside) as events:
            try:
                made = open_map(hostile)
                load_tsne(made).transform(np.array(made.features[:2]))
                line = None
            except FeatscapeError as error:
                line = str(error)
            if not changed.startswith("bundle/"):
                shown = [featscape(*command) for command in commands(hostile, report)]
            request_everything(hostile)
            try:
                export_site(hostile, site)
            except FeatscapeError as error:
                assert_line(str(error))
        assert events == []
        assert "payload" not in sys.modules
        for screen in shown:
            assert screen.status in (0, 2)
            assert "\x1b" not in screen.out + screen.err
            assert "Traceback" not in screen.err
            if screen.status == 2:
                assert len(screen.err.splitlines()) == 1
        if line is not None:
            assert_line(line)
        assert_harmless_site(site)
        assert_harmless_report(report)
        return line

    return run
