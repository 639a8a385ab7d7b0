"""TAR archives of images, such as WebDataset's shards, read in place."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError, first_line
from featscape.images.files import MOST_BYTES, file_name, join, storage_of
from featscape.images.folder import list_below
from featscape.images.names import Listing, member_parts

if TYPE_CHECKING:
    from typing import BinaryIO

    from featscape.images.files import Place
    from featscape.images.names import Parts

_BLOCK = 512
_MOST_BESIDE_BYTES = 1 << 20  # of a text or values, which stay in memory
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


@dataclass
class Shard:
    """What one archive holds.

    Attributes
    ----------
    listing : Listing
    places : dict of str to (int, int)
        Where each member begins, and how long it is.
    beside : dict of str to dict
        What files of the same name say of an image, by that name without its extension.
    """

    listing: Listing = field(default_factory=Listing)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    beside: dict[str, dict[str, Any]] = field(default_factory=dict)


class TarShards:
    """The members of one archive, or of several in a folder, by their names or SHARD/NAME.

    Usable from several threads; archives are looked through when they are first needed.

    Parameters
    ----------
    source : Path or str
        A file or folder, or the address of one.
    """

    def __init__(self, source: Place) -> None:
        self._source = source
        is_file = source.is_file() if isinstance(source, Path) else is_tar(file_name(source))
        self._is_folder = not is_file
        self._storage = storage_of(source)
        self._shards: dict[str, Shard] = {}
        self._names: list[str] | None = None

    def names(self) -> list[str]:
        """Return the names of the archives, "" alone for a single one; raises InputError."""
        if not self._is_folder:
            return [""]
        if self._names is None:
            others = list_below(self._source).others
            self._names = sorted(name for name, *below in others if is_tar(name) and not below)
        return self._names

    def shard(self, name: str) -> Shard:
        """Return what an archive holds; raises InputError if it is none."""
        if name not in self._shards:
            self._shards[name] = _look_through(self._at(name))
        return self._shards[name]

    def read(self, path: str) -> bytes:
        """Return a member; raises ImageError if there is none of that name."""
        name, _, member = path.partition("/") if self._is_folder else ("", "", path)
        try:
            if name not in self._shards and name not in self.names():
                raise ImageError("no such archive")
            place = self.shard(name).places.get(member)
        except InputError as error:
            raise ImageError(str(error)) from error
        if place is None:
            raise ImageError("no such file in the archive")
        start, n_bytes = place
        return self._storage.read_part(self._at(name), start, start + n_bytes)

    def _at(self, name: str) -> Place:
        return join(self._source, name) if name else self._source


def is_tar(name: str) -> bool:
    """Whether a file is an archive, by its name."""
    return name.lower().endswith((".tar", ".tar.gz", ".tgz"))


def key_of(path: str) -> str:
    """Return what WebDataset groups by: a path up to the first dot of the name."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.partition('.')[0]}"


def _look_through(source: Place) -> Shard:
    """List the members of an archive by their headers alone; what stands beside images is read."""
    shard = Shard()
    try:
        with storage_of(source).open(source) as file:
            _check_uncompressed(file.read(_BLOCK), source)
            size = file.seek(0, 2)
            file.seek(0)
            _list_members(file, size, shard)
    except InputError:
        raise
    except Exception as error:
        # tarfile parses headers with int, str.decode and struct, and lets their errors through
        raise InputError(
            f"a TAR archive must be whole to be read; {str(source)!r} is not "
            f"({first_line(error)}). Get it again."
        ) from error
    return shard


def _check_uncompressed(head: bytes, source: Place) -> None:
    if head.startswith(_COMPRESSED):
        raise InputError(
            f"a TAR archive must be uncompressed to be read in place; {str(source)!r} is not. "
            "Decompress it first: images hardly shrink."
        )


def _list_members(file: BinaryIO, size: int, shard: Shard) -> None:
    cut = False
    last = -1
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while not cut:
            try:
                info = archive.next()
            except Exception:  # see `_look_through`
                if not shard.places and not archive.offset:
                    raise
                info, cut = None, True
            if info is None:
                break
            cut = info.offset <= last  # behind a negative size the same headers come again
            if cut:
                break
            last = info.offset
            archive.members.clear()  # type: ignore[attr-defined] # else it keeps a million of them
            _list_member(info, file, size, shard)
        if not cut:
            file.seek(archive.offset)
            end = file.read(_BLOCK)
            cut = bool(end.strip(b"\0")) or len(end) < _BLOCK
        if cut:
            where = min(archive.offset, size)
            reason = f"cut short or damaged at byte {where:,}: nothing behind it can be found"
            shard.listing.skip(("(the rest of the archive)",), reason)


def _list_member(info: tarfile.TarInfo, file: BinaryIO, size: int, shard: Shard) -> None:
    if info.isdir():
        return
    listing = shard.listing
    parts = member_parts(info.name, listing)
    if parts is None:
        return
    path = "/".join(parts)
    if not info.isreg() or info.issparse():
        if listing.is_image(parts[-1]):
            listing.skip(parts, "not a regular file")
    elif path in shard.places:
        listing.skip(parts, "a second member of that name")
    elif info.size < 0:
        listing.skip(parts, f"a negative size: {info.size}")
    elif info.offset_data + info.size > size:
        listing.skip(parts, "cut short with the archive")
    elif info.size > MOST_BYTES:
        listing.skip(parts, f"larger than {MOST_BYTES >> 30} GiB")
    else:
        shard.places[path] = (info.offset_data, info.size)
        listing.add(parts)
        _read_beside(parts, info, file, shard)


def _read_beside(parts: Parts, info: tarfile.TarInfo, file: BinaryIO, shard: Shard) -> None:
    """Read a class (.cls), a text (.txt) or values (.json) that stand beside an image."""
    path = "/".join(parts)
    key = key_of(path)
    kind = path[len(key) :].lower()
    if kind not in (".cls", ".txt", ".json"):
        return
    if info.size > _MOST_BESIDE_BYTES:
        shard.listing.skip(parts, f"larger than {_MOST_BESIDE_BYTES >> 20} MiB, beside an image")
        return
    here = file.tell()
    file.seek(info.offset_data)
    content = file.read(info.size)
    file.seek(here)
    values = shard.beside.setdefault(key, {})
    if kind == ".json":
        try:
            read = json.loads(content)
        except (ValueError, RecursionError) as error:
            shard.listing.skip(parts, f"no JSON ({error})")
            return
        values |= read if isinstance(read, dict) else {"json": read}
    else:
        name = "cls" if kind == ".cls" else "text"
        values[name] = content.decode("utf-8", "backslashreplace").strip()
