"""A map of real digits with originals, and clients of its server."""

import json
import shutil
from contextlib import ExitStack, closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from featscape import make_map
from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.defaults import INSTALLED_MODEL
from featscape.demo import write_digits
from featscape.mapfolder.seal import make_seal
from helpers.networks.quick_network import QuickNetwork, put_in_place

HERE = "http://127.0.0.1:8000"


class QuickDigitNetwork(QuickNetwork):
    """A quick network under the name of a network that a server loads to place images."""

    card = replace(QuickNetwork.card, name=INSTALLED_MODEL, weights="efficientnet-lite0-57934424")


def make_digits(folder, *, n_written=60):
    """Write digits, and make the map of 60 of them, by the network that `make_map` loads."""
    source = folder / "digits"
    write_digits(source, limit=n_written)
    options = {"model": INSTALLED_MODEL, "limit": 60, "perplexity": 6, "size_px": 300}
    made = make_map(source, folder / "digits-map", **options)
    return SimpleNamespace(folder=folder / "digits-map", source=source, made=made)


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """Return the map of 60 digits, made by a quick network, and the folder of the digits."""
    with pytest.MonkeyPatch.context() as patch:
        put_in_place(QuickDigitNetwork(), patch)
        return make_digits(tmp_path_factory.mktemp("map"))


@pytest.fixture(scope="session")
def app(digits):
    with closing(ServedMap(digits.folder)) as served:
        yield make_app(served)


@pytest.fixture
def client(app):
    """Return a client on this machine; exceptions of the server are raised in the test."""
    return ask(app)


@pytest.fixture
def copied(digits, tmp_path):
    """Return a copy of the map and of its images that the test may damage."""
    folder, source = tmp_path / "copied-map", tmp_path / "copied-images"
    shutil.copytree(digits.folder, folder)
    for path in digits.made.paths:
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(digits.source / path, source / path)
    write_run(folder, source=str(source))
    return SimpleNamespace(folder=folder, source=source, paths=digits.made.paths)


@pytest.fixture
def open_client():
    """Return a function that opens a map folder and returns a client of its server."""
    with ExitStack() as opened:

        def open_client(folder, **options):
            served = opened.enter_context(closing(ServedMap(folder, **options)))
            return ask(make_app(served))

        yield open_client


@pytest.fixture
def fetch_zip():
    """Return a function that downloads the ZIP of some items: client, ids -> response."""

    def fetch(client, ids):
        key = client.post("/api/zip", json={"ids": ids}).json()["key"]
        return client.get(f"/api/zip/{key}")

    return fetch


@pytest.fixture
def change_run():
    """Return a function that changes entries of a map's run.json."""
    return write_run


@pytest.fixture
def error_of():
    """Return a function that checks the JSON of an error response and returns the message."""

    def take(response):
        assert response.headers["content-type"] == "application/json"
        content = response.json()
        assert set(content) == {"error", "status"}
        assert content["status"] == response.status_code
        assert content["error"].endswith(".")
        return content["error"]

    return take


def write_run(folder, **changes):
    file = folder / "run.json"
    run = json.loads(file.read_text()) | changes
    if "seal" not in changes:  # the user who made the map also makes the change
        with (folder / "items.parquet").open("rb") as items:
            run["seal"] = make_seal(run["source"], kind=run["source_kind"], items=items)
    file.write_text(json.dumps(run))


def ask(app):
    return TestClient(Guard(app, access=Access.on_loopback(8000)), base_url=HERE)
