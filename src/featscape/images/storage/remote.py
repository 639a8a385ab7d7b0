"""Files at addresses (s3://, gs://, https://, ...), read with fsspec and a limited retry."""

from __future__ import annotations

import asyncio
import errno
import http
import io
import threading
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, urlsplit

from featscape.errors import ImageError, InputError, MissingExtra
from featscape.images.storage import limits
from featscape.images.storage.deadline import is_expired, remaining_s
from featscape.images.storage.limits import check_length, check_size
from featscape.images.storage.listing import Listing, is_hidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from fsspec import AbstractFileSystem

    from featscape.images.storage.places import Place

    _Entries = list[tuple[str, bool]]  # the path of each entry, and whether it is a folder

N_ATTEMPTS = 3
FIRST_WAIT_S = 0.5  # before the second attempt; twice as long before the third
TIMEOUT_S = 30.0
LISTING_TIMEOUT_S = 600.0
MAX_FAILURES = 10  # consecutive failures of one server, after which no request is sent to it

_RETRY_STATUSES = (408, 425, 429)  # HTTP: request timeout, too early, too many requests
_MISSING_STATUSES = (404, 410)
_CHUNK_BYTES = 1 << 18
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

    def read(self, place: Place, *, most_bytes: int | None = None) -> bytes:
        """Return the content of a file.

        Parameters
        ----------
        place : str
            The address of the file.
        most_bytes : int, optional
            The largest accepted size; by default `limits.MAX_BYTES`. At most one byte more is read.

        Raises
        ------
        ImageError
            If the file cannot be read or is too large.
        """
        most_bytes = limits.MAX_BYTES if most_bytes is None else most_bytes
        address = str(place)
        system, path = self._open_system(address)
        read = partial(_read_http if _is_http(address) else _read_file, system)
        content: bytes = self._request(address, system, read, path, most_bytes=most_bytes)
        check_size(len(content), most_bytes)
        return content

    def read_part(self, place: Place, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end` of a file; raises ImageError."""
        if start == end:
            return b""
        address = str(place)
        system, path = self._open_system(address)
        read = partial(_read_http, system) if _is_http(address) else system.cat_file
        content: bytes = self._request(address, system, read, path, start=start, end=end)
        return check_length(content, end - start)

    def open(self, place: Place) -> BinaryIO:
        """Open a file that is read in parts; raises OSError."""
        try:
            system, path = self._open_system(str(place))
            size = self._request(str(place), system, system.info, path).get("size")
        except ImageError as error:
            raise OSError(str(error)) from error
        if size is None:
            raise OSError("the server does not report the file's size")
        raw = _RemoteFile(self, str(place), size)
        return cast("BinaryIO", io.BufferedReader(raw, _BUFFER_BYTES))

    def exists(self, place: Place) -> bool:
        """Return whether there is a file; raises ImageError if the server does not answer."""
        system, path = self._open_system(str(place))
        try:
            self._request(str(place), system, system.info, path)
        except ImageError as error:
            cause = error.__cause__
            if isinstance(cause, FileNotFoundError) and _is_final(cause):
                return False
            raise
        return True

    def list(self, place: Place) -> Listing:
        """List all files below an address; a folder that cannot be listed is in `skipped`.

        Raises
        ------
        InputError
            If the address itself cannot be listed or does not exist.
        """
        address = str(place)
        system, root = open_system(address)
        listing = Listing()
        try:
            pending = self._list_folder(address, system, root)
        except ImageError as error:
            remedy = "Check the address and the credentials."
            if isinstance(error.__cause__, Exception) and _lacks_credentials(error.__cause__):
                remedy = "Set the credentials, or FSSPEC_S3_ANON=true for a public bucket."
            raise InputError(
                f"the source must be an address that can be listed; got {address!r}: {error}. "
                f"{remedy}"
            ) from error
        seen = {root.rstrip("/")}
        while pending:
            path, is_folder = pending.pop()
            parts = tuple(part for part in path.removeprefix(root).split("/") if part)
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
            server = _server_of(address)
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
        server = _server_of(address)
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
                if _is_final(error):
                    self._count(server, failed=False)
                    raise ImageError(_describe_answer(error)) from error
            else:
                self._count(server, failed=False)
                return result
        self._count(server, failed=True)
        reason = "timed out" if isinstance(last, TimeoutError) else _name_error(last)
        if is_expired():
            raise ImageError(f"did not arrive in time ({reason})") from last
        raise ImageError(f"failed {N_ATTEMPTS} times: {reason}") from last

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


def _read_file(system: Any, path: str, *, most_bytes: int, **options: Any) -> bytes:
    """Return a file, but at most `most_bytes` + 1 bytes."""
    try:
        content: bytes = system.cat_file(path, start=0, end=most_bytes + 1, **options)
    except Exception as error:
        # an object store refuses every range of an empty file: EINVAL from s3fs, 416 from gcsfs
        refused = errno.EINVAL, http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        codes = getattr(error, "errno", None), getattr(error, "code", None)
        if not set(refused).intersection(codes) or system.info(path, **options)["size"]:
            raise
        return b""
    return content


def _read_http(
    system: Any,
    url: str,
    *,
    timeout: float,
    start: int = 0,
    end: int | None = None,
    most_bytes: int | None = None,
) -> bytes:
    """Return the bytes `start` to `end` of a file on an HTTP server.

    fsspec reads the whole response, and a server may send a response that never ends.

    Raises
    ------
    ImageError
        If the response has more bytes than were requested, or than `most_bytes`.
    """
    from fsspec.asyn import sync

    headers = {**system.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
    if end is not None:
        headers["Range"] = f"bytes={start}-{end - 1}"

    async def fetch() -> bytes:
        pieces: list[bytes] = []
        n_bytes = 0
        session = await system.set_session()
        options = {**system.kwargs, "headers": headers}
        async with (
            asyncio.timeout(timeout),
            session.get(system.encode_url(url), **options) as response,
        ):
            response.raise_for_status()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                pieces.append(chunk)
                n_bytes += len(chunk)
                check_size(n_bytes, most_bytes)
                if end is not None and n_bytes > end - start:
                    raise ImageError("the server sent more bytes than were requested")
        return b"".join(pieces)

    content: bytes = sync(system.loop, fetch)
    return content


def open_system(address: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of an address, and the path in the file system.

    Raises
    ------
    InputError
        If the scheme of the address is unknown, or the address contains a password.
    MissingExtra
        If the library for the scheme is not installed.
    """
    from fsspec.core import url_to_fs

    parts = _split(address)
    if parts.password:
        raise InputError(
            "an address must not contain a password, because it is stored with the map; the "
            f"address of {parts.hostname} does. Use an environment variable or a credentials file."
        )
    if "::" in address:
        raise InputError(
            f"an address must name one place; {address!r} is a chain. Use only the last address."
        )
    try:
        if parts.scheme == "ftp":
            return _open_ftp(address)
        system, path = url_to_fs(address)
    except ImportError as error:
        raise MissingExtra(
            f"{parts.scheme}:// addresses need a library that is not installed ({error}). "
            "Install it with pip install 'featscape[remote]'."
        ) from error
    except Exception as error:
        # each file system parses its address, and may connect, with its own exceptions: TypeError
        # for a missing part, ConnectionError, and others
        raise _invalid_address(address, error) from error
    return system, path


def _open_ftp(address: str) -> tuple[AbstractFileSystem, str]:
    from featscape.images.storage.ftp import QuietFTP

    system = QuietFTP(**QuietFTP._get_kwargs_from_urls(address))  # noqa: SLF001 - as `url_to_fs`
    return system, QuietFTP._strip_protocol(address)  # noqa: SLF001 - as `url_to_fs`


def _is_http(address: str) -> bool:
    return urlsplit(address).scheme in ("http", "https")


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:  # for example brackets without an IPv6 address
        raise _invalid_address(address, error) from error


def _server_of(address: str) -> str:
    """Return the scheme and server of an address; raises InputError."""
    return "{0.scheme}://{0.netloc}".format(_split(address))


def _invalid_address(address: str, error: Exception) -> InputError:
    return InputError(
        f"an address must be one that fsspec can open; got {address!r} ({_name_error(error)}). "
        "Check the scheme and the server."
    )


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


def _is_final(error: Exception) -> bool:
    """Return whether an exception is the server's final answer, so that a retry is pointless."""
    status = _http_status(error)
    if status is None:
        return isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)
    return 400 <= status < 500 and status not in _RETRY_STATUSES


def _describe_answer(error: Exception) -> str:
    status = _http_status(error)
    if status in _MISSING_STATUSES or (status is None and isinstance(error, FileNotFoundError)):
        return "no such file"
    if status is None:
        return f"refused ({error})"
    return f"refused (HTTP {status})"


def _http_status(error: Exception) -> int | None:
    """Return the status of an HTTP response, 0 without a response, None for other protocols.

    fsspec raises FileNotFoundError for every HTTP failure, with aiohttp's exception as the cause.
    """
    for one in (error, error.__cause__):
        if type(one).__module__.startswith("aiohttp"):
            return int(getattr(one, "status", 0))
    return None


def _lacks_credentials(error: BaseException) -> bool:
    return type(error).__name__ == "NoCredentialsError"  # from botocore, an optional dependency


def _name_error(error: BaseException) -> str:
    """Return the type of an error and the first line of its message."""
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
