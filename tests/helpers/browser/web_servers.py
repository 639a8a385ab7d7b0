"""Web servers of static files: with and without range requests, and a slow web server."""

import http.server
import io
import re
import time
from pathlib import Path


class PlainFiles(http.server.SimpleHTTPRequestHandler):
    """A web server without range requests: each response is a whole file."""

    def log_message(self, *_):
        """Print nothing."""


class RangedFiles(PlainFiles):
    """A web server that supports range requests, like most web servers."""

    def send_head(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        file = Path(self.translate_path(self.path))
        if asked is None or not file.is_file():
            return super().send_head()
        content = file.read_bytes()
        start = int(asked[1])
        if start >= len(content):
            self.send_error(416)
            return None
        part = content[start : int(asked[2]) + 1 if asked[2] else None]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        return io.BytesIO(part)


class SlowFiles(RangedFiles):
    """A web server that needs half a second for each file of a map."""

    def send_head(self):
        if self.path.startswith("/data/"):
            time.sleep(0.5)
        return super().send_head()
