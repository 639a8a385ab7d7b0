"""Open only regular files: reading a device, a pipe or a file of /proc may never end."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import stat
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from io import BufferedReader

NOT_REGULAR = "not a regular file"


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading; refuse every other kind without reading.

    The kind is checked before the file is opened, because opening a device can have effects. The
    kind is checked again on the open file, because another file may have taken the name. The file
    is opened without blocking, so that a pipe cannot block the caller.

    Parameters
    ----------
    path : path
        Links are followed.

    Returns
    -------
    binary file
        Buffered, positioned at its beginning. ``os.fstat`` returns its size.

    Raises
    ------
    OSError
        If the file cannot be opened. The reason is `NOT_REGULAR` for a device, a pipe, a socket
        or a file of /proc.
    """
    check_regular(os.stat(path), path)  # noqa: PTH116 - `path` may be a str, and this is a hot path
    file = open(path, "rb", opener=_open_without_blocking)  # noqa: SIM115 - returned
    try:
        check_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def hash_file(path: Path) -> str:
    """Return the SHA-256 of the file at `path` as hexadecimal digits; may raise OSError."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_once(path: Path) -> str:
    """Return `hash_file`; a large file that has not changed is read once per process."""
    facts = path.stat()
    return _hash_unchanged(
        path, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
    )


@cache
def _hash_unchanged(path: Path, *_facts: int) -> str:
    return hash_file(path)


def check_regular(facts: os.stat_result, path: str | os.PathLike[str]) -> None:
    """Raise OSError unless `facts` describe a regular file on a disk.

    Files of /proc claim to be regular files, but reading some of them blocks or never ends.
    """
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(facts.st_mode) or facts.st_dev == _proc_device():
        raise OSError(errno.EINVAL, NOT_REGULAR, os.fspath(path))


def describe_os_error(error: OSError) -> str:
    """Return the reason why a file cannot be read, without the file's name."""
    if isinstance(error, PermissionError):
        return "no permission to read"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError) or error.strerror == NOT_REGULAR:
        return NOT_REGULAR
    return f"cannot be read: {error.strerror or error}"


def _open_without_blocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has no such flag


@cache
def _proc_device() -> int | None:
    """Return the device number of /proc; None on systems that have no /proc."""
    try:
        return Path("/proc/self/stat").stat().st_dev
    except OSError:
        return None


def map_stream(file: BinaryIO) -> mmap.mmap | bytes:
    """Map an open file into memory; the mapping stays valid after the file is closed.

    Parameters
    ----------
    file : binary file
    """
    if os.fstat(file.fileno()).st_size == 0:  # an empty file cannot be mapped
        return b""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
