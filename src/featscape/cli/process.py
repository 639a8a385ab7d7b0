"""Handle the signals that end a command, and output streams that cannot be written."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from featscape.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
_AGAIN_S = 0.01
_ENDING_S = 3.0  # time after the first signal during which further signals are ignored


class EndingSignals:
    """Stop the command at the first signal, like Ctrl-C.

    Signals often come twice, from the terminal and from a parent process. A second signal within
    three seconds is ignored, so that the command can save its work. A later signal ends the process
    immediately; the next run continues from the saved work.

    Attributes
    ----------
    received : int or None
        The first signal.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._received_at = 0.0
        self._is_done = False
        self._is_lost = False
        self._report: Callable[[sys.UnraisableHookArgs], Any] | None = None

    def install(self) -> None:
        """Handle the signals, except those that this process ignores, for example with nohup."""
        if threading.current_thread() is not threading.main_thread():
            return  # Python allows handlers in the main thread only
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

        self._report = sys.unraisablehook
        sys.unraisablehook = self._raise_again

    def finish(self) -> None:
        """End the process silently at the next signal, because the command is finished."""
        self._is_done = True
        if self._report is not None:
            sys.unraisablehook = self._report

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if (self.received is None or self._is_lost) and not self._is_done:
            self.received, self._received_at = number, time.monotonic()
            self._is_lost = False
            raise KeyboardInterrupt
        if self.received is None or time.monotonic() - self._received_at > _ENDING_S:
            os._exit(128 + number)

    def _raise_again(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Raise the KeyboardInterrupt again that Python ignores in a destructor or a callback."""
        if unraisable.exc_type is not KeyboardInterrupt or self.received is None:
            if self._report is not None:
                self._report(unraisable)
            return
        self._is_lost = True
        # later, when the destructor has returned
        timer = threading.Timer(_AGAIN_S, _thread.interrupt_main, [self.received])
        timer.daemon = True
        timer.start()


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
        """Write the buffered text."""
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
    """The standard error. Text that cannot be written is dropped.

    A full disk with the log, or a closed terminal, must not end a run of hours.
    """

    def _handle(self, error: OSError) -> None:
        pass


class ResultStream(_Stream):
    """The standard output. Text that cannot be written is an error, because a result is missing.

    Raises
    ------
    InputError
        If the system refuses to write.
    BrokenPipeError
        If the reader has closed the pipe, like ``head``.
    """

    def _handle(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise error
        raise InputError(
            f"cannot write to the standard output: {error.strerror}. "
            "Make room or choose another folder for the output."
        ) from error


def drain(stream: TextIO) -> None:
    """Drop the buffered text of a stream, which Python would write again at the exit."""
    with suppress(OSError):  # a stream without a descriptor has no buffered text
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
    """Open standard streams that are closed (``>&-``) on the null device.

    Otherwise the next open file would get the number of the stream, and the output of a library
    would be written into this file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is `descriptor`
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the exit
