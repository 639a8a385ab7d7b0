"""Files at addresses (s3://, gs://, https://, ...), by fsspec: asked again, but not for ever."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, urlsplit

from featscape.errors import ImageError, InputError, MissingExtra
from featscape.images.files import check_size, check_whole
from featscape.images.names import Listing, is_hidden

if TYPE_CHECKING:
    from typing import BinaryIO

    from fsspec import AbstractFileSystem

    from featscape.images.files import Place

    _Entries = list[tuple[str, bool]]  # the path of each, and whether it is a folder

ATTEMPTS = 3
FIRST_WAIT_S = 0.5  # before the second attempt, and twice as long before the third
TIMEOUT_S = 30.0
LISTING_TIMEOUT_S = 600.0
_ASK_AGAIN = (408, 425, 429)  # of HTTP's answers: too slow, too early, too often
_GONE = (404, 410)
GIVE_UP = 10  # failures of one server in a row, after which it is not asked again

_BUFFER_BYTES = 1 << 20
_FLAT = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")  # whose folders are only parts of names


class Remote:
    """A `Storage`: whatever fsspec reaches.

    A request that fails is made again, by default twice. A server that failed often and never
    answered in between is not asked any more, so that a run does not wait for it at each image.
    """

    def __init__(self, *, n_attempts: int = ATTEMPTS, timeout_s: float | None = None) -> None:
        self._n_attempts = n_attempts
        self._timeout_s = timeout_s  # None for TIMEOUT_S
        self._failures: Counter[str] = Counter()
        self._lock = threading.Lock()

    def read(self, place: Place) -> bytes:
        """Return a whole file; raises ImageError."""
        system, path = self._open_system(str(place))
        content: bytes = self._ask(str(place), system, "cat_file", path)
        check_size(len(content))
        return content

    def read_part(self, place: Place, start: int, end: int) -> bytes:
        """Return a part of a file; raises ImageError."""
        if start == end:
            return b""
        system, path = self._open_system(str(place))
        content: bytes = self._ask(str(place), system, "cat_file", path, start=start, end=end)
        return check_whole(content, end - start)

    def open(self, place: Place) -> BinaryIO:
        """Open a file that is read by parts; raises OSError."""
        try:
            system, path = self._open_system(str(place))
            size = self._ask(str(place), system, "info", path).get("size")
        except ImageError as error:
            raise OSError(str(error)) from error
        if size is None:
            raise OSError("its server does not say how long it is")
        raw = _RemoteFile(self, str(place), size)
        return cast("BinaryIO", io.BufferedReader(raw, _BUFFER_BYTES))

    def exists(self, place: Place) -> bool:
        """Whether there is such a file; raises ImageError where its server does not tell."""
        system, path = self._open_system(str(place))
        try:
            self._ask(str(place), system, "info", path)
        except ImageError as error:
            cause = error.__cause__
            if isinstance(cause, FileNotFoundError) and _is_answer(cause):
                return False
            raise
        return True

    def list(self, address: str) -> Listing:
        """List all below an address; a folder that does not answer is skipped.

        Raises
        ------
        InputError
            If the address itself does not answer, or there is no such place.
        """
        system, root = open_system(address)
        listing = Listing()
        try:
            found = self._list_folder(address, system, root)
        except ImageError as error:
            remedy = "Check it, and the credentials."
            if isinstance(error.__cause__, Exception) and _lacks_credentials(error.__cause__):
                remedy = "Set credentials, or for a public bucket FSSPEC_S3_ANON=true."
            raise InputError(
                f"the source must be an address that can be listed; {address!r} cannot: {error}. "
                f"{remedy}"
            ) from error
        seen = {root.rstrip("/")}
        while found:
            path, is_folder = found.pop()
            parts = tuple(part for part in path.removeprefix(root).split("/") if part)
            if path.rstrip("/") in seen or any(map(is_hidden, parts)):
                continue
            seen.add(path.rstrip("/"))
            if not is_folder:
                listing.add(parts)
                continue
            try:
                found += self._list_folder(address, system, path)
            except ImageError as error:
                listing.skip(parts, str(error))
        return listing

    def _open_system(self, address: str) -> tuple[AbstractFileSystem, str]:
        """Return the file system of one of many addresses, and the path there.

        A file system that connects at once, such as FTP, counts as a server that was asked.

        Raises
        ------
        ImageError
            If the address cannot be opened: a bad address is skipped, and ends nothing.
        """
        try:
            server = _server_of(address)
            self._check_asked(server)
            return open_system(address)
        except (InputError, MissingExtra) as error:
            if isinstance(error.__cause__, OSError):
                self._count(server, failed=True)
            raise ImageError(str(error)) from error

    def _list_folder(self, address: str, system: AbstractFileSystem, path: str) -> _Entries:
        """Return what lies in a folder, or all below it where its server lists that at once.

        Elsewhere fsspec's own way from folder to folder would drop those that fail.
        """
        timeout_s = LISTING_TIMEOUT_S
        if urlsplit(address).scheme in _FLAT:
            names = self._ask(address, system, "find", path, timeout_s=timeout_s)
            return [(name, False) for name in names]
        entries = self._ask(address, system, "ls", path, timeout_s=timeout_s, detail=True)
        return [(entry["name"], entry["type"] == "directory") for entry in entries]

    def _ask(
        self,
        address: str,
        system: AbstractFileSystem,
        method: str,
        path: str,
        *,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Any:
        """Call a method of a file system until it answers, or raise ImageError."""
        server = _server_of(address)
        self._check_asked(server)
        if system.async_impl:  # others wait as long as they will
            options["timeout"] = timeout_s or self._timeout_s or TIMEOUT_S
        for attempt in range(self._n_attempts):
            if attempt:
                time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
            try:
                answer = getattr(system, method)(path, **options)
            except Exception as error:  # each file system has errors of its own
                last = error
                if _is_answer(error):
                    self._count(server, failed=False)
                    raise ImageError(_answer_in_words(error)) from error
            else:
                self._count(server, failed=False)
                return answer
        self._count(server, failed=True)
        words = "no answer in time" if isinstance(last, TimeoutError) else _first_line(last)
        raise ImageError(f"failed {self._n_attempts} times: {words}") from last

    def _check_asked(self, server: str) -> None:
        if self._failures[server] >= GIVE_UP:
            raise ImageError(f"{server} failed {GIVE_UP} times in a row, and is not asked again")

    def _count(self, server: str, *, failed: bool) -> None:
        with self._lock:
            self._failures[server] = self._failures[server] + 1 if failed else 0


def open_system(address: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system behind an address, and the path there.

    Raises
    ------
    InputError
        If the kind of address is unknown, or it holds a password.
    MissingExtra
        If the library for this kind of address is not installed.
    """
    from fsspec.core import url_to_fs

    parts = _split(address)
    if parts.password:
        raise InputError(
            f"an address must not hold a password, for it is stored with the map; that of "
            f"{parts.hostname} does. Give it in the environment or a file of credentials."
        )
    if "::" in address:
        raise InputError(
            f"an address must name one place; {address!r} chains several. Give the last alone."
        )
    try:
        system, path = url_to_fs(address)
    except ImportError as error:
        raise MissingExtra(
            f"{parts.scheme}:// addresses need a library that is not installed ({error}). "
            "Install it with pip install 'featscape[remote]'."
        ) from error
    except Exception as error:
        # each kind of file system reads its address, and may connect, with errors of its own:
        # TypeError for a missing part, ConnectionError, and others
        raise _refused(address, error) from error
    return system, path


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:  # for example brackets that hold no IPv6 address
        raise _refused(address, error) from error


def _server_of(address: str) -> str:
    """Return the part of an address that names its server; raises InputError."""
    return "{0.scheme}://{0.netloc}".format(_split(address))


def _refused(address: str, error: Exception) -> InputError:
    return InputError(
        f"an address must be one that fsspec can open: {address!r} is not "
        f"({_first_line(error)}). Check its beginning."
    )


class _RemoteFile(io.RawIOBase):
    """A file at an address as one that can seek; a `BufferedReader` belongs around it."""

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
            raise OSError("a place before the beginning")
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


def _is_answer(error: Exception) -> bool:
    """Whether an error is a server's answer, so that there is no reason to ask again."""
    status = _http_status(error)
    if status is None:
        return isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)
    return 400 <= status < 500 and status not in _ASK_AGAIN


def _answer_in_words(error: Exception) -> str:
    status = _http_status(error)
    if status in _GONE or (status is None and isinstance(error, FileNotFoundError)):
        return "no such file"
    if status is None:
        return f"refused ({error})"
    return f"refused (HTTP {status})"


def _http_status(error: Exception) -> int | None:
    """Return the status of an HTTP answer, 0 where there was none; None of other protocols.

    fsspec says "not found" of any failure over HTTP, and raises that from aiohttp's own error.
    """
    for one in (error, error.__cause__):
        if type(one).__module__.startswith("aiohttp"):
            return int(getattr(one, "status", 0))
    return None


def _lacks_credentials(error: BaseException) -> bool:
    return type(error).__name__ == "NoCredentialsError"  # botocore's, which need not be installed


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
