"""The command behind a reverse proxy, with the public address and a fixed token."""

import http.client
import os
import socket
import subprocess
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

RUN = "from featscape.cli import main; main()"
PUBLIC = "http://maps.example:8080"
TOKEN = "a-fixed-token-of-the-proxy"


class Proxy(BaseHTTPRequestHandler):
    """Forwards requests; `server.host` replaces the Host header, as nginx does by default."""

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = dict(self.headers) | ({"Host": self.server.host} if self.server.host else {})
        answer, content = send(self.server.upstream, self.command, self.path, body, headers)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *args):
        """Print nothing."""


@pytest.fixture
def served(digits):
    """The port of featscape serve with a public address, and the line that it printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--no-browser", "--public-url", PUBLIC]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "serve", str(digits.folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"FEATSCAPE_TOKEN": TOKEN},
    )
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield port, line
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("keeps_host", [True, False])
def test_a_browser_uses_the_page_through_a_proxy(served, keeps_host):
    port, line = served
    assert f"at {PUBLIC}/ (press Ctrl-C to stop)" in line
    assert TOKEN not in line
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.upstream, proxy.host = port, None if keeps_host else f"127.0.0.1:{port}"
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            use_the_page(proxy.server_address[1])
        finally:
            proxy.shutdown()


def send(port, method, path, body, headers):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer, answer.read()


def use_the_page(port):
    def ask(method, path, body=None, **headers):
        return send(port, method, path, body, {"Host": "maps.example:8080"} | headers)

    assert ask("GET", "/")[0].status == 401
    answer, page = ask("GET", f"/?token={TOKEN}")
    assert (answer.status, b'id="featscape"' in page) == (200, True)
    cookie = answer.getheader("set-cookie").split(";")[0]
    search = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    for origin, status in ((PUBLIC, 200), ("http://evil.example", 403)):
        sent = search | {"Origin": origin, "Cookie": cookie}
        assert ask("POST", "/api/search", b'{"text": "7"}', **sent)[0].status == status
    assert ask("GET", "/data/positions.bin", Cookie=cookie)[0].status == 200
