"""The rules of one try: no file outside the workspace, no connection to another machine, no crash.

The rules use the events in `audit`. Files that native code opens (Arrow's Parquet reader) cause no
event.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import site
import sys
import threading
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.audit import (
    CONNECTION_EVENTS,
    EXECUTED,
    PROCESS_EVENTS,
    possible_files,
    watched_by,
    without_links,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

OWN = {"featscape", "meshtsne"}  # the project's packages

# Files of the system that libraries read: MIME types, time zones, certificates, fonts.
_SYSTEM = (
    *("/usr/", "/lib/", "/lib64/", "/proc/", "/sys/", "/dev/null", "/dev/urandom"),
    *("/etc/mime.types", "/etc/localtime", "/etc/timezone", "/etc/ssl/", "/etc/fonts/"),
    *("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/httpd/"),
)
_CHANGES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CRASH = re.compile(
    rb"Traceback|Fatal Python error|terminate called|free\(\)|malloc|corrupted|double free"
    rb"|[Aa]ssertion|Sanitizer|runtime error|Exception ignored|stack smashing"
)


class Violation(Exception):  # noqa: N818 - the exception is a violation of a rule
    """A violation of a rule.

    Parameters
    ----------
    rule : str
        The rule, without details of the input. Violations of one kind have the same text.
    details : object
        Details of the input.
    """

    def __init__(self, rule: str, details: object = "") -> None:
        super().__init__(rule, details)
        self.rule = rule


class Rules:
    """Checks the rules in one process, while the process handles an input.

    Attributes
    ----------
    input_names_places : bool
        Whether the input may name files and hosts, as a table of paths does. Connections are
        stopped in any case.
    named_folder : str or None
        A folder that may be read, because the input names the folder as its source.
    """

    def __init__(self, workspace: Path) -> None:
        self.input_names_places = False
        self.named_folder: str | None = None
        self._workspace = os.path.realpath(workspace)
        self._roots = tuple(
            {
                *(os.path.realpath(path) + os.sep for path in self._python_folders()),
                *(self._workspace + os.sep, *_SYSTEM),
            }
        )
        self._broken: list[tuple[str, object]] = []

    @staticmethod
    def _python_folders() -> list[str]:
        folders = [sys.prefix, sys.base_prefix, *site.getsitepackages(), *filter(None, sys.path)]
        folders += filter(None, [os.environ.get("MPLCONFIGDIR")])  # matplotlib's list of fonts
        return [folder for folder in folders if os.path.realpath(folder) != "/"]

    def watch_threads(self) -> None:
        """Treat exceptions in threads and in destructors as violations."""
        sys.unraisablehook = lambda error: self.break_("an unraisable error", error.exc_value)
        threading.excepthook = lambda error: self.break_("a thread ended", error.exc_value)

    def break_(self, rule: str, details: object = "") -> None:
        """Store a violation."""
        self._broken.append((rule, details))

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Check the rules in the block; raise the first violation at its end."""
        self._broken.clear()
        try:
            with watched_by(self._watch):
                yield
        except BaseException as error:
            self._raise_broken(error)
            raise
        self._raise_broken(None)

    def _raise_broken(self, error: BaseException | None) -> None:
        """Raise the first violation, if any; `error` is then its cause."""
        self._check_stderr()
        if self._broken:
            raise Violation(*self._broken[0]) from error

    def _check_stderr(self) -> None:
        """Store a violation if native code printed a crash; empty the file of stderr."""
        n_bytes = os.fstat(2).st_size
        if n_bytes:
            printed = os.pread(2, n_bytes, 0)
            if _CRASH.search(printed):
                self.break_("printed on stderr", printed[:2000].decode(errors="replace"))
            os.ftruncate(2, 0)

    def _watch(self, event: str, args: tuple[Any, ...]) -> None:
        """Check one audit event; raise PermissionError to stop a forbidden operation."""
        if event == "open":
            self._watch_open(*args)
        elif event in CONNECTION_EVENTS:
            address = args[1] if event == "socket.connect" else args[0]
            self._watch_host(address[0] if isinstance(address, tuple) else address)
        elif event in _CHANGES:
            self._watch_change(event, args)
        elif event in PROCESS_EVENTS or event == EXECUTED:
            self._stop(f"it ran {event}", repr(args)[:300])

    def _watch_open(self, path: Any, mode: Any, flags: Any) -> None:
        if not isinstance(path, str | bytes):
            return
        if all(self._is_inside(file) for file in possible_files(path, flags)):
            return
        is_written = bool(flags & _WRITES) if isinstance(flags, int) else mode not in ("r", "rb")
        if is_written or not self.input_names_places:
            self._stop("opened a file outside of the workspace", (path, mode, flags))

    def _watch_change(self, event: str, args: tuple[Any, ...]) -> None:
        path = args[0]
        if not isinstance(path, str | bytes):
            return
        if not without_links(path).startswith(self._workspace):
            self._stop(f"{event} outside of the workspace", path)

    def _watch_host(self, host: Any) -> None:
        text = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
        try:
            is_here = ipaddress.ip_address(text).is_loopback
        except ValueError:
            is_here = text == "localhost"
        if is_here:
            return
        if self.input_names_places:
            raise PermissionError(errno.EACCES, "no connection leaves this machine")
        self._stop("a connection beyond this machine", text)

    def _is_inside(self, file: str) -> bool:
        roots = self._roots
        if self.named_folder:
            roots += (without_links(self.named_folder).rstrip(os.sep) + os.sep,)
        return (file + os.sep).startswith(roots)

    def _stop(self, rule: str, details: object) -> None:
        """Store a violation, with the line of the project that caused it; stop the operation."""
        place = own_line(frame for frame, _ in traceback.walk_stack(sys._getframe(1)))
        self.break_(f"{rule}{place}", details)
        raise PermissionError(errno.EACCES, "stopped by the rules of the fuzzing program")


def own_line(frames: Iterable[FrameType]) -> str:
    """Return " at FILE:LINE" of the first frame in the project's packages, or an empty string."""
    for frame in frames:
        path = Path(frame.f_code.co_filename)
        if not OWN.isdisjoint(path.parts):
            return f" at {path.name}:{frame.f_lineno}"
    return ""
