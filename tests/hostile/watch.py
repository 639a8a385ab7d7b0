"""What this process imports, opens and connects to, seen by an audit hook."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

_EVENTS: list[str] | None = None  # an audit hook cannot be taken away again
_FORBIDDEN: tuple[str, ...] = ()
_INSTALLED: list[bool] = []


def _hook(event, arguments):
    if _EVENTS is None:
        return
    if event == "import" and "payload" in str(arguments[0]):
        _EVENTS.append(f"import of {arguments[0]}")
    elif event == "open" and isinstance(arguments[0], str | bytes):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith(_FORBIDDEN):
            _EVENTS.append(f"opening of {path}")
    elif event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        _EVENTS.append(f"{event} {arguments[:2]}")


@contextmanager
def watching(*forbidden):
    """Yield the list of what happens in the block: it stays empty for a program that is safe.

    Imports of payloads, connections, processes, and files opened below the paths `forbidden`.
    """
    global _EVENTS, _FORBIDDEN  # noqa: PLW0603 - the hook stays for ever
    if not _INSTALLED:
        sys.addaudithook(_hook)
        _INSTALLED.append(True)
    _FORBIDDEN = tuple(map(str, forbidden))
    _EVENTS = []
    try:
        yield _EVENTS
    finally:
        _EVENTS = None
