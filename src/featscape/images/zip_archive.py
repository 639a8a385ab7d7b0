"""A ZIP archive of images, read in place."""

from __future__ import annotations

import lzma
import struct
import weakref
import zipfile
import zlib
from typing import TYPE_CHECKING

from featscape.errors import ImageError, InputError
from featscape.images.files import check_size, storage_of
from featscape.images.names import Listing, member_parts

if TYPE_CHECKING:
    from pathlib import Path

_ENCRYPTED = 1

# what zipfile and the decompressors behind it raise on damaged bytes, or on methods they lack
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    RuntimeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


class ZipArchive:
    """The members of an archive, which are read into memory one by one and never unpacked.

    Usable from several threads.

    Parameters
    ----------
    source : Path or str
        The file, or its address.

    Raises
    ------
    InputError
        If it is no ZIP archive, or its directory is damaged.
    """

    def __init__(self, source: Path | str) -> None:
        try:
            file = storage_of(source).open(source)
            weakref.finalize(self, file.close)
            self._archive = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise InputError(
                f"a ZIP archive must be whole to be read; {str(source)!r} is not ({error}). "
                "Get it again."
            ) from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.listing = Listing()
        for info in self._archive.infolist():
            self._list(info)

    def read(self, path: str) -> bytes:
        """Return a member; raises ImageError if there is none of that name or it is damaged."""
        info = self._members.get(path)
        if info is None:
            raise ImageError("no such file in the archive")
        if info.flag_bits & _ENCRYPTED:
            raise ImageError("encrypted")
        check_size(info.file_size)
        try:
            return self._archive.read(info)
        except NotImplementedError as error:
            raise ImageError(f"packed by a method that cannot be read ({error})") from error
        except _DAMAGE as error:
            raise ImageError(
                f"damaged in the archive ({str(error) or type(error).__name__})"
            ) from error

    def _list(self, info: zipfile.ZipInfo) -> None:
        if info.filename.endswith("/"):  # a folder
            return
        parts = member_parts(info.filename, self.listing)
        if parts is None:
            return
        path = "/".join(parts)
        if path in self._members:
            self.listing.skip(parts, "a second member of that name")
            return
        self._members[path] = info
        self.listing.add(parts)
