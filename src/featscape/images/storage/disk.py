"""Files on a local disk: read a file, list a folder."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import ImageError, InputError
from featscape.files.near_paths import suggest_path
from featscape.files.regular import NOT_REGULAR, describe_os_error, open_regular
from featscape.images.storage.limits import check_length, check_size
from featscape.images.storage.listing import Listing, is_hidden

if TYPE_CHECKING:
    from typing import BinaryIO

    from featscape.images.storage.listing import PathParts
    from featscape.images.storage.locations import Location

    FolderId = tuple[int, int]  # device and inode: equal for all paths to the same folder

_PATTERN = re.compile(r"[*?\[]")  # in the name of a file: the shell's wildcards


class Disk:
    """A `Storage`: the local file system."""

    def read(self, location: Location) -> bytes:
        """Return the content of a file.

        Raises
        ------
        ImageError
            If the file is not a regular file, is larger than `MAX_BYTES`, or cannot be read; the
            message is the reason, without a path.
        """
        path = (
            location if isinstance(location, Path) else Path(location)
        )  # parsing a Path again is slow
        try:
            with open_regular(path) as file:
                n_bytes = os.fstat(file.fileno()).st_size
                check_size(n_bytes)
                return file.read(n_bytes)  # at most `n_bytes`, even if the file grows
        except ValueError as error:  # a null byte in the path
            raise ImageError("no such file") from error
        except OSError as error:
            raise ImageError(describe_os_error(error)) from error

    def read_part(self, location: Location, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end` of a file; raises ImageError."""
        try:
            with self.open(location) as file:
                file.seek(start)
                content = file.read(end - start)
        except OSError as error:
            raise ImageError(describe_os_error(error)) from error
        return check_length(content, end - start)

    def open(self, location: Location) -> BinaryIO:
        """Open a regular file; raises OSError."""
        return open_regular(location)

    def exists(self, location: Location) -> bool:
        """Return whether there is a file at `location`."""
        return Path(location).is_file()

    def list(self, location: Location) -> Listing:
        """List all files below a folder, with one `stat` call per folder and none per file.

        Hidden files and folders are ignored. Links are followed. Folders that cannot be read,
        broken links and links to a parent folder are in `skipped`.

        Raises
        ------
        InputError
            If there is no such folder, or the folder cannot be read.
        """
        source = Path(location)
        listing = Listing()
        # a stack instead of recursion: links can nest deeper than Python's recursion limit
        pending: list[tuple[PathParts, tuple[FolderId, ...]]] = [((), ())]
        while pending:
            parts, parents = pending.pop()
            try:
                folder, entries = _open_folder(os.path.join(source, *parts))  # noqa: PTH118 - in a hot loop
            except OSError as error:
                if not parts:
                    raise InputError(_explain_source(source, error)) from error
                listing.skip(parts, describe_os_error(error))
                continue
            if folder in parents:
                listing.skip(parts, "a link to one of its parent folders")
                continue
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if _is_folder(entry):
                    pending.append(((*parts, entry.name), (*parents, folder)))
                else:
                    _list_file((*parts, entry.name), entry, listing)
        return listing


def check_exists(source: Path) -> None:
    """Raise InputError if there is no file or folder `source`, or if it cannot be reached."""
    try:
        source.stat()
    except (OSError, ValueError) as error:
        raise InputError(_explain_source(source, error)) from error


def _open_folder(path: str) -> tuple[FolderId, list[os.DirEntry[str]]]:
    status = os.stat(path)  # noqa: PTH116 - in a hot loop
    with os.scandir(path) as entries:
        return (status.st_dev, status.st_ino), list(entries)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to an inaccessible target; `_list_file` adds the reason
        return False


def _list_file(parts: PathParts, entry: os.DirEntry[str], listing: Listing) -> None:
    try:
        is_file = entry.is_file()
    except OSError as error:
        listing.skip(parts, describe_os_error(error))
        return
    if is_file:
        listing.add(parts)
    elif not os.path.exists(entry.path):  # noqa: PTH110 - a DirEntry has no such method
        listing.skip(parts, "a broken link")  # of any extension: a link may lead to a folder
    elif listing.is_image(entry.name):
        listing.skip(parts, NOT_REGULAR)


def _explain_pattern(source: Path) -> str | None:
    """Return the folder to name instead of a pattern such as data/*.parquet; None for a path."""
    folder = next((one for one in source.parents if not _PATTERN.search(str(one))), None)
    if folder is None or not _PATTERN.search(str(source)) or not folder.is_dir():
        return None
    return f"A pattern is not a source: name the folder that contains the files, {str(folder)!r}."


def _explain_source(source: Path, error: OSError | ValueError) -> str:
    """Return the message for a source that cannot be read; ValueError is a null byte in a name."""
    name = repr(str(source))
    if isinstance(error, (FileNotFoundError, ValueError)):
        remedy = _explain_pattern(source) or suggest_path(source) or "Check the spelling."
        return (
            "the source must be a folder of images, a table, an archive or arrays; "
            f"{name} does not exist. {remedy}"
        )
    if isinstance(error, NotADirectoryError):
        return (
            f"the source must be a folder of images, a table, an archive or arrays; {name} is a "
            "file of another type. "
            f"Name the folder that contains the images, for example {str(source.parent)!r}."
        )
    if error.errno == errno.ELOOP:
        return (
            f"the source must be a folder or a file; {name} is a symbolic link that leads back to "
            "itself. Name the folder that contains the images."
        )
    remedy = "Check the permissions." if isinstance(error, PermissionError) else "Check the disk."
    return (
        f"the source must be a readable folder; {name} cannot be read ({error.strerror}). {remedy}"
    )
