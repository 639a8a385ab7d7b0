"""Open the file system of an address (s3://, gs://, https://, ...) with fsspec."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from featscape.errors import InputError, missing_extra
from featscape.images.storage.locations import is_http
from featscape.images.storage.redirects import session_options
from featscape.images.storage.remote_errors import name_error

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


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
            f"an address must name one location; {address!r} is a chain. Use only the last address."
        )
    try:
        if parts.scheme == "ftp":
            return _open_ftp(address)
        options = session_options(address) if is_http(address) else {}
        system, path = url_to_fs(address, **options)
    except ImportError as error:
        raise missing_extra(
            f"{parts.scheme}:// addresses need a library that is not installed ({error})",
            extra="remote",
        ) from error
    except Exception as error:
        # each file system parses its address, and may connect, with its own exceptions: TypeError
        # for a missing part, ConnectionError, and others
        raise _invalid_address(address, error) from error
    return system, path


def _open_ftp(address: str) -> tuple[AbstractFileSystem, str]:
    from featscape.images.storage.ftp import QuietFTP

    system = QuietFTP(**QuietFTP._get_kwargs_from_urls(address))  # noqa: SLF001 - as `url_to_fs`
    # fsspec would drop everything after a "?", which is a character of a name in FTP
    return system, "/" + address.partition("://")[2].partition("/")[2].rstrip("/")


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:  # for example brackets without an IPv6 address
        raise _invalid_address(address, error) from error


def server_of(address: str) -> str:
    """Return the scheme and server of an address; raises InputError."""
    return "{0.scheme}://{0.netloc}".format(_split(address))


def _invalid_address(address: str, error: Exception) -> InputError:
    return InputError(
        f"an address must be one that fsspec can open; got {address!r} ({name_error(error)}). "
        "Check the scheme and the server."
    )
