"""The network for new images is loaded in the background, for maps of this user only."""

import threading
from contextlib import closing

import pytest
from fastapi.testclient import TestClient

from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.errors import ModelError

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def loading(monkeypatch):
    """Replace the loading of the network. Returns an event that the loading sets."""
    started = threading.Event()

    def load(*_, **__):
        started.set()

    monkeypatch.setattr("featscape.app.placer.open_placer", load)
    monkeypatch.setattr("featscape.app.server.application._PREPARE_AFTER_S", 0)
    return started


@pytest.fixture
def ask():
    """Return a function that opens a client of an application."""
    return lambda app: TestClient(Guard(app, access=Access.on_loopback(8000)), base_url=HERE)


def request_page(folder, ask):
    with closing(ServedMap(folder)) as served:
        client = ask(make_app(served, on_page=served.prepare_placing))
        yield client.get("/")
        assert client.get("/").status_code == 200


def test_the_first_request_for_the_page_loads_the_network(digits, loading, ask):
    for page in request_page(digits.folder, ask):
        assert page.status_code == 200
        assert loading.wait(10)


def test_the_network_is_not_loaded_before_a_page_is_requested(digits, loading):
    with closing(ServedMap(digits.folder)):
        assert not loading.wait(0.2)


def test_the_network_of_a_map_from_someone_else_is_not_loaded(copied, change_run, loading, ask):
    change_run(copied.folder, seal=None)
    for _ in request_page(copied.folder, ask):
        assert not loading.wait(0.5)


def test_the_first_image_reports_why_the_network_was_not_loaded(digits, monkeypatch):
    def refuse(*_, **__):
        raise ModelError("there is no network.")

    monkeypatch.setattr("featscape.app.placer.open_placer", refuse)
    with closing(ServedMap(digits.folder)) as served:
        served.placer.prepare()
        image = (digits.source / digits.made.paths[0]).read_bytes()
        with pytest.raises(ModelError, match="there is no network"):
            served.placer.place(image)


def test_a_prepared_network_is_not_loaded_again(digits, monkeypatch):
    calls = []
    monkeypatch.setattr("featscape.app.placer.open_placer", lambda *_, **__: calls.append(1) or 1)
    with closing(ServedMap(digits.folder)) as served:
        served.placer.prepare()
        served.placer.prepare()
    assert calls == [1]
