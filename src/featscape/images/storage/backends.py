"""The storage of a place: the local disk, or the server of an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from featscape.errors import ImageError, InputError
from featscape.images.storage.disk import Disk
from featscape.images.storage.places import as_place, is_address, join
from featscape.images.storage.remote import Remote

if TYPE_CHECKING:
    from typing import BinaryIO

    from featscape.images.storage.listing import Listing
    from featscape.images.storage.places import Place


class Storage(Protocol):
    """Read and list files; the methods are thread-safe."""

    def read(self, place: Place) -> bytes:
        """Return the content of a file; raises ImageError."""
        ...

    def read_part(self, place: Place, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end` of a file; raises ImageError."""
        ...

    def open(self, place: Place) -> BinaryIO:
        """Open a seekable file; raises OSError, also while the file is read."""
        ...

    def exists(self, place: Place) -> bool:
        """Return whether there is a file; raises ImageError if the server does not answer."""
        ...

    def list(self, place: Place) -> Listing:
        """List all files below a folder; raises InputError."""
        ...


def storage_of(place: Place) -> Storage:
    """Return the storage of a file or folder."""
    return Remote() if is_address(place) else Disk()


class Files:
    """Image files, by their paths relative to a folder, or by absolute paths and addresses.

    Parameters
    ----------
    folder : Path or str
        A folder on a local disk, or the address of a folder.
    """

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        self._storage = storage_of(folder)
        self._remote = self._storage if is_address(folder) else Remote()

    def read(self, path: str) -> bytes:
        """Return the file at `path`; raises ImageError."""
        if is_address(path):
            try:
                place = as_place(path)
            except InputError as error:
                raise ImageError(str(error)) from error
            return self._remote.read(place) if isinstance(place, str) else Disk().read(place)
        return self._storage.read(join(self._folder, path))
