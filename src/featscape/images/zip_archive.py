"""A ZIP archive of images, read in place."""

from __future__ import annotations

import bz2
import lzma
import struct
import weakref
import zipfile
import zlib
from copy import copy
from typing import IO, TYPE_CHECKING

from featscape.errors import ImageError, InputError, first_line
from featscape.images.files import check_size, storage_of
from featscape.images.names import Listing, member_parts

if TYPE_CHECKING:
    from pathlib import Path

_ENCRYPTED = 1
_UNBOUNDED = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_PIECE_BYTES = 1 << 16
_LEAST_DICTIONARY_BYTES = 1 << 12  # of LZMA


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
        except Exception as error:
            # zipfile parses the directory with struct and str.decode, and lets their errors through
            raise InputError(
                f"a ZIP archive must be whole to be read; {str(source)!r} is not "
                f"({first_line(error)}). Get it again."
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
            if info.compress_type in _UNBOUNDED:
                return self._unpack(info)
            if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                with self._archive.open(info) as member:
                    # without a number, zipfile decompresses all that is there before it cuts
                    return member.read(info.file_size)
        except ImageError:
            raise
        except Exception as error:
            # zipfile and each decompressor raise errors of their own, MemoryError among them
            raise ImageError(f"damaged in the archive ({first_line(error)})") from error
        raise ImageError(f"packed by a method that cannot be read (number {info.compress_type})")

    def _unpack(self, info: zipfile.ZipInfo) -> bytes:
        """Decompress a member, no further than its size in the directory.

        zipfile does not limit what bzip2 and LZMA decompress at once.
        """
        packed_info = copy(info)
        packed_info.compress_type = zipfile.ZIP_STORED
        packed_info.file_size = info.compress_size
        packed_info.CRC = None  # type: ignore[assignment] # the checksum of the unpacked bytes
        with self._archive.open(packed_info) as packed:
            decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor = bz2.BZ2Decompressor()
            if info.compress_type == zipfile.ZIP_LZMA:
                decompressor = _open_lzma(packed, info.file_size)
            pieces: list[bytes] = []
            missing = info.file_size
            while missing > 0 and not decompressor.eof:
                source = packed.read(_PIECE_BYTES) if decompressor.needs_input else b""
                piece = decompressor.decompress(source, missing)
                if not piece and not source:
                    raise EOFError("cut short")
                pieces.append(piece)
                missing -= len(piece)
        content = b"".join(pieces)
        if missing or zlib.crc32(content) != info.CRC:
            raise ImageError("damaged in the archive (a wrong checksum)")
        return content

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


def _open_lzma(packed: IO[bytes], n_bytes: int) -> lzma.LZMADecompressor:
    """Return the decompressor of a member of `n_bytes` bytes, whose header is read.

    The format: APPNOTE.TXT of PKWARE, section 5.8.8: a version, the length of the properties, and
    the properties of LZMA. A dictionary larger than the member is never needed, and one of up to
    4 GiB would be allocated.
    """
    _version, properties_bytes = struct.unpack("<2sH", packed.read(4))
    properties, dictionary_bytes = struct.unpack("<BI", packed.read(properties_bytes))
    rest, literal_context_bits = divmod(properties, 9)
    position_bits, literal_position_bits = divmod(rest, 5)
    lzma1 = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": min(dictionary_bytes, max(n_bytes, _LEAST_DICTIONARY_BYTES)),
        "lc": literal_context_bits,
        "lp": literal_position_bits,
        "pb": position_bits,
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[lzma1])
