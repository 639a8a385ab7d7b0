"""Read parts of a map's files while the map is open.

Each read opens the file again and checks that the file is unchanged since the map was opened. The
table of the items is in memory, and parts of another map would not match the table.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import ChangedError, InputError
from featscape.files.folder_handle import identity_of
from featscape.files.npy import open_member, open_npz, read_npy_header
from featscape.mapfolder import damaged
from featscape.mapfolder.thumbnails import DATA, check_data_size, read_offsets
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from numpy.typing import NDArray

    from featscape.files.folder_handle import FolderHandle

_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class StoredFile:
    """The state of a file when the map was opened; usable from several threads.

    Attributes
    ----------
    folder : FolderHandle
    name : str
    size : int
        In bytes.
    etag : str
        Identifies the state of the file; quoted, as HTTP requires.
    """

    folder: FolderHandle
    name: str
    size: int
    etag: str

    @classmethod
    def of(cls, folder: FolderHandle, name: str) -> StoredFile:
        """Record the state of a file; raise InputError if it is missing or not a regular file."""
        try:
            with folder.open(name) as file:
                facts = os.fstat(file.fileno())
        except OSError as error:
            raise damaged(folder.path / name, error) from error
        return cls(folder, name, facts.st_size, file_tag(facts))

    def check(self) -> None:
        """Raise ChangedError if the file has changed."""
        self._open().close()

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end`; raise ChangedError if the file has changed."""
        return b"".join(self.chunks(start, end))

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes `start` to `end` in chunks; raise ChangedError like `read`."""
        with self._open() as file:
            file.seek(start)
            while start < end:
                chunk = file.read(min(_CHUNK_BYTES, end - start))
                if not chunk:
                    raise self._changed()
                start += len(chunk)
                yield chunk

    def _open(self) -> BinaryIO:
        try:
            file = self.folder.open(self.name)
        except OSError as error:
            raise self._changed() from error
        if file_tag(os.fstat(file.fileno())) != self.etag:
            file.close()
            raise self._changed()
        return file

    def _changed(self) -> ChangedError:
        return ChangedError(
            f"{printable(self.folder.path / self.name)} has changed since the map was opened. "
            "Open the map again: restart featscape serve, or run the cell of the notebook again."
        )


@dataclass(frozen=True)
class StoredArray:
    """A two-dimensional array in a file, read row by row.

    Attributes
    ----------
    file : StoredFile
    offset : int
        Offset of the first number, in bytes.
    dtype : numpy.dtype
    shape : tuple of int
        (n, k)
    """

    file: StoredFile
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, int]

    @classmethod
    def in_archive(
        cls, folder: FolderHandle, file_name: str, name: str, *, dtype: type[np.generic]
    ) -> StoredArray:
        """Find an array of rows in an uncompressed .npz file.

        Raises InputError if the file is missing, if ``numpy.savez`` does not write such a file, or
        if the array has another type.
        """
        path = folder.path / file_name
        try:
            with folder.open(file_name) as raw:
                archive = open_npz(raw)
                with open_member(archive, name) as stream:
                    header = read_npy_header(stream)
                member = archive.getinfo(f"{name}.npy")
                header.check_size(member.file_size)
                # bytes 26 to 29 of the local header: the lengths of the name and the extra field
                raw.seek(member.header_offset + 26)
                name_bytes, extra_bytes = struct.unpack("<HH", raw.read(4))
        except (OSError, InputError, struct.error) as error:
            raise damaged(path, error) from error
        offset = member.header_offset + 30 + name_bytes + extra_bytes + header.start
        if (
            member.compress_type != zipfile.ZIP_STORED
            or len(header.shape) != 2
            or header.is_fortran
            or header.dtype != dtype
        ):
            raise damaged(path, f"its {name} are not rows of {np.dtype(dtype)}")
        return cls(StoredFile.of(folder, file_name), offset, header.dtype, header.shape)

    def row(self, index: int) -> NDArray[Any]:
        """Read row `index`, shape (k,); raise ChangedError if the file has changed."""
        row_bytes = self.shape[1] * self.dtype.itemsize
        start = self.offset + index * row_bytes
        return np.frombuffer(self.file.read(start, start + row_bytes), self.dtype)


@dataclass(frozen=True)
class StoredThumbnails:
    """The thumbnails of a map, each read from the disk when it is requested.

    Unlike `Thumbnails`, which maps the file into memory, a file that becomes shorter is an error
    and does not end the process.

    Attributes
    ----------
    file : StoredFile
        The encoded images, one after the other.
    offsets : ndarray of int64, shape (n + 1,)
        Image i is ``data[offsets[i]:offsets[i + 1]]``.
    """

    file: StoredFile
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, folder: FolderHandle, *, n_items: int) -> StoredThumbnails:
        """Open a pack of thumbnails; raise InputError if the pack is missing or damaged."""
        offsets = np.array(read_offsets(folder, n_items=n_items))
        file = StoredFile.of(folder, DATA)
        check_data_size(folder.path, offsets, n_bytes=file.size)
        return cls(file, offsets)

    def encoded(self, index: int) -> bytes:
        """Return the PNG or JPEG file of an image; raise ChangedError if the pack has changed."""
        return self.file.read(int(self.offsets[index]), int(self.offsets[index + 1]))


def file_tag(facts: os.stat_result) -> str:
    """Return an ETag for the state of a file, with quotes."""
    return content_tag(repr(identity_of(facts)).encode())


def content_tag(content: bytes) -> str:
    """Return an ETag for some bytes, with quotes."""
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'
