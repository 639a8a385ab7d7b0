"""Locations of files and folders: paths on a local disk, and addresses such as s3://bucket/folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from featscape.errors import InputError

if TYPE_CHECKING:
    import os

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


def file_name(location: Location) -> str:
    """Return the last part of a path or address."""
    return (
        location.name if isinstance(location, Path) else PurePosixPath(urlsplit(location).path).name
    )


def join(folder: Location, path: str) -> Location:
    """Return the location of a file below a folder, from the file's path relative to the folder."""
    return folder / path if isinstance(folder, Path) else f"{folder.rstrip('/')}/{path}"


def folder_of(file: Location) -> Location:
    """Return the folder that contains a file."""
    return file.parent if isinstance(file, Path) else file.rpartition("/")[0]
