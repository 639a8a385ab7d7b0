"""Locations of files and folders: paths on a local disk, and addresses such as s3://bucket/folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from featscape.errors import InputError

if TYPE_CHECKING:
    from typing import TypeGuard

Location = Path | str  # a path on a local disk, or an address

_LOCAL_SCHEMES = ("file://", "local://")  # fsspec's schemes of the local disk


def is_address(text: object) -> bool:
    """Return whether a source or path is an address, such as s3://bucket/folder."""
    return isinstance(text, str) and "://" in text


def as_location(source: str | os.PathLike[str]) -> Location:
    """Return an address unchanged, and everything else, including file:// addresses, as a path.

    Raises
    ------
    InputError
        If the address is malformed.
    """
    if not (isinstance(source, str) and is_address(source)):
        return Path(source)
    try:
        path = urlsplit(source).path
    except ValueError as error:  # for example brackets without an IPv6 address
        raise InputError(
            f"an address must be valid; got {source!r} ({error}). Correct the address."
        ) from error
    return Path(url2pathname(path)) if source.startswith(_LOCAL_SCHEMES) else source


def is_http(location: Location) -> TypeGuard[str]:
    """Return whether a location is an address of an HTTP server, whose names are encoded."""
    return isinstance(location, str) and location.lower().startswith(("http://", "https://"))


def file_name(location: Location) -> str:
    """Return the last part of a path or address, without the encoding of an HTTP address."""
    if isinstance(location, Path):
        return location.name
    path = location.partition("://")[2].partition("/")[2]
    return PurePosixPath(decode_path(_without_query(path)) if is_http(location) else path).name


def decode_path(path: str) -> str:
    """Return the path of a file from the percent-encoded path in an HTTP address."""
    return os.fsdecode(unquote_to_bytes(path))


def join(folder: Location, path: str) -> Location:
    """Return the location of a file below a folder, from the file's path relative to the folder.

    In an HTTP address, the path is percent-encoded: "?" and "#" would end the path, and the server
    would decode a "%20" that is part of a name. The names in an object store are not encoded.
    """
    if isinstance(folder, Path):
        return folder / path
    return f"{folder.rstrip('/')}/{quote(os.fsencode(path)) if is_http(folder) else path}"


def folder_of(file: Location) -> Location:
    """Return the folder that contains a file."""
    if isinstance(file, Path):
        return file.parent
    return (_without_query(file) if is_http(file) else file).rpartition("/")[0]


def _without_query(address: str) -> str:
    return address.partition("#")[0].partition("?")[0]
