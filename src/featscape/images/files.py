"""Image files by their paths: the one place that reads them from a disk."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import ImageError

if TYPE_CHECKING:
    from typing import BinaryIO

# Pillow's limit of pixels, sixteen bits deep and uncompressed, fits twice
MOST_BYTES = 1 << 30


class Files:
    """Files below a folder.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str) -> bytes:
        """Return the file at `path`, below the folder or absolute; raises ImageError."""
        return read_file(self._folder / path)


def read_file(path: Path) -> bytes:
    """Return a whole file.

    Raises
    ------
    ImageError
        If it is no regular file, is larger than any image, or cannot be read; the message is the
        reason alone.
    """
    try:
        facts = path.stat()
        # opening a pipe would wait for its writer
        if not stat.S_ISREG(facts.st_mode):
            raise ImageError("not a regular file")
        check_size(facts.st_size)
        with path.open("rb") as file:
            return file.read()
    except ValueError as error:  # a zero byte
        raise ImageError("no such file") from error
    except OSError as error:
        raise ImageError(reason_of(error)) from error


def open_binary(source: Path | str) -> BinaryIO:
    """Open a file that can seek; raises OSError."""
    return Path(source).open("rb")


def read_part(source: Path | str, start: int, end: int) -> bytes:
    """Return a part of a file; raises ImageError."""
    try:
        with open_binary(source) as file:
            file.seek(start)
            content = file.read(end - start)
    except OSError as error:
        raise ImageError(reason_of(error)) from error
    if len(content) < end - start:
        raise ImageError("cut short with the archive")
    return content


def check_size(n_bytes: int) -> None:
    """Raise ImageError if an image file is too large to be held in memory."""
    if n_bytes > MOST_BYTES:
        raise ImageError(
            f"{n_bytes / (1 << 30):.1f} GiB; an image file must have {MOST_BYTES >> 30} or less"
        )


def reason_of(error: OSError) -> str:
    """Return why something cannot be read, without its name."""
    if isinstance(error, PermissionError):
        return "no permission to read"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return f"cannot be read: {error.strerror or error}"
