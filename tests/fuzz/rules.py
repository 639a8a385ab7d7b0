"""The rules of one try: no file outside the workspace, no connection beyond this machine, no crash.

A Python audit hook sees what Python code opens, changes, runs and connects to. Native code that
opens files itself (Arrow's Parquet reader) is not seen.
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

OWN = {"featscape", "meshtsne"}  # the project's packages
EXECUTED = "fuzz.executed"  # the event that Python code within an input raises if it is run

# Files beside Python's own that libraries read: MIME types, time zones, certificates, fonts.
_SYSTEM = (
    *("/usr/", "/lib/", "/lib64/", "/proc/", "/sys/", "/dev/null", "/dev/urandom"),
    *("/etc/mime.types", "/etc/localtime", "/etc/timezone", "/etc/ssl/", "/etc/fonts/"),
    *("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/httpd/"),
)
_RUNS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
_CHANGES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CRASH = re.compile(
    rb"Traceback|Fatal Python error|terminate called|free\(\)|malloc|corrupted|double free"
    rb"|[Aa]ssertion|Sanitizer|runtime error|Exception ignored|stack smashing"
)


class Violation(Exception):  # noqa: N818 - the rule's word
    """A rule was broken.

    Parameters
    ----------
    rule : str
        The same for all inputs that break the rule alike.
    details : object
        What differs from input to input.
    """

    def __init__(self, rule: str, details: object = "") -> None:
        super().__init__(rule, details)
        self.rule = rule


class Rules:
    """What one process watches while it checks an input.

    Attributes
    ----------
    input_names_places : bool
        Whether the input may lawfully name files and hosts, as a table of paths does. A
        connection is stopped all the same.
    named_folder : str or None
        A folder that may be read, since the input names it as its source.
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
        self._is_armed = False
        self._broken: list[tuple[str, object]] = []

    @staticmethod
    def _python_folders() -> list[str]:
        folders = [sys.prefix, sys.base_prefix, *site.getsitepackages(), *filter(None, sys.path)]
        folders += filter(None, [os.environ.get("MPLCONFIGDIR")])  # matplotlib's list of fonts
        return [folder for folder in folders if os.path.realpath(folder) != "/"]

    def install(self) -> None:
        """Watch this process from now on, and its errors that no caller sees."""
        sys.addaudithook(self._watch)
        sys.unraisablehook = lambda error: self.break_("an unraisable error", error.exc_value)
        threading.excepthook = lambda error: self.break_("a thread ended", error.exc_value)

    def break_(self, rule: str, details: object = "") -> None:
        """Note that a rule was broken."""
        self._broken.append((rule, details))

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Hold what is done in this block to the rules; raise `Violation` at its end."""
        self._broken.clear()
        self._is_armed = True
        try:
            yield
        except BaseException as error:
            self._is_armed = False
            self._raise_broken(error)
            raise
        self._is_armed = False
        self._raise_broken(None)

    def _raise_broken(self, error: BaseException | None) -> None:
        """Raise `Violation` if a rule was broken, whatever error followed from that."""
        self._look_at_stderr()
        if self._broken:
            raise Violation(*self._broken[0]) from error

    def _look_at_stderr(self) -> None:
        """Note a crash that native code printed, and empty the file that stderr is."""
        n_bytes = os.fstat(2).st_size
        if n_bytes:
            printed = os.pread(2, n_bytes, 0)
            if _CRASH.search(printed):
                self.break_("printed on stderr", printed[:2000].decode(errors="replace"))
            os.ftruncate(2, 0)

    def _watch(self, event: str, args: tuple[Any, ...]) -> None:
        """Take one audit event; raise PermissionError to stop what breaks a rule."""
        if not self._is_armed:
            return
        if event == "open":
            self._watch_open(*args)
        elif event in ("socket.connect", "socket.getaddrinfo"):
            address = args[1] if event == "socket.connect" else args[0]
            self._watch_host(address[0] if isinstance(address, tuple) else address)
        elif event in _CHANGES:
            self._watch_change(event, args)
        elif event in _RUNS or event == EXECUTED:
            self._stop(f"it ran {event}", repr(args)[:300])

    def _watch_open(self, path: Any, mode: Any, flags: Any) -> None:
        if not isinstance(path, str | bytes) or self._is_inside(path):
            return
        is_written = bool(flags & _WRITES) if isinstance(flags, int) else mode not in ("r", "rb")
        if is_written or not self.input_names_places:
            self._stop("opened a file outside of the workspace", (path, mode, flags))

    def _watch_change(self, event: str, args: tuple[Any, ...]) -> None:
        path = args[0]
        if isinstance(path, str | bytes) and not _real(path).startswith(self._workspace):
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

    def _is_inside(self, path: str | bytes) -> bool:
        roots = self._roots
        if self.named_folder:
            roots += (_real(self.named_folder).rstrip(os.sep) + os.sep,)
        return (_real(path) + os.sep).startswith(roots)

    def _stop(self, rule: str, details: object) -> None:
        """Note a broken rule with the line of featscape that led there, and stop what it does."""
        place = own_line(frame for frame, _ in traceback.walk_stack(sys._getframe(1)))
        self.break_(f"{rule}{place}", details)
        raise PermissionError(errno.EACCES, "stopped by the rules of the fuzzing program")


def _real(path: str | bytes) -> str:
    """Return a path without links; as it is where no file can have it as its name."""
    try:
        return os.path.realpath(os.fsdecode(path))
    except ValueError:  # a null character, or one that no file system can encode
        return os.fsdecode(path)


def own_line(frames: Iterable[FrameType]) -> str:
    """Return " at FILE:LINE" of the first frame that is the project's own, or nothing."""
    for frame in frames:
        path = Path(frame.f_code.co_filename)
        if not OWN.isdisjoint(path.parts):
            return f" at {path.name}:{frame.f_lineno}"
    return ""
