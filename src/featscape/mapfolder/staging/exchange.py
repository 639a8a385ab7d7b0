"""Exchange the names of two folders in one step, if the system has such an operation."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Both from the system's headers: fcntl.h and linux/fs.h (Linux), sys/stdio.h (macOS).
_AT_FDCWD = -100
_RENAME_EXCHANGE = _RENAME_SWAP = 2

# Errors of systems and file systems without an exchange: NFS, FAT, an old kernel, a sandbox.
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names. At every moment there is a folder at both names.

    Parameters
    ----------
    one, other : Path
        Existing paths on the same file system.

    Returns
    -------
    bool
        False if the system or the file system has no exchange; nothing is changed then.

    Raises
    ------
    OSError
        If the system refuses the exchange for another reason.
    """
    call = _find_call()
    if call is None:
        return False
    sys.audit("os.rename", str(one), str(other), -1, -1)  # the event that `os.rename` raises
    if call(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@cache
def _find_call() -> Callable[[bytes, bytes], int] | None:
    """Return the function of the C library for the exchange; None if there is none."""
    if sys.platform not in {"linux", "darwin"}:
        return None
    library = ctypes.CDLL(None, use_errno=True)
    try:
        if sys.platform == "darwin":
            swap = library.renamex_np
            swap.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint)
            return lambda one, other: int(swap(one, other, _RENAME_SWAP))
        rename = library.renameat2
    except AttributeError:  # an older C library
        return None
    path = ctypes.c_char_p
    rename.argtypes = (ctypes.c_int, path, ctypes.c_int, path, ctypes.c_uint)
    return lambda one, other: int(rename(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE))
