"""Records of one length in a file that is read forward, such as an array that is compressed."""

from __future__ import annotations

import threading
import weakref
import zipfile
import zlib
from typing import TYPE_CHECKING

from featscape.errors import ImageError
from featscape.images.files import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

_WINDOW_BYTES = 4 << 20
_PIECE_BYTES = 1 << 16  # so much at most is lost before the place where a file is cut


class RecordStream:
    """Records of one length, of which a window is in memory; usable from several threads.

    Reading onward costs what the file does; a step back in a compressed file begins it anew.

    Parameters
    ----------
    open_file : callable
        Returns the file; `seek` may be slow.
    start : int
        Where the first record begins.
    record_bytes : int
        The length of each.
    """

    def __init__(self, open_file: Callable[[], BinaryIO], *, start: int, record_bytes: int) -> None:
        self._open_file = open_file
        self._start = start
        self._record_bytes = record_bytes
        self._per_window = max(1, _WINDOW_BYTES // record_bytes)
        self._file: BinaryIO | None = None
        self._windows: dict[int, bytes] = {}  # the last two
        self._cut: tuple[int, str] | None = None  # the window that is not whole, and why
        self._lock = threading.Lock()

    def read(self, index: int) -> bytes:
        """Return record `index`; raises ImageError if the file ends or is damaged before it."""
        number, place = divmod(index, self._per_window)
        with self._lock:
            window = self._windows.get(number)
            if window is None and (self._cut is None or number <= self._cut[0]):
                window = self._read_window(number)
                kept = list(self._windows.items())[-1:]
                self._windows = dict([*kept, (number, window)])
            reason = "cut short" if self._cut is None else self._cut[1]
        start = place * self._record_bytes
        record = b"" if window is None else window[start : start + self._record_bytes]
        if len(record) < self._record_bytes:
            raise ImageError(reason)
        return record

    def _read_window(self, number: int) -> bytes:
        """Read one window, or what there is of it; called with the lock."""
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
            self._file = None  # it may stand anywhere now; `finalize` closes it
            is_system = isinstance(error, OSError) and error.errno is not None
            reason = reason_of(error) if is_system else f"cut short or damaged ({error})"  # type: ignore[arg-type]
            self._cut = (number, reason)
        return b"".join(pieces)
