"""Fixed-size records in a file that is read forward, such as a compressed array."""

from __future__ import annotations

import threading
import weakref
import zipfile
import zlib
from typing import TYPE_CHECKING

from featscape.errors import ImageError
from featscape.files.regular import describe_os_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

_WINDOW_BYTES = 4 << 20
_PIECE_BYTES = 1 << 16  # the maximum number of bytes lost before the point of damage


class RecordStream:
    """Fixed-size records, of which two windows are kept in memory; thread-safe.

    Reading forward takes as long as reading the file. A step back in a compressed file reads the
    file again from the start.

    Parameters
    ----------
    open_file : callable
        Returns the file, whose `seek` may be slow.
    start : int
        The position of the first record in the file, in bytes.
    record_bytes : int
        The size of a record.
    """

    def __init__(self, open_file: Callable[[], BinaryIO], *, start: int, record_bytes: int) -> None:
        self._open_file = open_file
        self._start = start
        self._record_bytes = record_bytes
        self._per_window = max(1, _WINDOW_BYTES // record_bytes)
        self._file: BinaryIO | None = None
        self._windows: dict[int, bytes] = {}  # the last two windows, by number
        self._damage: tuple[int, str] | None = None  # the first incomplete window, and the reason
        self._lock = threading.Lock()

    def read(self, index: int) -> bytes:
        """Return record `index`; raises ImageError if the file is truncated or damaged before."""
        number, offset = divmod(index, self._per_window)
        with self._lock:
            window = self._windows.get(number)
            if window is None and (self._damage is None or number <= self._damage[0]):
                window = self._read_window(number)
                previous = list(self._windows.items())[-1:]
                self._windows = dict([*previous, (number, window)])
            reason = "truncated" if self._damage is None else self._damage[1]
        start = offset * self._record_bytes
        record = b"" if window is None else window[start : start + self._record_bytes]
        if len(record) < self._record_bytes:
            raise ImageError(reason)
        return record

    def _read_window(self, number: int) -> bytes:
        """Read a window as far as possible; the caller holds the lock."""
        pieces: list[bytes] = []
        missing = self._per_window * self._record_bytes
        try:
            if self._file is None:
                self._file = self._open_file()
                weakref.finalize(self, self._file.close)
            self._file.seek(self._start + number * missing)
            while missing:
                piece = self._file.read(min(_PIECE_BYTES, missing))
                if not piece:
                    break
                pieces.append(piece)
                missing -= len(piece)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            self._file = None  # the position is now undefined; `finalize` closes the file
            if isinstance(error, OSError) and error.errno is not None:
                reason = describe_os_error(error)
            else:
                reason = f"truncated or damaged ({error})"
            self._damage = (number, reason)
        return b"".join(pieces)
