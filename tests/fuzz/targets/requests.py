"""HTTP requests as raw bytes, sent to a real server on the loopback interface."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

import featscape.features
from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.app.server.service import listen, make_server
from fuzz.mutate import NUMBERS, TEXTS, VALUES, encode, mutate_bytes, mutate_json
from fuzz.pictures import seed_images
from fuzz.rules import Violation
from fuzz.settings import SHARED
from fuzz.targets.images import mutate_image
from helpers.networks.quick_network import QuickNetwork
from hostile.seedmap import copy_seed_map

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from fuzz.rules import Rules

_FILE = "request"
_WHOLE = b"whole"  # the first line of an input that the server must answer
_ANSWER_S = 300.0  # longer than the time limit of a try
_MAYBE_S = 0.1  # for the response to a request that may be incomplete
_LOOK_EVERY = 25  # tries between two checks whether the server still answers

_METHODS = (
    *("GET",) * 8,
    *("POST",) * 4,
    "HEAD",
    "OPTIONS",
    "PUT",
    "DELETE",
    "TRACE",
    "get",
    "X-Y",
)
_PATHS = (
    *("/", "/scatter.png", "/data/manifest.json", "/data/positions.bin", "/data/strings.bin"),
    *("/static/viewer.js", "/api/items/3", "/api/items/3/neighbors", "/api/items/3/thumbnail"),
    *("/api/items/3/image", "/api/items/24", "/api/items/-1", "/api/items/1e3", "/api/zip/x"),
    *(
        "/api/search",
        "/api/content",
        "/api/zip",
        "/api/place",
        "/nothing",
        "/data/../run.json",
        "//x",
        "/%2e%2e/",
    ),
)
_RANGES = (
    *("bytes=0-99", "bytes=5-", "bytes=-5", "bytes=9-2", "bytes=0-0,5-9", "bytes=-0", "bytes=-"),
    *("bytes=99999999-", "bytes=0-999999999999999999999999", "items=1-2", "bytes=\xb2-\xb3", "x"),
)
_HEADERS = {
    "Origin": ("http://evil.example", "null", "", "http://127.0.0.1"),
    "Sec-Fetch-Site": ("cross-site", "same-origin", "none", "x"),
    "If-None-Match": ("*", '"x"', 'W/"x", "y"', ",,,", "\xff"),
    "If-Range": ('"x"', "Sat, 01 Jan 2000 00:00:00 GMT"),
    "Cookie": ("a=b", "featscape-1=x; ;=;", '"', "\xff=\xff", "a" * 4000),
    "Accept-Encoding": ("gzip", "identity;q=0", "*;q=0"),
    "Expect": ("100-continue", "x"),
    "Upgrade": ("websocket", "h2c"),
    "Connection": ("keep-alive", "upgrade", "close, close"),
    "X-Forwarded-For": ("::1", "10.0.0.1, x"),
    "Content-Type": ("text/plain", "application/json; charset=utf-16", "multipart/form-data"),
}


class Target:
    """Send one request; the status must be below 500, and the server must log no traceback."""

    def __init__(self, workspace: Path, _rules: Rules) -> None:
        self._images = seed_images()
        self._noted = _Noted()
        self._n_checked = 0
        # the network for new images
        featscape.features.reload_network = mock.Mock(return_value=QuickNetwork())
        self._port = _start_server(copy_seed_map(workspace.parent / SHARED, workspace), self._noted)
        self._look_alive()

    def write(self, rng: Random, folder: Path) -> None:
        """Write one request, or two for one connection; some are damaged or cut off."""
        request = _request(rng, self._images)
        may_be_reset = False
        if rng.random() < 0.05:
            # Bytes after a request that closes the connection reset the connection, and the client
            # may lose the response (RFC 9112, section 9.6).
            may_be_reset = b"connection: close" in request.lower()
            request += _request(rng, self._images)
        is_whole = rng.random() < 0.7
        if not is_whole and rng.random() < 0.5:
            request = request[: rng.randrange(len(request))]
        elif not is_whole and rng.random() < 0.2:
            length = b"\r\nContent-Length: %s\r\n\r\n" % str(rng.choice(NUMBERS)).encode()
            request = request.replace(b"\r\n\r\n", length, 1)
        elif not is_whole:
            request = mutate_bytes(rng, request)
        first = _WHOLE if is_whole and not may_be_reset else b"damaged"
        (folder / _FILE).write_bytes(first + b"\n" + request)

    def check(self, folder: Path) -> None:
        """Send the request; check the response and the log of the server."""
        first, request = (folder / _FILE).read_bytes().split(b"\n", 1)
        request = request.replace(b"PORT", str(self._port).encode())
        is_whole = first == _WHOLE
        self._n_checked += 1
        with socket.create_connection(("127.0.0.1", self._port), timeout=_ANSWER_S) as connection:
            is_answered = _exchange(connection, request, _ANSWER_S if is_whole else _MAYBE_S)
        if is_whole and not is_answered:
            raise Violation("the server did not answer a complete request")
        if not is_answered or self._n_checked % _LOOK_EVERY == 0:
            self._look_alive()
        if self._noted.lines:
            noted = self._noted.lines.copy()
            self._noted.lines.clear()
            raise Violation("the server logged a traceback", noted)

    def _look_alive(self) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_S)
        client.request("GET", "/api/items/1")
        answer = client.getresponse()
        content = json.loads(answer.read())
        client.close()
        if answer.status != 200 or content["id"] != 1:
            raise Violation("after this request, the server refuses a valid request", answer.status)


class _Noted(logging.Handler):
    """Stores log records with an exception, and records of errors."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            error = record.exc_info[1] if record.exc_info else None
            self.lines.append(f"{record.getMessage():.300} {error!r:.300}")


def _start_server(made: Path, noted: _Noted) -> int:
    """Serve a map in a thread as `featscape serve` does; return the port."""
    listening = listen("127.0.0.1", 0)
    port: int = listening.getsockname()[1]
    served = ServedMap(made)
    served.no_texts = None
    # instead of the text tower of a network of open_clip
    served.text_search = mock.Mock(similarities_to=_similarities_to)
    server = make_server(Guard(make_app(served), access=Access.on_loopback(port)))
    for name in ("uvicorn.error", "uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.addHandler(noted)
        logger.propagate = False

    def serve() -> None:
        asyncio.run(server.serve(sockets=[listening]))

    threading.Thread(target=serve, daemon=True).start()
    return port


def _similarities_to(text: str) -> np.ndarray:
    return np.full(24, len(text.encode()), np.float32)  # like a tokenizer, refuses no valid text


def _request(rng: Random, images: dict[str, bytes]) -> bytes:
    """Return a request with a correct length; each other part may be unusual."""
    path = rng.choice(_PATHS)
    if rng.random() < 0.1:
        odd = str(rng.choice((*TEXTS, *NUMBERS)))
        path = rng.choice(("/", "/data/", "/api/items/", "/static/", "/api/zip/", "/?token=")) + odd
    method = rng.choice(_METHODS)
    body = b""
    if path in ("/api/search", "/api/content", "/api/zip", "/api/place") and rng.random() < 0.9:
        method, body = "POST", _body(rng, path, images)
    elif rng.random() < 0.03:
        body = b"x" * rng.choice((1, 70_000))
    lines = [
        f"{method} {path.replace(' ', '%20').replace(chr(10), '%0a')} HTTP/1.1",
        "Host: "
        + rng.choice((*("127.0.0.1:PORT",) * 12, "localhost", "evil.example", "", "[::1]:1")),
        "Connection: close",
    ]
    names = rng.sample(list(_HEADERS), rng.choice((0, 0, 1, 2)))
    lines += [f"{name}: {rng.choice(_HEADERS[name])}" for name in names]
    if rng.random() < 0.3:
        lines.append(f"Range: {rng.choice(_RANGES)}")
    head = "\r\n".join(lines).encode("latin-1", errors="replace")
    if body and rng.random() < 0.2:
        half = len(body) // 2
        pieces = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:half], body[half:]) if p)
        return head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
    if body:
        head += b"\r\nContent-Length: %d" % len(body)
    return head + b"\r\n\r\n" + body


def _body(rng: Random, path: str, images: dict[str, bytes]) -> bytes:
    if path == "/api/place":
        if rng.random() < 0.3:
            return images[rng.choice(list(images))]
        return mutate_image(rng, images)
    sent: Any = {"text": rng.choice(("a b", *TEXTS))}
    if path == "/api/zip":
        sent = {
            "ids": [rng.choice((0, 5, 23, 24, *VALUES)) for _ in range(rng.choice((0, 1, 9, 5000)))]
        }
    if rng.random() < 0.3:
        sent = mutate_json(rng, sent)
    body = encode(json.dumps(sent))
    return mutate_bytes(rng, body) if rng.random() < 0.3 else body


def _exchange(connection: socket.socket, request: bytes, wait_s: float) -> bool:
    """Send a request and check the response; return False without a response."""
    try:
        connection.sendall(request)
        connection.settimeout(wait_s)
        answer = http.client.HTTPResponse(connection, method=_method(request))
        answer.begin()
        content = answer.read()
    except (TimeoutError, ConnectionError, http.client.RemoteDisconnected):
        return False
    except http.client.IncompleteRead as error:
        raise Violation("the response is shorter than its declared length") from error
    _check_answer(answer, content, method=_method(request))
    return True


def _method(request: bytes) -> str:
    return request.split(b" ", 1)[0].decode("latin-1")


def _check_answer(answer: http.client.HTTPResponse, content: bytes, *, method: str) -> None:
    """Check that an error has a status of 4xx and the JSON of all errors."""
    if answer.status >= 500:
        raise Violation(f"status {answer.status}", content[:300])
    if answer.status < 400 or method == "HEAD":
        return
    if content == b"Invalid HTTP request received.":  # from uvicorn, for bytes that are not HTTP
        return
    shape = json.loads(content)
    if set(shape) != {"error", "status"} or shape["status"] != answer.status:
        raise Violation(f"status {answer.status} with another shape", content[:300])
