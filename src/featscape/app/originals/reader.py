"""Read the original images of a map by the id of their item.

A path comes from the map's own table, never from a request. However, a map folder may come from an
untrusted source, and its table and run.json may name any file and any address. Therefore:

- Without the seal of this user (see `featscape.mapfolder.seal`), no file is opened until the user
  names the location of the originals with ``--originals``; then only files below that location are
  opened.
- An original is sent only if its SHA-256 equals the value in items.parquet and if it begins as an
  image.
- Files must be regular, and have at most `MOST_BYTES` bytes.
- The response to a request is sent within `WITHIN_S`, including the time in the queue. Originals
  are read in separate threads, at most `AT_ONCE` from the same server. A silent server therefore
  delays neither other requests nor the originals of other servers.
- A thread ends soon after the response. Two cases take longer: the operating system cannot
  interrupt the lookup of a host name, and an archive at an address is indexed in the background for
  up to `ARCHIVE_S`, so that a later request finds the index.

Links below the location are followed, as when the images were found: datasets of links are common.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from featscape.app.originals.fetching import SCHEMES, fetch
from featscape.errors import ImageError, InputError, MissingExtra
from featscape.files.regular import describe_os_error, open_regular
from featscape.images import media_type, open_contents
from featscape.images.storage.deadline import time_limit
from featscape.images.storage.limits import check_size
from featscape.images.storage.locations import as_location, file_name, folder_of, is_address, join
from featscape.images.storage.redirects import check_redirects
from featscape.images.tables.table_files import TABLE_EXTENSIONS
from featscape.printable_names import printable
from featscape.records.images import MANIFEST_KIND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from concurrent.futures import Future

    from featscape.app.item_table import ItemTable
    from featscape.images.storage.locations import Location
    from featscape.records import ImageBytes

MOST_BYTES = 512 << 20
WITHIN_S = 5.0
ARCHIVE_S = 60.0
AT_ONCE = 4  # per server; the files on this computer count as one server
_THREADS = 4 * AT_ONCE
_CHUNK_BYTES = 1 << 18

# Kinds of sources in which each image is a separate file; the other kinds are archives.
_FILES = ("folder", "address", MANIFEST_KIND)


@dataclass(frozen=True)
class Original:
    """An original image.

    Attributes
    ----------
    content : bytes
        The bytes of the file.
    modified : float
        The modification time in seconds since 1970; 0 for an image in an archive or at an address.
    media_type : str
        For example "image/png", determined from the first bytes.
    """

    content: bytes
    modified: float
    media_type: str

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the content in pieces, so that a response contains one copy of a piece only."""
        for start in range(0, len(self.content), _CHUNK_BYTES):
            yield self.content[start : start + _CHUNK_BYTES]


class Originals:
    """The original images of a map.

    Parameters
    ----------
    source, kind : str
        As in run.json.
    items : ItemTable
    is_own : bool
        Whether the map has the seal of this user; `source` may then be read.
    named : str, optional
        A folder, file or address from the user; it replaces `source`.

    Raises
    ------
    InputError
        If `named` does not exist, or is an address with a scheme that is not in `fetching.SCHEMES`.
    """

    def __init__(
        self,
        source: str,
        items: ItemTable,
        *,
        kind: str = "folder",
        is_own: bool,
        named: str | None = None,
    ) -> None:
        self._items = items
        self._is_own = is_own
        self._may_read = is_own or named is not None
        self._location = as_location(source) if named is None else _named_location(named)
        self._kind = kind
        is_table = kind == MANIFEST_KIND and file_name(self._location).lower().endswith(
            TABLE_EXTENSIONS
        )
        self._base = folder_of(self._location) if is_table else self._location
        self._contents: ImageBytes | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="originals")
        self._permits: dict[str, asyncio.Semaphore] = {}  # by server

    def close(self) -> None:
        """End the threads as soon as their reads end; `read` then raises RuntimeError."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def are_available(self) -> bool:
        """Whether the page may request originals; a request may still find an address offline."""
        return self._items.has_paths and self._has_location and self.obstacle is None

    @property
    def obstacle(self) -> str | None:
        """Why the originals are off, with the remedy, in lower case; None if they are on.

        The value is also None if the map has no original images at all.
        """
        if not (self._items.has_paths and self._has_location):
            return None
        if not self._may_read:
            return (
                "original images are off, because featscape cannot confirm that you made this map "
                "on this computer; if you trust the map, start the server with --originals and the "
                "folder or address of its images."
            )
        if isinstance(self._location, Path) and not self._location.exists():
            return (
                f"original images are off, because {printable(self._location)} no longer exists; "
                "name their new location with --originals."
            )
        return None

    @property
    def _has_location(self) -> bool:
        """Whether the source is a path or an address; the source of some maps is a description."""
        return not isinstance(self._location, Path) or self._location.is_absolute()

    async def read(self, item: int) -> Original:
        """Read the image of an item, in one of the threads for originals.

        Raises
        ------
        ImageError
            If the image is missing, cannot be read, differs from the image of the map, or does
            not arrive in time; the message states the reason.
        """
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._read_in_thread(item)
        except TimeoutError:
            raise ImageError(f"the file did not arrive within {WITHIN_S:g} s") from None

    async def _read_in_thread(self, item: int) -> Original:
        loop = asyncio.get_running_loop()
        permits = self._permits.setdefault(self._server_of(item), asyncio.Semaphore(AT_ONCE))

        def release(_reading: Future[Original]) -> None:
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(permits.release)

        await permits.acquire()  # until the thread ends, which may be after the response
        reading = self._threads.submit(self.read_now, item)
        reading.add_done_callback(release)
        return await asyncio.wrap_future(reading)

    def _server_of(self, item: int) -> str:
        """Return the scheme and host that an item is read from; "" for this computer."""
        path = self._items.path(item) if self._kind in _FILES else None
        location = path if path is not None and is_address(path) else self._location
        return "" if isinstance(location, Path) else "/".join(location.split("/")[:3])

    def read_now(self, item: int) -> Original:
        """Read the image of an item in this thread: see `read`."""
        path = self._items.path(item)
        if path is None or not self._has_location:
            raise ImageError("the map has no original images")
        if self.obstacle is not None:
            raise ImageError(self.obstacle.rstrip("."))
        expected = self._items.sha256(item)
        if expected is None:
            raise ImageError("the map has no SHA-256 for this image; make the map again")
        content, modified = self._read_file(path) if self._kind in _FILES else self._read_in(path)
        check_size(len(content), MOST_BYTES)
        if hashlib.sha256(content).hexdigest() != expected:
            raise ImageError("the file has changed since the map was made")
        type_name = media_type(io.BytesIO(content))
        if type_name is None:
            raise ImageError("the file is not an image")
        return Original(content, modified, type_name)

    def _read_file(self, path: str) -> tuple[bytes, float]:
        """Read an image in a separate file; return its bytes and its modification time."""
        try:
            location = as_location(path) if is_address(path) else join(self._base, path)
        except InputError as error:
            raise ImageError(str(error).rstrip(".")) from error
        # the rows of a table may name any path, and this user made a map of this table
        may_lead_out = self._is_own and self._kind == MANIFEST_KIND
        if not may_lead_out and not is_below(location, self._base):
            raise ImageError("its path is outside the location of the originals")
        if isinstance(location, str):
            return fetch(location, max_bytes=MOST_BYTES, within_s=WITHIN_S), 0.0
        try:
            with open_regular(location) as file:
                return file.read(MOST_BYTES + 1), os.fstat(file.fileno()).st_mtime
        except ValueError as error:  # a zero byte in the path
            raise ImageError("no such file") from error
        except OSError as error:
            raise ImageError(describe_os_error(error)) from error

    def _read_in(self, path: str) -> tuple[bytes, float]:
        """Read an image from an archive; return its bytes and 0."""
        try:
            with time_limit(ARCHIVE_S), check_redirects():
                with self._opening:
                    if self._contents is None:
                        self._contents = open_contents(self._kind, self._location)
                content = self._contents.read(path)
        except OSError as error:
            raise ImageError(f"its source cannot be read: {error.strerror}") from error
        except (InputError, MissingExtra) as error:
            raise ImageError(str(error).rstrip(".")) from error
        return content, 0.0


def is_below(location: Location, base: Location) -> bool:
    """Return whether a file lies below a folder, or an address below an address."""
    if isinstance(location, Path) and isinstance(base, Path):
        return location.is_relative_to(base) and ".." not in location.relative_to(base).parts
    if isinstance(location, Path) or isinstance(base, Path):
        return False
    inner, outer = urlsplit(location), urlsplit(base)
    path = PurePosixPath(unquote(inner.path).replace("\\", "/"))
    return (
        (inner.scheme, inner.netloc) == (outer.scheme, outer.netloc)
        and path.is_relative_to(unquote(outer.path) or "/")
        and ".." not in path.parts
    )


def _named_location(named: str) -> Location:
    """Return the path or address that a user named; raise InputError if it cannot be used."""
    location = as_location(named)
    if isinstance(location, str):
        if urlsplit(location).scheme not in SCHEMES:
            raise InputError(
                f"an address of originals must begin with one of {', '.join(SCHEMES)}; got "
                f"{named!r}. Name a folder, or another address, with --originals (originals=)."
            )
        return location
    if not location.exists():
        raise InputError(
            f"the originals must be at a folder, file or address that exists; {printable(named)} "
            "does not. Check the path of --originals (originals=)."
        )
    return location.resolve()
