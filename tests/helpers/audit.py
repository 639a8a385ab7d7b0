"""Reports the files that Python code opens, its connections and its processes to watchers.

The events are listed on docs.python.org/3/library/audit_events.html. Files that C and C++ libraries
open cause no event.
"""

import os
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

# The events of a new process.
PROCESS_EVENTS = {
    *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"),
    *("pty.spawn", "subprocess.Popen"),
}
CONNECTION_EVENTS = {"socket.connect", "socket.getaddrinfo"}
EXECUTED = "tests.executed"
# A module in a hostile input. Its import raises the event EXECUTED.
PAYLOAD = f"import sys\nsys.audit({EXECUTED!r}, 'payload.py')\ndef net(): ...\n"

WATCHERS = []  # functions of an event's name and its arguments
_OPEN_FOLDERS = "/dev/fd"
_HAS_OPEN_FOLDERS = Path(_OPEN_FOLDERS).is_dir()


def _report(event, arguments):
    for watcher in WATCHERS:
        watcher(event, arguments)


sys.addaudithook(_report)  # Python cannot remove an audit hook


@contextmanager
def watched_by(watcher):
    """Call `watcher(event, arguments)` for each event in the block.

    An exception of the watcher stops the operation of the event.
    """
    WATCHERS.append(watcher)
    try:
        yield
    finally:
        WATCHERS.remove(watcher)


def possible_files(path, flags):
    """Yield the absolute paths, without links, of the files that the event "open" may mean.

    The event does not contain `dir_fd`. A relative path may therefore refer to the current folder
    or to any open folder of this process.
    """
    path = os.fsdecode(path)
    yield without_links(path)
    if path.startswith(os.sep) or not _HAS_OPEN_FOLDERS:
        return
    flags = flags if isinstance(flags, int) else 0
    for number in os.listdir(_OPEN_FOLDERS):  # noqa: PTH208 - much faster, for each opened file
        with suppress(OSError, ValueError):  # a closed folder, or a path that no file can have
            if not stat.S_ISDIR(os.fstat(int(number)).st_mode):
                continue
            file = f"{_OPEN_FOLDERS}/{number}/{path}"
            is_refused = flags & getattr(os, "O_NOFOLLOW", 0) and os.path.islink(file)  # noqa: PTH114
            if not is_refused and (flags & os.O_CREAT or os.path.lexists(file)):
                yield without_links(file)


def without_links(path):
    """Return the real path, or the same path if no file can have this path."""
    try:
        return os.path.realpath(path)
    except ValueError:  # a null character, or a character that no file system can encode
        return os.fsdecode(path)


@contextmanager
def recorded_events(*forbidden):
    """Yield a list that collects forbidden operations in the block.

    Forbidden are the execution of PAYLOAD, connections, new processes, and files opened in the
    folders `forbidden`.
    """
    events = []

    def record(event, arguments):
        if event == "open" and isinstance(arguments[0], str | bytes):
            files = possible_files(arguments[0], arguments[2])
            events.extend(f"open {file}" for file in files if file.startswith(forbidden))
        elif event in PROCESS_EVENTS | CONNECTION_EVENTS or event == EXECUTED:
            events.append(f"{event} {arguments[:2]}")

    forbidden = tuple(map(str, forbidden))
    with watched_by(record):
        yield events
