"""A folder tree, read without looking into its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.files.regular import NOT_REGULAR
from featscape.images.files import reason_of
from featscape.images.names import Listing, is_hidden

if TYPE_CHECKING:
    from featscape.images.files import Place
    from featscape.images.names import Parts

    FolderId = tuple[int, int]  # device and inode: the same folder by whatever path


def list_below(source: Place) -> Listing:
    """List everything below a folder on a disk or at an address; raises InputError."""
    if isinstance(source, Path):
        return walk(source)
    from featscape.images.remote import Remote

    return Remote().list(source)


def walk(source: Path) -> Listing:
    """List everything below a folder; one `stat` a folder and none a file.

    Parameters
    ----------
    source : Path

    Raises
    ------
    InputError
        If there is no such folder, or it cannot be read.
    """
    listing = Listing()
    # a stack, since links can lead deeper than Python's recursion
    waiting: list[tuple[Parts, tuple[FolderId, ...]]] = [((), ())]
    while waiting:
        parts, above = waiting.pop()
        try:
            here, entries = _open_folder(os.path.join(source, *parts))  # noqa: PTH118 - in a hot loop
        except OSError as error:
            if not parts:
                raise InputError(_explain_source(source, error)) from error
            listing.skip(parts, reason_of(error))
            continue
        if here in above:
            listing.skip(parts, "a link to a folder that it lies in")
            continue
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if _is_folder(entry):
                waiting.append(((*parts, entry.name), (*above, here)))
            else:
                _list_file((*parts, entry.name), entry, listing)
    return listing


def _open_folder(path: str) -> tuple[FolderId, list[os.DirEntry[str]]]:
    facts = os.stat(path)  # noqa: PTH116 - in a hot loop
    with os.scandir(path) as entries:
        return (facts.st_dev, facts.st_ino), list(entries)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link whose goal cannot be looked at; `_list_file` says why
        return False


def _list_file(parts: Parts, entry: os.DirEntry[str], listing: Listing) -> None:
    try:
        is_file = entry.is_file()
    except OSError as error:
        listing.skip(parts, reason_of(error))
        return
    if is_file:
        listing.add(parts)
    elif not os.path.exists(entry.path):  # noqa: PTH110 - an entry has no such method
        listing.skip(parts, "a broken link")  # whatever its name: it may have led to a folder
    elif listing.is_image(entry.name):
        listing.skip(parts, NOT_REGULAR)


def _explain_source(source: Path, error: OSError) -> str:
    name = repr(str(source))
    if isinstance(error, FileNotFoundError):
        return (
            "the source must be a folder of images, a table, an archive or arrays; "
            f"there is no {name}. Check its spelling."
        )
    if isinstance(error, NotADirectoryError):
        return (
            f"the source must be a folder of images, a table, an archive or arrays; {name} is no "
            "folder, and none of these. "
            f"Name the folder that holds the images, perhaps {str(source.parent)!r}."
        )
    return (
        f"the source must be a folder that can be read; {name} cannot ({error.strerror}). "
        "Check its permissions."
    )
