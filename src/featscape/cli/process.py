"""The process around a command: signals that end it, and screens that cannot be written."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from featscape.errors import InputError

if TYPE_CHECKING:
    from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
_ENDING_S = 3.0  # how long a command that was stopped may take before a signal ends it at once


class EndingSignals:
    """Stops the command at the first signal that asks for it, as Ctrl-C does.

    Signals often come twice, from the terminal and from a parent process. A second signal within
    three seconds is ignored, so that it does not disturb what the first has begun: the work is
    being saved. A later signal ends the process at once; the next run continues from what is saved.

    Attributes
    ----------
    received : int or None
        The first signal.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._received_at = 0.0
        self._is_done = False

    def install(self) -> None:
        """Handle the signals, except those that this process is to ignore, as with nohup."""
        if threading.current_thread() is not threading.main_thread():
            return  # Python allows handlers in the main thread only
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def finish(self) -> None:
        """End the process silently at a signal from now on: the command has nothing left to do."""
        self._is_done = True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is None and not self._is_done:
            self.received, self._received_at = number, time.monotonic()
            raise KeyboardInterrupt
        if self.received is None or time.monotonic() - self._received_at > _ENDING_S:
            os._exit(128 + number)


class _Stream:
    """A text stream whose errors are handled by `_handle`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text."""
        try:
            return self._stream.write(text)
        except OSError as error:
            drain(self._stream)
            self._handle(error)
            return len(text)

    def flush(self) -> None:
        """Write what the stream holds."""
        try:
            self._stream.flush()
        except OSError as error:
            drain(self._stream)
            self._handle(error)

    def _handle(self, error: OSError) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class LenientStream(_Stream):
    """The standard error: what cannot be written is dropped.

    The disk of a log may be full, or the terminal gone; neither may end a run of hours.
    """

    def _handle(self, error: OSError) -> None:
        pass


class ResultStream(_Stream):
    """The standard output: what cannot be written is an error, since a result is missing then.

    Raises
    ------
    InputError
        Where the system refuses to write.
    BrokenPipeError
        Where the reader has seen enough, as ``head`` does.
    """

    def _handle(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise error
        raise InputError(
            f"cannot write to the standard output: {error.strerror}. "
            "Make room or choose another place for the output."
        ) from error


def drain(stream: TextIO) -> None:
    """Drop what a stream holds and cannot write: Python would try again at the process's end."""
    with suppress(OSError):  # the stream has no descriptor, and holds nothing then
        descriptor = stream.fileno()
        kept, nowhere = os.dup(descriptor), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, descriptor)
            stream.flush()
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)
            os.close(nowhere)


def open_closed_streams() -> None:
    """Lead standard streams that are closed (``>&-``) to nowhere.

    Otherwise the next file that is opened gets the number of the stream, and what a library prints
    is written into that file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - stays open
