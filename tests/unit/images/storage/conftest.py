"""A file system in memory, an HTTP server that fails, and short waits."""

import threading
from types import SimpleNamespace

import fsspec
import pytest

from featscape.images.storage import remote
from helpers.web_server import Handler, serve


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(remote, "TIMEOUT_S", 5)


@pytest.fixture
def memory():
    """Return fsspec's file system in memory, without files."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


@pytest.fixture
def web():
    """Return an HTTP server of `files`; `failures` is the number of failures of each path."""
    served = SimpleNamespace(files={}, failures={}, status=500, requests=[], hang=set())
    served.ended = threading.Event()
    served.headers = {}  # additional headers of the response, by path
    served.endless = set()
    served.has_ranges = True
    served.n_sent = 0  # bytes of endless responses
    served.encodings = set()  # the encodings that the requests accept

    def count(n_bytes):
        served.n_sent += n_bytes

    class FailingHandler(Handler):
        def respond(self):
            served.requests.append(self.path)
            served.encodings.add(self.headers.get("Accept-Encoding"))
            if self.path in served.endless:
                self.send_endlessly(200e6, count)
                return
            if self.path in served.hang:
                served.ended.wait(20)
            if served.failures.get(self.path, 0) > 0:
                served.failures[self.path] -= 1
                self.send(served.status)
            elif self.path in served.files and not served.has_ranges:
                self.send(200, served.files[self.path])
            elif self.path in served.files:
                self.send_file(served.files[self.path], served.headers.get(self.path, {}).items())
            else:
                self.send(404)

    with serve(FailingHandler) as served.address:
        yield served
        served.ended.set()
