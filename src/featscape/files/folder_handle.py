"""Read files of a folder without following links.

A map folder may come from an untrusted source. A link in the folder could lead to any file of this
machine, and a pipe or a device could block a reader forever. `FolderHandle` therefore opens only
regular files, relative to a descriptor of the folder. The descriptor also keeps the files of one
map together, because the descriptor follows the folder when another map takes the name.
"""

from __future__ import annotations

import errno
import os
import stat
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

# Windows has no descriptors of folders, so files are opened by their path.
_HAS_DESCRIPTORS = {os.open, os.stat} <= os.supports_dir_fd and hasattr(os, "O_DIRECTORY")

# O_PATH needs no permission to list the folder; systems without O_PATH need O_RDONLY.
_FOLDER_FLAGS: int = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", os.O_RDONLY)
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)

# Changes when a file is replaced or written to.
Identity = tuple[int, int, int, int]


class FolderHandle:
    """An open folder. The descriptor is closed with the last reference.

    Parameters
    ----------
    path : str or Path
        Links in this path are followed.

    Attributes
    ----------
    path : Path
        The path for messages.

    Raises
    ------
    OSError
        If there is no such folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._open_descriptor(path, None, 0)

    def __fspath__(self) -> str:
        return str(self.path)

    @classmethod
    def of(cls, folder: str | Path | FolderHandle) -> FolderHandle:
        """Return `folder` if it is an open folder; open the folder otherwise."""
        return folder if isinstance(folder, FolderHandle) else cls(folder)

    def folder(self, name: str) -> FolderHandle:
        """Open a folder in this folder.

        Raises
        ------
        OSError
            If the folder is missing or a link, or if `name` leads out of this folder.
        """
        facts = self._examine(name)
        if not stat.S_ISDIR(facts.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", str(self.path / name))
        inner = object.__new__(FolderHandle)
        inner.path = self.path / name
        where = name if self._descriptor is not None else str(inner.path)
        inner._open_descriptor(where, self._descriptor, _NO_FOLLOW)
        return inner

    def open(self, name: str) -> BinaryIO:
        """Open a file in this folder for reading.

        Raises
        ------
        OSError
            If the file is missing, a link, or not a regular file, or if `name` leads out of this
            folder. `strerror` is the reason.
        """
        path = str(self.path / name)
        facts = self._examine(name)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)

        def opener(path: str, flags: int) -> int:
            where = path if self._descriptor is None else name
            return os.open(where, flags | _NO_FOLLOW | _NO_WAIT, dir_fd=self._descriptor)

        file = open(path, "rb", opener=opener)  # noqa: SIM115 - the caller closes it
        if not os.path.samestat(facts, os.fstat(file.fileno())):
            file.close()
            raise OSError(errno.EAGAIN, "it was replaced during the opening", path)
        return file

    def read(self, name: str, *, max_bytes: int) -> bytes:
        """Return the content of a file; raises OSError like `open`, or if the file is too large."""
        with self.open(name) as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                reason = f"it has more than {max_bytes:,} bytes"
                raise OSError(errno.EFBIG, reason, str(self.path / name))
            return file.read(size)  # read(n) allocates n bytes

    def exists(self, name: str) -> bool:
        """Return whether the folder contains this name; the name may be a link."""
        try:
            self._stat(name)
        except FileNotFoundError:
            return False
        return True

    def identity(self, name: str) -> Identity:
        """Return the `identity_of` a file; raises OSError."""
        return identity_of(self._stat(name))

    def is_in_place(self) -> bool:
        """Return whether the path still leads to this folder."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        return self._descriptor is None or os.path.samestat(now, os.fstat(self._descriptor))

    def _examine(self, name: str) -> os.stat_result:
        facts = self._stat(name)
        if stat.S_ISLNK(facts.st_mode):
            reason = "it is a link, and links inside a map are not followed"
            raise OSError(errno.ELOOP, reason, str(self.path / name))
        return facts

    def _stat(self, name: str) -> os.stat_result:
        if name in {"", ".."} or name != Path(name).name or "\0" in name:
            reason = "it is not a name in this folder"
            raise OSError(errno.EINVAL, reason, str(self.path / name))
        where = name if self._descriptor is not None else self.path / name
        return os.stat(where, dir_fd=self._descriptor, follow_symlinks=False)

    def _open_descriptor(
        self, where: str | os.PathLike[str], parent: int | None, flags: int
    ) -> None:
        self._descriptor: int | None = None
        if not _HAS_DESCRIPTORS:
            if not stat.S_ISDIR(os.stat(where).st_mode):  # noqa: PTH116 - as below
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(where))
            return
        self._descriptor = os.open(where, _FOLDER_FLAGS | flags, dir_fd=parent)
        weakref.finalize(self, os.close, self._descriptor)


def identity_of(facts: os.stat_result) -> Identity:
    """Return numbers that change if a file is replaced or written."""
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
