"""Web servers on the loopback interface."""

import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """A web server that accepts many concurrent requests."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Ignore that a client closes a connection; report other errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(handler):
    """Run a web server in the block; yield its address without a slash at the end."""
    with Server(("127.0.0.1", 0), handler) as server:
        # shutdown waits until the thread has checked for its end
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    """A request handler whose subclasses define `respond`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.respond()

    def do_HEAD(self):
        self.respond()

    def do_POST(self):
        self.respond()

    def respond(self):
        raise NotImplementedError

    def send(self, status, content=b"", headers=()):
        """Send a response; `headers` contains (name, value) pairs."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(OSError):  # the client closes the connection
                self.wfile.write(content)

    def send_file(self, content, headers=()):
        """Send a file, or the part that the request asks for."""
        accepted = ("Accept-Ranges", "bytes")
        start, _, end = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not start:
            return self.send(200, content, [accepted, *headers])
        part = content[int(start) : int(end or len(content)) + 1]
        span = f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
        return self.send(206, part, [accepted, ("Content-Range", span), *headers])

    def send_endlessly(self, limit, count=lambda _n_bytes: None):
        """Send zeros until the client closes the connection; call `count` for each write."""
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        n_sent = 0
        with suppress(OSError):  # the client closes the connection
            while n_sent < limit:
                n_bytes = self.wfile.write(bytes(100_000))
                n_sent += n_bytes
                count(n_bytes)

    def log_message(self, *_):
        """Print nothing."""
