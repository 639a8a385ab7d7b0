"""Image files by their paths, on a disk or at addresses: all reading of files goes through here."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from featscape.errors import ImageError, InputError
from featscape.files.regular import NOT_REGULAR, open_regular

if TYPE_CHECKING:
    from typing import BinaryIO

    Place = Path | str  # a file or folder on a disk, or its address

# Pillow's limit of pixels, sixteen bits deep and uncompressed, fits twice
MOST_BYTES = 1 << 30


_LOCAL = ("file://", "local://")  # fsspec's names for the disk


class Storage(Protocol):
    """What holds files: a disk, or what is behind addresses; for several threads at once."""

    def read(self, place: Place) -> bytes:
        """Return a whole file; raises ImageError."""
        ...

    def read_part(self, place: Place, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end` of a file; raises ImageError."""
        ...

    def open(self, place: Place) -> BinaryIO:
        """Open a file that can seek; raises OSError, also while it is read."""
        ...

    def exists(self, place: Place) -> bool:
        """Whether there is such a file; raises ImageError where that cannot be told."""
        ...


def is_address(text: object) -> bool:
    """Whether a source or path is an address, such as s3://bucket/folder."""
    return isinstance(text, str) and "://" in text


def as_place(source: str | os.PathLike[str]) -> Place:
    """Return an address as it is, and anything else, file:// too, as a path.

    Raises
    ------
    InputError
        If an address is malformed.
    """
    if not (isinstance(source, str) and is_address(source)):
        return Path(source)
    try:
        path = urlsplit(source).path
    except ValueError as error:  # for example brackets that hold no IPv6 address
        raise InputError(
            f"an address must be one that can be read: {source!r} cannot ({error}). Correct it."
        ) from error
    return Path(url2pathname(path)) if source.startswith(_LOCAL) else source


def storage_of(place: Place) -> Storage:
    """Return what holds a file or folder."""
    return _remote() if is_address(place) else Disk()


def file_name(place: Place) -> str:
    """Return the last part of a path or address."""
    return place.name if isinstance(place, Path) else PurePosixPath(urlsplit(place).path).name


def join(folder: Place, name: str) -> Place:
    """Return what is called `name` in a folder, or below it."""
    return folder / name if isinstance(folder, Path) else f"{folder.rstrip('/')}/{name}"


def folder_of(file: Place) -> Place:
    """Return the folder that a file lies in."""
    return file.parent if isinstance(file, Path) else file.rpartition("/")[0]


def _remote() -> Storage:
    from featscape.images.remote import Remote

    return Remote()


class Files:
    """Files below a folder, which may also be named by whole paths and addresses.

    Parameters
    ----------
    folder : Path or str
        On a disk, or its address.
    """

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        self._here = storage_of(folder)
        self._elsewhere = self._here if is_address(folder) else _remote()

    def read(self, path: str) -> bytes:
        """Return the file at `path`; raises ImageError."""
        if is_address(path):
            try:
                place = as_place(path)
            except InputError as error:
                raise ImageError(str(error)) from error
            return self._elsewhere.read(place) if isinstance(place, str) else Disk().read(place)
        return self._here.read(join(self._folder, path))


class Disk:
    """A `Storage`: the file system."""

    def read(self, place: Place) -> bytes:
        """Return a whole file.

        Raises
        ------
        ImageError
            If it is no regular file, is larger than any image, or cannot be read; the message is
            the reason alone.
        """
        path = place if isinstance(place, Path) else Path(place)  # to parse it anew takes time
        try:
            with open_regular(path) as file:
                n_bytes = os.fstat(file.fileno()).st_size
                check_size(n_bytes)
                return file.read(n_bytes)  # no more, if the file grows meanwhile
        except ValueError as error:  # a zero byte
            raise ImageError("no such file") from error
        except OSError as error:
            raise ImageError(reason_of(error)) from error

    def read_part(self, place: Place, start: int, end: int) -> bytes:
        """Return a part of a file; raises ImageError."""
        try:
            with self.open(place) as file:
                file.seek(start)
                content = file.read(end - start)
        except OSError as error:
            raise ImageError(reason_of(error)) from error
        return check_whole(content, end - start)

    def open(self, place: Place) -> BinaryIO:
        """Open a regular file; raises OSError."""
        return open_regular(place)

    def exists(self, place: Place) -> bool:
        """Whether there is such a file."""
        return Path(place).is_file()


def check_size(n_bytes: int) -> None:
    """Raise ImageError if an image file is too large to be held in memory."""
    if n_bytes > MOST_BYTES:
        raise ImageError(
            f"too large: {n_bytes / (1 << 30):.1f} GiB, and an image file must have "
            f"{MOST_BYTES >> 30} or less"
        )


def check_whole(content: bytes, n_bytes: int) -> bytes:
    """Return `content`; raises ImageError if it is shorter than it must be."""
    if len(content) < n_bytes:
        raise ImageError("cut short with the archive")
    return content


def reason_of(error: OSError) -> str:
    """Return why something cannot be read, without its name."""
    if isinstance(error, PermissionError):
        return "no permission to read"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError) or error.strerror == NOT_REGULAR:
        return NOT_REGULAR
    return f"cannot be read: {error.strerror or error}"
