"""Read the members of TAR archives, such as WebDataset's shards, without unpacking the archives."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError, first_line
from featscape.files.regular import NOT_REGULAR
from featscape.images.storage.backends import storage_of
from featscape.images.storage.limits import MAX_BYTES
from featscape.images.storage.listing import Listing, split_member_name
from featscape.images.storage.locations import file_name, join

if TYPE_CHECKING:
    from typing import BinaryIO

    from featscape.images.storage.listing import PathParts
    from featscape.images.storage.locations import Location

_BLOCK_BYTES = 512
_MAX_SIDECAR_BYTES = 1 << 20  # sidecar files are kept in memory
_SIDECAR_EXTENSIONS = (".cls", ".txt", ".json")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gzip, bzip2, xz, zstd


@dataclass
class TarIndex:
    """The index of one TAR archive.

    Attributes
    ----------
    listing : Listing
        The names of the members.
    extents : dict of str to (int, int)
        The position and the size of each member, in bytes.
    sidecars : dict of str to dict
        The values in the sidecar files of each sample, by the sample's key.
    """

    listing: Listing = field(default_factory=Listing)
    extents: dict[str, tuple[int, int]] = field(default_factory=dict)
    sidecars: dict[str, dict[str, Any]] = field(default_factory=dict)


class TarShards:
    """The members of a TAR archive, by NAME, or of the archives in a folder, by SHARD/NAME.

    The class is thread-safe. An archive is indexed when it is first needed.

    Parameters
    ----------
    source : Path or str
        A file or folder, or the address of a file or folder.
    """

    def __init__(self, source: Location) -> None:
        self._source = source
        is_file = source.is_file() if isinstance(source, Path) else is_tar(file_name(source))
        self._is_folder = not is_file
        self._storage = storage_of(source)
        self._indexes: dict[str, TarIndex] = {}
        self._names: list[str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the source for pickle, which opens the source again."""
        return TarShards, (self._source,)

    def shard_names(self) -> list[str]:
        """Return the file names of the archives; [""] for a single archive; raises InputError."""
        if not self._is_folder:
            return [""]
        if self._names is None:
            others = self._storage.list(self._source).others
            self._names = sorted(name for name, *below in others if is_tar(name) and not below)
        return self._names

    def index(self, shard: str) -> TarIndex:
        """Return the index of an archive; raises InputError if the archive cannot be read."""
        if shard not in self._indexes:
            self._indexes[shard] = _index_archive(self._location_of(shard))
        return self._indexes[shard]

    def read(self, path: str) -> bytes:
        """Return a member; raises ImageError if the member does not exist or cannot be read."""
        shard, _, member = path.partition("/") if self._is_folder else ("", "", path)
        try:
            if shard not in self._indexes and shard not in self.shard_names():
                raise ImageError("no such archive")
            extent = self.index(shard).extents.get(member)
        except InputError as error:
            raise ImageError(str(error)) from error
        if extent is None:
            raise ImageError("no such file in the archive")
        start, n_bytes = extent
        return self._storage.read_part(self._location_of(shard), start, start + n_bytes)

    def _location_of(self, shard: str) -> Location:
        return join(self._source, shard) if shard else self._source


def is_tar(name: str) -> bool:
    """Return whether a file name has the extension of a TAR archive."""
    return name.lower().endswith((".tar", ".tar.gz", ".tgz"))


def sample_key(path: str) -> str:
    """Return the key by which WebDataset groups files: the path up to the name's first dot."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.partition('.')[0]}"


def _index_archive(source: Location) -> TarIndex:
    """Index an archive: read the headers of the members and the sidecar files."""
    index = TarIndex()
    try:
        with storage_of(source).open(source) as file:
            _check_uncompressed(file.read(_BLOCK_BYTES), source)
            size = file.seek(0, 2)
            file.seek(0)
            _index_members(file, size, index)
    except InputError:
        raise
    except Exception as error:
        # tarfile parses headers with int, str.decode and struct, and passes on their errors
        raise InputError(
            f"a TAR archive must be undamaged; {str(source)!r} cannot be read "
            f"({first_line(error)}). Copy or download the file again."
        ) from error
    return index


def _check_uncompressed(head: bytes, source: Location) -> None:
    if head.startswith(_COMPRESSED):
        raise InputError(
            f"a TAR archive must be uncompressed; {str(source)!r} is compressed. Decompress the "
            "archive: compression hardly reduces the size of images."
        )


def _index_members(file: BinaryIO, size: int, index: TarIndex) -> None:
    is_damaged = False
    last_offset = -1
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while not is_damaged:
            try:
                info = archive.next()
            except Exception:  # see `_index_archive`
                if not index.extents and not archive.offset:
                    raise
                info, is_damaged = None, True
            if info is None:
                break
            is_damaged = info.offset <= last_offset  # a negative size leads back to the same header
            if is_damaged:
                break
            last_offset = info.offset
            archive.members.clear()  # type: ignore[attr-defined] # else tarfile keeps all members
            _index_member(info, file, size, index)
        if not is_damaged:
            file.seek(archive.offset)
            end = file.read(_BLOCK_BYTES)
            is_damaged = bool(end.strip(b"\0")) or len(end) < _BLOCK_BYTES
        if is_damaged:
            position = min(archive.offset, size)
            reason = f"truncated or damaged at byte {position:,}: the rest cannot be read"
            index.listing.skip(("(the rest of the archive)",), reason)


def _index_member(info: tarfile.TarInfo, file: BinaryIO, size: int, index: TarIndex) -> None:
    if info.isdir():
        return
    listing = index.listing
    parts = split_member_name(info.name, listing)
    if parts is None:
        return
    path = "/".join(parts)
    if not info.isreg() or info.issparse():
        if listing.is_image(parts[-1]):
            listing.skip(parts, NOT_REGULAR)
    elif path in index.extents:
        listing.skip(parts, "duplicate name in the archive")
    elif info.size < 0:
        listing.skip(parts, f"a negative size: {info.size}")
    elif info.offset_data + info.size > size:
        listing.skip(parts, "truncated with the archive")
    elif info.size > MAX_BYTES:
        listing.skip(parts, f"larger than {MAX_BYTES >> 30} GiB")
    else:
        index.extents[path] = (info.offset_data, info.size)
        listing.add(parts)
        _read_sidecar(parts, info, file, index)


def _read_sidecar(parts: PathParts, info: tarfile.TarInfo, file: BinaryIO, index: TarIndex) -> None:
    """Read a member if it is a sidecar file: a class (.cls), a text (.txt) or values (.json)."""
    path = "/".join(parts)
    key = sample_key(path)
    extension = path[len(key) :].lower()
    if extension not in _SIDECAR_EXTENSIONS:
        return
    if info.size > _MAX_SIDECAR_BYTES:
        reason = f"larger than {_MAX_SIDECAR_BYTES >> 20} MiB, the limit for a sidecar file"
        index.listing.skip(parts, reason)
        return
    position = file.tell()
    file.seek(info.offset_data)
    content = file.read(info.size)
    file.seek(position)
    values = index.sidecars.setdefault(key, {})
    if extension == ".json":
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError) as error:
            index.listing.skip(parts, f"not valid JSON ({error})")
            return
        parsed = parsed if isinstance(parsed, dict) else {"json": parsed}
        index.sidecars[key] = parsed | values  # a file takes precedence over a key of the JSON
    else:
        name = "cls" if extension == ".cls" else "text"
        values[name] = content.decode("utf-8", "backslashreplace").strip()
