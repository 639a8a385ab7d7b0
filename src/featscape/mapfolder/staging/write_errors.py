"""Write files: report the system's refusals to write, and flush files to the disk."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Errors of the system that mean that a file or folder cannot be written, and that are no bug.
_CANNOT_WRITE = {
    errno.EACCES,
    errno.EBUSY,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.EPERM,
    errno.EROFS,
    errno.EXDEV,
}
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
# The errors of file systems that cannot flush a folder, and of a folder that cannot be listed.
_NO_FLUSH = {errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EBADF}


class WriteError(OSError):
    """The system refuses to write: the disk is full, or permission is missing.

    Attributes
    ----------
    rescue : callable or None
        Writes the files to keep. `replacement.staged` calls `rescue` after it has deleted the
        unfinished folder, so that the disk has room.
    target : str or None
        The name of the folder or file for the message; `replacement.staged` sets it.
    """

    rescue: Callable[[], object] | None = None
    target: str | None = None


@contextmanager
def writing() -> Iterator[None]:
    """Raise the system's refusal to write as a `WriteError`. Use this context for each write."""
    try:
        yield
    except OSError as error:
        # NumPy reports a short write only in the text of the error
        is_short = error.errno is None and _SHORT_WRITE.fullmatch(str(error))
        number = errno.ENOSPC if is_short else error.errno
        if number not in _CANNOT_WRITE:
            raise
        raise WriteError(number, os.strerror(number)) from error


def flush(path: Path) -> None:
    """Flush a file, or the list of names of a folder, to the disk.

    Parameters
    ----------
    path : Path
        Some file systems cannot flush a folder; the function then does nothing.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FLUSH or not path.is_dir():
            raise


def flush_below(folder: Path) -> None:
    """Flush all files and folders below `folder`, and `folder` itself, to the disk."""
    for path, _, names in os.walk(folder):
        for name in names:
            flush(Path(path, name))
        flush(Path(path))
