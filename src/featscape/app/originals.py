"""The original image files of a map: opened by id, and nothing else is ever opened.

A path comes from the map's own table, never from a request. It is followed as the scan that found
it followed it, links included, for datasets made of links are common; what would climb out of the
source by itself (a leading slash, "..") is refused. What is opened must be a regular file that
begins as an image, so that even a map folder made by a stranger, or a link that was turned to
another goal since, hands out no key, no password and no page.

Where a map was made of another source, an archive, a table or an address, its originals are read as
the scan read them, one by one into memory: what stands under the item's path there, and again only
what begins as an image. A manifest may list files anywhere and addresses; so did the one who wrote
it, and this machine asks for those of the items that are looked at.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.app.stored import content_tag, file_tag
from featscape.errors import ImageError, InputError, MissingExtra
from featscape.images import media_type, open_contents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from featscape.app.items import Items
    from featscape.records import ImageBytes

_CHUNK_BYTES = 1 << 18

# Opening a pipe must not wait for its writer; Windows has no such pipes.
_NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class Original:
    """An original image, open: read `chunks` once, to the end, or `close` it.

    Attributes
    ----------
    file : binary file
    size : int
        In bytes.
    modified : float
        When, in seconds since 1970.
    etag : str
        As of a `StoredFile`.
    media_type : str
        For example "image/png", by its first bytes.
    """

    file: BinaryIO
    size: int
    modified: float
    etag: str
    media_type: str

    def chunks(self) -> Iterator[bytes]:
        """Yield exactly `size` bytes, and close the file."""
        with self.file:
            left = self.size
            while left:
                chunk = self.file.read(min(_CHUNK_BYTES, left))
                if not chunk:
                    raise ImageError("the file was cut while it was read")
                left -= len(chunk)
                yield chunk

    def close(self) -> None:
        """Close the file without reading it."""
        self.file.close()


class Originals:
    """The source that a map was made of.

    Parameters
    ----------
    source : str
        As run.json has it: an absolute path, or words where the images are gone.
    items : Items
    kind : str
        As run.json has it, of the source: a folder, or what `images.open_contents` opens.
    """

    def __init__(self, source: str, items: Items, *, kind: str = "folder") -> None:
        self._source = source
        self._kind = kind
        self._folder = Path(source)
        self._items = items
        self._contents: ImageBytes | None = None
        self._opening = threading.Lock()

    @property
    def are_here(self) -> bool:
        """Whether there is a source to look into; of an address this is only seen when asked."""
        if self._is_remote:
            return self._items.have_paths
        is_there = self._folder.is_dir() if self._kind == "folder" else self._folder.exists()
        return self._items.have_paths and self._folder.is_absolute() and is_there

    @property
    def _is_remote(self) -> bool:
        return self._kind != "folder" and "://" in self._source

    def open(self, item: int) -> Original:
        """Open the image of an item.

        Raises
        ------
        ImageError
            If it is gone, cannot be read, or is no image; the message says which.
        """
        path = self._items.path(item)
        if path is None or not (self._folder.is_absolute() or self._is_remote):
            raise ImageError("the map has no original images")
        if self._kind != "folder":
            return self._read(path)
        if Path(path).is_absolute() or ".." in Path(path).parts or "\0" in path:
            raise ImageError("its path leads out of the folder that the map was made of")
        try:
            file = open(self._folder / path, "rb", opener=_open)  # noqa: SIM115 - closed below, or by `chunks`
        except OSError as error:
            raise ImageError(f"it cannot be read: {error.strerror}") from error
        try:
            return _examine(file)
        except ImageError:
            file.close()
            raise

    def _read(self, path: str) -> Original:
        """Read an image out of a source that is no folder."""
        try:
            with self._opening:
                if self._contents is None:
                    self._contents = open_contents(self._kind, self._source)
            content = self._contents.read(path)
            modified = 0.0 if self._is_remote else self._folder.stat().st_mtime
        except OSError as error:
            raise ImageError(f"its source cannot be read: {error.strerror}") from error
        except (InputError, MissingExtra) as error:
            raise ImageError(str(error).rstrip(".")) from error
        kind = media_type(io.BytesIO(content))
        if kind is None:
            raise ImageError("it is no longer an image")
        return Original(io.BytesIO(content), len(content), modified, content_tag(content), kind)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAIT)


def _examine(file: BinaryIO) -> Original:
    facts = os.fstat(file.fileno())
    if not stat.S_ISREG(facts.st_mode):
        raise ImageError("it is not a regular file")
    kind = media_type(file)
    if kind is None:
        raise ImageError("it is no longer an image")
    return Original(file, facts.st_size, facts.st_mtime, file_tag(facts), kind)
