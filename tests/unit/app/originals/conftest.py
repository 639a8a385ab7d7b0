"""A folder of originals, and an HTTP server of images and traps."""

import threading
from types import SimpleNamespace

import pytest

from helpers.images.original_images import png
from helpers.web_server import Handler, serve


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def web():
    """Serve images and traps on the loopback interface; `asked` records the paths."""
    state = SimpleNamespace(asked=[], files={}, silent=set())
    ended = threading.Event()

    class Traps(Handler):
        def respond(self):
            state.asked.append(self.path)
            if self.path.startswith("/silent.png") or self.path in state.silent:
                ended.wait(30)
            if self.path.startswith("/to/"):
                self.send(302, headers=[("Location", self.path.removeprefix("/to/"))])
            elif self.path == "/endless.png":
                self.send_endlessly(1e9)
            elif self.path == "/none.png":
                self.send(404)
            else:
                self.send_file(state.files.get(self.path, png(3)))

    with serve(Traps) as state.address:
        yield state
        ended.set()
