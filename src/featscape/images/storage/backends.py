"""The storage of a location: the local disk, or the server of an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from featscape.errors import ImageError, InputError
from featscape.images.storage.disk import Disk
from featscape.images.storage.locations import as_location, is_address, join
from featscape.images.storage.remote import Remote

if TYPE_CHECKING:
    from typing import BinaryIO

    from featscape.images.storage.listing import Listing
    from featscape.images.storage.locations import Location


class Storage(Protocol):
    """Read and list files; the methods are thread-safe."""

    def read(self, location: Location) -> bytes:
        """Return the content of a file; raises ImageError."""
        ...

    def read_part(self, location: Location, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end` of a file; raises ImageError."""
        ...

    def open(self, location: Location) -> BinaryIO:
        """Open a seekable file; raises OSError, also while the file is read."""
        ...

    def exists(self, location: Location) -> bool:
        """Return whether there is a file; raises ImageError if the server does not answer."""
        ...

    def list(self, location: Location) -> Listing:
        """List all files below a folder; raises InputError."""
        ...


def storage_of(location: Location) -> Storage:
    """Return the storage of a file or folder."""
    return Remote() if is_address(location) else Disk()


class Files:
    """Image files, by their paths relative to a folder, or by absolute paths and addresses.

    Parameters
    ----------
    folder : Path or str
        A folder on a local disk, or the address of a folder.
    """

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._storage = storage_of(folder)
        self._remote = self._storage if is_address(folder) else Remote()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the source for pickle, which opens the source again."""
        return Files, (self._folder,)

    def locate(self, path: str) -> Location:
        """Return the absolute path or the address of a file."""
        location = path if is_address(path) else join(self._folder, path)
        return location if isinstance(location, str) else location.absolute()

    def read(self, path: str) -> bytes:
        """Return the file at `path`; raises ImageError."""
        if is_address(path):
            try:
                location = as_location(path)
            except InputError as error:
                raise ImageError(str(error)) from error
            return (
                self._remote.read(location) if isinstance(location, str) else Disk().read(location)
            )
        return self._storage.read(join(self._folder, path))
