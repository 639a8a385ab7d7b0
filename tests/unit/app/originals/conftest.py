"""A folder of originals, and an HTTP server of images and traps."""

import http.server
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest

from original_images import png


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def web():
    """Serve images and traps on the loopback interface; `asked` records the paths."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path.startswith("/to/"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/to/"))
                self.end_headers()
                return None
            if self.path.startswith("/silent.png") or self.path in state.silent:
                released.wait(30)
            released.wait(state.answers_s)
            if self.path in state.files:
                return self.send_file(state.files[self.path])
            self.send_response(404 if self.path == "/none.png" else 200)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(png(3))
                while self.path == "/endless.png":
                    self.wfile.write(bytes(1 << 16))

            return None

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def send_file(self, content):
            start, _, end = self.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")
            part = content[int(start) : int(end or len(content)) + 1]
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Accept-Ranges", "bytes")
            if "Range" in self.headers:
                span = f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
                self.send_header("Content-Range", span)
            self.end_headers()
            if self.command == "GET":
                with suppress(OSError):
                    self.wfile.write(part)

        def log_message(self, *_):
            pass

    state = SimpleNamespace(asked=asked, files={}, silent=set(), answers_s=0)
    released = threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state.address = f"http://127.0.0.1:{server.server_port}"
        yield state
        released.set()
        server.shutdown()
