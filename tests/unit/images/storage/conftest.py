"""A file system in memory, an HTTP server that fails, and short waits."""

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import fsspec
import pytest

from featscape.images.storage import remote


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
def web():  # noqa: C901 - one handler
    """Return an HTTP server of `files`; `failures` is the number of failures of each path."""
    served = SimpleNamespace(
        files={}, failures={}, status=500, requests=[], hang=set(), ended=threading.Event()
    )
    served.headers = {}  # more headers of the response, by path
    served.endless = set()
    served.n_sent = 0  # bytes of endless responses
    served.encodings = set()  # that the requests accept

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            served.requests.append(self.path)
            served.encodings.add(self.headers.get("Accept-Encoding"))
            if self.path in served.endless:
                return self.reply_endlessly()
            if self.path in served.hang:
                served.ended.wait(20)
            if served.failures.get(self.path, 0) > 0:
                served.failures[self.path] -= 1
                return self.reply(served.status, b"", body=body)
            content = served.files.get(self.path)
            if content is None:
                return self.reply(404, b"", body=body)
            wanted = self.headers.get("Range")
            if not wanted:
                return self.reply(200, content, body=body)
            start, _, end = wanted.removeprefix("bytes=").partition("-")
            part = content[int(start) : int(end) + 1]
            span = f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
            return self.reply(206, part, body=body, span=span)

        def reply(self, status, content, *, body, span=None):
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Accept-Ranges", "bytes")
            if span:
                self.send_header("Content-Range", span)
            for item in served.headers.get(self.path, {}).items():
                self.send_header(*item)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def reply_endlessly(self):
            self.close_connection = True
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # the client closes the connection
                while served.n_sent < 200e6:
                    served.n_sent += self.wfile.write(bytes(100_000))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    served.address = f"http://127.0.0.1:{server.server_port}"
    yield served
    served.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()
