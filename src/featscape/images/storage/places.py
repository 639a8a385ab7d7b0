"""Places of files and folders: paths on a local disk, and addresses such as s3://bucket/folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from featscape.errors import InputError

if TYPE_CHECKING:
    import os

Place = Path | str  # a path on a local disk, or an address

_LOCAL_SCHEMES = ("file://", "local://")  # fsspec's schemes of the local disk


def is_address(text: object) -> bool:
    """Return whether a source or path is an address, such as s3://bucket/folder."""
    return isinstance(text, str) and "://" in text


def as_place(source: str | os.PathLike[str]) -> Place:
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


def file_name(place: Place) -> str:
    """Return the last part of a path or address."""
    return place.name if isinstance(place, Path) else PurePosixPath(urlsplit(place).path).name


def join(folder: Place, path: str) -> Place:
    """Return the place of a file below a folder, from the file's path relative to the folder."""
    return folder / path if isinstance(folder, Path) else f"{folder.rstrip('/')}/{path}"


def folder_of(file: Place) -> Place:
    """Return the folder that contains a file."""
    return file.parent if isinstance(file, Path) else file.rpartition("/")[0]
