"""Files at addresses (s3://, gs://, https://, ...), read with fsspec and a limited retry."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from featscape.errors import ImageError, InputError, MissingExtra
from featscape.images.storage import limits
from featscape.images.storage.addresses import open_system, server_of
from featscape.images.storage.bounded_reads import read_file, read_http
from featscape.images.storage.deadline import is_expired, remaining_s
from featscape.images.storage.limits import check_length, check_size
from featscape.images.storage.listing import Listing, is_hidden
from featscape.images.storage.locations import decode_path, is_http
from featscape.images.storage.remote_errors import (
    FailedRequestError,
    describe_answer,
    is_final,
    lacks_credentials,
    name_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from fsspec import AbstractFileSystem

    from featscape.images.storage.locations import Location

    _Entries = list[tuple[str, bool]]  # the path of each entry, and whether it is a folder

N_ATTEMPTS = 3
FIRST_WAIT_S = 0.5  # before the second attempt; twice as long before the third
TIMEOUT_S = 30.0
LISTING_TIMEOUT_S = 600.0
MAX_FAILURES = 10  # consecutive failures of one server, after which no request is sent to it

_BUFFER_BYTES = 1 << 20
# object stores, where a folder is only a prefix of names
_OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")


class Remote:
    """A `Storage`: every file system that fsspec supports.

    A failed request is repeated twice. After `MAX_FAILURES` consecutive failures of a server, no
    further requests are sent to the server, so that a run does not wait for the server at every
    image. Within a `time_limit`, all requests together end at the limit, and the number of earlier
    failures has no effect.
    """

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()  # by server
        self._lock = threading.Lock()

    def read(self, location: Location, *, max_bytes: int | None = None) -> bytes:
        """Return the content of a file.

        Parameters
        ----------
        location : str
            The address of the file.
        max_bytes : int, optional
            The largest accepted size; by default `limits.MAX_BYTES`. At most one byte more is read.

        Raises
        ------
        ImageError
            If the file cannot be read or is too large.
        """
        max_bytes = limits.MAX_BYTES if max_bytes is None else max_bytes
        address = str(location)
        system, path = self._open_system(address)
        read = partial(read_http if is_http(address) else read_file, system)
        content: bytes = self._request(address, system, read, path, max_bytes=max_bytes)
        check_size(len(content), max_bytes)
        return content

    def read_part(self, location: Location, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end` of a file; raises ImageError."""
        if start == end:
            return b""
        address = str(location)
        system, path = self._open_system(address)
        read = partial(read_http, system) if is_http(address) else system.cat_file
        content: bytes = self._request(address, system, read, path, start=start, end=end)
        return check_length(content, end - start)

    def open(self, location: Location) -> BinaryIO:
        """Open a file that is read in parts; raises OSError.

        One byte is read, because readers of archives hide the error of a server without ranges.
        """
        try:
            system, path = self._open_system(str(location))
            size = self._request(str(location), system, system.info, path).get("size")
            if size and is_http(str(location)):
                self.read_part(location, size - 1, size)
        except ImageError as error:
            raise OSError(str(error)) from error
        if size is None:
            raise OSError("the server does not report the file's size")
        raw = _RemoteFile(self, str(location), size)
        return cast("BinaryIO", io.BufferedReader(raw, _BUFFER_BYTES))

    def exists(self, location: Location) -> bool:
        """Return whether there is a file; raises ImageError if the server does not answer."""
        system, path = self._open_system(str(location))
        try:
            self._request(str(location), system, system.info, path)
        except ImageError as error:
            cause = error.__cause__
            if isinstance(cause, FileNotFoundError) and is_final(cause):
                return False
            raise
        return True

    def list(self, location: Location) -> Listing:
        """List all files below an address; a folder that cannot be listed is in `skipped`.

        Raises
        ------
        InputError
            If the address itself cannot be listed or does not exist.
        """
        address = str(location)
        system, root = open_system(address)
        listing = Listing()
        try:
            pending = self._list_folder(address, system, root)
        except ImageError as error:
            remedy = "Check the address and the credentials."
            if isinstance(error.__cause__, Exception) and lacks_credentials(error.__cause__):
                remedy = "Set the credentials, or FSSPEC_S3_ANON=true for a public bucket."
            raise InputError(
                f"the source must be an address that can be listed; got {address!r}: {error}. "
                f"{remedy}"
            ) from error
        seen = {root.rstrip("/")}
        while pending:
            path, is_folder = pending.pop()
            name = path.removeprefix(root)
            name = decode_path(name) if is_http(address) else name
            parts = tuple(part for part in name.split("/") if part)
            if path.rstrip("/") in seen or any(map(is_hidden, parts)):
                continue
            seen.add(path.rstrip("/"))
            if not is_folder:
                listing.add(parts)
                continue
            try:
                pending += self._list_folder(address, system, path)
            except ImageError as error:
                listing.skip(parts, str(error))
        return listing

    def _open_system(self, address: str) -> tuple[AbstractFileSystem, str]:
        """Return the file system of an address, and the path in the file system.

        A file system such as FTP connects here, so a failure counts as a failure of the server.

        Raises
        ------
        ImageError
            If the address cannot be opened: an invalid address is skipped and does not end a run.
        """
        try:
            server = server_of(address)
            self._check_failures(server)
            return open_system(address)
        except (InputError, MissingExtra) as error:
            if isinstance(error.__cause__, OSError):
                self._count(server, failed=True)
            raise ImageError(str(error)) from error

    def _list_folder(self, address: str, system: AbstractFileSystem, path: str) -> _Entries:
        """Return the entries of a folder; for an object store, all files below the folder.

        fsspec's own recursion would silently omit folders that cannot be listed.
        """
        timeout_s = LISTING_TIMEOUT_S
        if urlsplit(address).scheme in _OBJECT_STORES:
            names = self._request(address, system, system.find, path, timeout_s=timeout_s)
            return [(name, False) for name in names]
        entries = self._request(address, system, system.ls, path, timeout_s=timeout_s, detail=True)
        return [(entry["name"], entry["type"] == "directory") for entry in entries]

    def _request(
        self,
        address: str,
        system: AbstractFileSystem,
        call: Callable[..., Any],
        path: str,
        *,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Any:
        """Return the result of a method of a file system, with retries; raises ImageError."""
        server = server_of(address)
        self._check_failures(server)
        last: Exception = TimeoutError()
        n_attempts = 0
        while n_attempts < N_ATTEMPTS and not is_expired():
            if n_attempts:
                time.sleep(_limited(FIRST_WAIT_S * 2 ** (n_attempts - 1)))
            if system.async_impl:  # the other file systems accept no timeout
                options["timeout"] = _limited(timeout_s or TIMEOUT_S)
            n_attempts += 1
            try:
                result = call(path, **options)
            except ImageError:  # the server responded, with a response that is not accepted
                self._count(server, failed=False)
                raise
            except Exception as error:  # each file system raises its own exceptions
                last = error
                if is_final(error):
                    self._count(server, failed=False)
                    raise FailedRequestError(describe_answer(error)) from error
            else:
                self._count(server, failed=False)
                return result
        self._count(server, failed=True)
        reason = "timed out" if isinstance(last, TimeoutError) else name_error(last)
        if is_expired():
            raise FailedRequestError(f"did not arrive in time ({reason})") from last
        raise FailedRequestError(f"failed {N_ATTEMPTS} times: {reason}") from last

    def _check_failures(self, server: str) -> None:
        if self._failures[server] >= MAX_FAILURES and remaining_s() is None:
            raise ImageError(
                f"{server} failed {MAX_FAILURES} times in a row and is no longer contacted"
            )

    def _count(self, server: str, *, failed: bool) -> None:
        with self._lock:
            self._failures[server] = self._failures[server] + 1 if failed else 0


def _limited(seconds: float) -> float:
    """Return a duration, shortened to the rest of the `time_limit`; always positive."""
    rest_s = remaining_s()
    # fsspec treats 0 as no timeout
    return seconds if rest_s is None else max(min(seconds, rest_s), 0.001)


class _RemoteFile(io.RawIOBase):
    """A seekable file at an address; meant for an `io.BufferedReader`."""

    def __init__(self, remote: Remote, address: str, size: int) -> None:
        super().__init__()
        self._remote = remote
        self._address = address
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("a position before the start of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        try:
            content = self._remote.read_part(self._address, self._position, end)
        except ImageError as error:
            raise OSError(str(error)) from error
        buffer[: len(content)] = content
        self._position = end
        return len(content)
