"""Connections and signals of a real server on the loopback interface."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest

SERVER = """
import os, resource, sys
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from featscape.app.server import connections
from featscape.app.server.service import listen, make_server

connections.HEAD_S, connections.READ_S = float(sys.argv[1]), float(sys.argv[2])
most_files = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))

async def stream():
    for _ in range(200):
        yield bytes(100_000)

async def answer(scope, receive, send):
    if scope["path"] == "/large":
        return await PlainTextResponse(bytes(20_000_000))(scope, receive, send)
    if scope["path"] == "/stream":
        return await StreamingResponse(stream())(scope, receive, send)
    n_bytes = len(await Request(scope, receive).body())
    await PlainTextResponse(f"{n_bytes} bytes")(scope, receive, send)

with listen("127.0.0.1", 0) as listening:
    server = make_server(answer)
    with server.ended_by_signals():
        print(listening.getsockname()[1], flush=True)
        server.run(sockets=[listening])
        print("returned", flush=True)
        os._exit(0)  # a later signal would end the process by its default handler
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nHost: loc"
UPLOAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def start():
    """Return a function that starts a server and returns its process and port."""
    running = []

    def begin(*, head_s=20.0, read_s=20.0, most_files=256):
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(head_s), str(read_s), str(most_files)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return process, int(line)

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def connect(port, content):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(content)
    return connection


def ask(port):
    with connect(port, REQUEST) as connection:
        return connection.recv(1000).partition(b"\r\n")[0]


def end(process, *signals):
    for one in signals:
        process.send_signal(one)
        time.sleep(0.05)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


async def visit(port, *, n_requests):
    """Send several requests on one connection, and check each response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(n_requests):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(7) == b"0 bytes"
        await asyncio.sleep(0.1)
    writer.close()


def test_100_clients_are_answered_despite_silent_connections(start):
    process, port = start(head_s=300, most_files=256)

    async def visit_at_once():
        # usually 1 s; the server ends the silent connections after 300 s
        async with asyncio.timeout(30):
            await asyncio.gather(*(visit(port, n_requests=5) for _ in range(100)))

    silent = [connect(port, HALF) for _ in range(300)]
    asyncio.run(visit_at_once())
    for connection in silent:
        connection.close()
    assert end(process, signal.SIGINT) == (0, "returned\n", "")


def test_missing_headers_close_the_connection(start):
    _, port = start(head_s=0.5)
    began = time.perf_counter()
    with connect(port, HALF) as connection:
        for _ in range(3):
            time.sleep(0.1)
            connection.sendall(b"a")  # more bytes do not extend the limit
        assert connection.recv(1) == b""
    assert 0.4 < time.perf_counter() - began < 5


def read_slowly(connection, *, n_pieces):
    """Read pieces with pauses, then the rest; return the number of bytes."""
    n_bytes = 0
    for _ in range(n_pieces):
        n_bytes += len(connection.recv(100_000))
        time.sleep(0.1)
    with suppress(ConnectionResetError):
        while content := connection.recv(1_000_000):
            n_bytes += len(content)
    return n_bytes


@pytest.mark.parametrize("path", ["large", "stream"])
def test_a_client_that_reads_nothing_is_disconnected(start, path):
    process, port = start(read_s=0.5)
    request = f"GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with connect(port, request) as connection:
        time.sleep(2)
        assert read_slowly(connection, n_pieces=0) < 20_000_000
    assert ask(port) == b"HTTP/1.1 200 OK"
    assert end(process, signal.SIGINT) == (0, "returned\n", "")


@pytest.mark.parametrize("path", ["large", "stream"])
def test_a_client_that_reads_slowly_receives_the_whole_response(start, path):
    _, port = start(read_s=0.5)
    request = f"GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with connect(port, request) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        assert read_slowly(connection, n_pieces=15) > 20_000_000


def test_a_slow_request_is_answered(start):
    _, port = start()
    with connect(port, HALF) as connection:
        time.sleep(0.2)
        connection.sendall(b"alhost\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_disconnect_during_an_upload_prints_nothing(start):
    process, port = start()
    for _ in range(3):
        connect(port, UPLOAD + b"Content-Length: 1000\r\n\r\nabc").close()
    assert ask(port) == b"HTTP/1.1 200 OK"
    assert end(process, signal.SIGINT) == (0, "returned\n", "")


def test_a_body_that_is_not_http_prints_nothing(start):
    process, port = start()
    for sent in (b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", b"Content-Length: x\r\n\r\n"):
        with connect(port, UPLOAD + sent) as connection:
            connection.recv(1000)
    assert ask(port) == b"HTTP/1.1 200 OK"
    assert end(process, signal.SIGINT) == (0, "returned\n", "")


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGTERM],
        [signal.SIGHUP],
        [signal.SIGINT, signal.SIGINT],
        [signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    ],
    ids=["TERM", "HUP", "INT INT", "INT TERM HUP"],
)
def test_signals_end_the_server_without_output(start, signals):
    process, port = start()
    with connect(port, HALF):
        assert end(process, *signals) == (0, "returned\n", "")
