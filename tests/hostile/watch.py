"""What this process imports, opens and connects to, seen by an audit hook.

An audit event has no `dir_fd`. A relative path is therefore resolved in the current folder and in
every folder that is open (where /dev/fd exists). Openings by C and C++ libraries raise no event.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path

_DESCRIPTORS = Path("/dev/fd")

_EVENTS: list[str] | None = None  # an audit hook cannot be taken away again
_FORBIDDEN: tuple[str, ...] = ()
_INSTALLED: list[bool] = []


def _hook(event, arguments):
    if _EVENTS is None:
        return
    if event == "import" and "payload" in str(arguments[0]):
        _EVENTS.append(f"import of {arguments[0]}")
    elif event == "open" and isinstance(arguments[0], str | bytes):
        paths = _resolve(Path(os.fsdecode(arguments[0])), arguments[2])
        _EVENTS.extend(f"opening of {path}" for path in paths if path.startswith(_FORBIDDEN))
    elif event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        _EVENTS.append(f"{event} {arguments[:2]}")


def _resolve(path, flags):
    """Yield the files that an opening may read."""
    folders = [Path()]
    if not path.is_absolute() and _DESCRIPTORS.is_dir():
        folders += [folder for folder in _DESCRIPTORS.iterdir() if folder.is_dir()]
    for folder in folders:
        file = folder / path
        if not (flags & getattr(os, "O_NOFOLLOW", 0) and file.is_symlink()):  # would fail
            yield os.path.realpath(file)


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
