"""Read the members of a ZIP archive without unpacking the archive."""

from __future__ import annotations

import bz2
import lzma
import struct
import weakref
import zipfile
import zlib
from copy import copy
from typing import IO, TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError, first_line
from featscape.images.storage.backends import storage_of
from featscape.images.storage.limits import check_size
from featscape.images.storage.listing import Listing, split_member_name

if TYPE_CHECKING:
    from featscape.images.storage.locations import Location

_ENCRYPTED = 1  # a bit of a member's flags
_UNBOUNDED_METHODS = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_PIECE_BYTES = 1 << 16
_MIN_DICTIONARY_BYTES = 1 << 12  # of LZMA


class ZipArchive:
    """The members of a ZIP archive, read into memory one by one; thread-safe.

    Parameters
    ----------
    source : Path or str
        The file or its address.

    Attributes
    ----------
    listing : Listing
        The names of the members.

    Raises
    ------
    InputError
        If the file is not a ZIP archive, or the archive's directory is damaged.
    """

    def __init__(self, source: Location) -> None:
        self._source = source
        try:
            file = storage_of(source).open(source)
            weakref.finalize(self, file.close)
            self._archive = zipfile.ZipFile(file)
        except Exception as error:
            # zipfile parses the directory with struct and str.decode, and passes on their errors
            raise InputError(
                f"a ZIP archive must be undamaged; {str(source)!r} cannot be read "
                f"({first_line(error)}). Copy or download the file again."
            ) from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.listing = Listing()
        for info in self._archive.infolist():
            self._add(info)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the source for pickle, which opens the source again."""
        return ZipArchive, (self._source,)

    def read(self, path: str) -> bytes:
        """Return a member; raises ImageError if the member does not exist or cannot be read."""
        info = self._members.get(path)
        if info is None:
            raise ImageError("no such file in the archive")
        if info.flag_bits & _ENCRYPTED:
            raise ImageError("encrypted")
        check_size(info.file_size)
        try:
            if info.compress_type in _UNBOUNDED_METHODS:
                return self._decompress(info)
            if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                with self._archive.open(info) as member:
                    # without a size, zipfile decompresses the whole stream before it truncates
                    return member.read(info.file_size)
        except ImageError:
            raise
        except Exception as error:
            # zipfile and each decompressor raise their own exceptions, including MemoryError
            raise ImageError(f"damaged in the archive ({first_line(error)})") from error
        raise ImageError(f"unsupported compression method (number {info.compress_type})")

    def _decompress(self, info: zipfile.ZipInfo) -> bytes:
        """Decompress a member up to its size in the directory.

        zipfile does not limit the size of the data that bzip2 and LZMA decompress at once.
        """
        stored_info = copy(info)  # describes the compressed bytes
        stored_info.compress_type = zipfile.ZIP_STORED
        stored_info.file_size = info.compress_size
        stored_info.CRC = None  # type: ignore[assignment] # the checksum of the decompressed bytes
        with self._archive.open(stored_info) as stored:
            decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor = bz2.BZ2Decompressor()
            if info.compress_type == zipfile.ZIP_LZMA:
                decompressor = _open_lzma(stored, info.file_size)
            pieces: list[bytes] = []
            missing = info.file_size
            while missing > 0 and not decompressor.eof:
                source = stored.read(_PIECE_BYTES) if decompressor.needs_input else b""
                piece = decompressor.decompress(source, missing)
                if not piece and not source:
                    raise EOFError("truncated")
                pieces.append(piece)
                missing -= len(piece)
        content = b"".join(pieces)
        if missing or zlib.crc32(content) != info.CRC:
            raise ImageError("damaged in the archive (wrong checksum)")
        return content

    def _add(self, info: zipfile.ZipInfo) -> None:
        if info.filename.endswith("/"):  # a folder
            return
        parts = split_member_name(info.filename, self.listing)
        if parts is None:
            return
        path = "/".join(parts)
        if path in self._members:
            self.listing.skip(parts, "duplicate name in the archive")
            return
        self._members[path] = info
        self.listing.add(parts)


def _open_lzma(stored: IO[bytes], n_bytes: int) -> lzma.LZMADecompressor:
    """Read the header of a compressed member of `n_bytes` bytes, and return its decompressor.

    The format: PKWARE, APPNOTE.TXT, section 5.8.8: a version, the length of the properties, and
    the properties of LZMA. The dictionary is limited to the size of the member, which always
    suffices: the header could otherwise make the decompressor allocate 4 GiB.
    """
    _version, properties_bytes = struct.unpack("<2sH", stored.read(4))
    properties, dictionary_bytes = struct.unpack("<BI", stored.read(properties_bytes))
    rest, literal_context_bits = divmod(properties, 9)
    position_bits, literal_position_bits = divmod(rest, 5)
    lzma1 = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": min(dictionary_bytes, max(n_bytes, _MIN_DICTIONARY_BYTES)),
        "lc": literal_context_bits,
        "lp": literal_position_bits,
        "pb": position_bits,
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[lzma1])
