"""A ZIP archive of original images, created while it is sent; one image at a time is in memory."""

from __future__ import annotations

import re
import secrets
import threading
import time
import unicodedata
import zipfile
from typing import TYPE_CHECKING

from featscape.errors import ImageError
from featscape.images.decoding.formats import readable_extensions
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from featscape.app.item_table import ItemTable
    from featscape.app.originals.reader import Original, Originals

MISSING = "MISSING.txt"
_KEPT = 8  # selections; a browser downloads an archive right after its request

# Characters that Windows, macOS or Linux forbids in file names or interprets.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class KeptSelections:
    """Recent archive selections, by key; usable from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def keep(self, ids: list[int]) -> str:
        """Store a selection, drop the oldest one if there are too many, and return the key."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._ids[key] = ids
            while len(self._ids) > _KEPT:
                del self._ids[next(iter(self._ids))]
        return key

    def get(self, key: str) -> list[int] | None:
        """Return the ids of a selection; None if the selection is no longer stored."""
        return self._ids.get(key)


class _Outlet:
    """A write-only file that returns the bytes written since the last call of `take`."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: `write` has no buffer to flush."""

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


async def stream_archive(
    ids: Sequence[int], *, items: ItemTable, originals: Originals
) -> AsyncIterator[bytes]:
    """Yield a ZIP archive of the originals of some items, uncompressed.

    Each member has the path of its image in the dataset, with the extension of its format if the
    path has none, as in a Parquet file. MISSING.txt lists each original that
    cannot be read, with the reason.

    Parameters
    ----------
    ids : sequence of int
        Distinct ids of items.
    items : ItemTable
    originals : Originals
    """
    outlet = _Outlet()
    taken = {_key(MISSING)}
    missing: list[str] = []
    with zipfile.ZipFile(outlet, "w") as archive:
        for item in ids:
            path = items.path(item) or ""
            try:
                original = await originals.read(item)
            except ImageError as error:
                missing.append(f"{printable(path)}: {error}\n")
                continue
            name = unique_name(safe_name(path) + missing_extension(path, original), taken)
            entry = zipfile.ZipInfo(name, _moment(original))
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as target:
                async for chunk in original.chunks():
                    target.write(chunk)
                    yield outlet.take()
        if missing:
            archive.writestr(MISSING, "".join(missing))
    yield outlet.take()


def safe_name(path: str) -> str:
    """Return a path that every system can unpack, and that stays in the target folder."""
    names = (_UNSAFE.sub("_", printable(name)).rstrip(" .") for name in path.split("/"))
    kept = [f"_{name}" if _DEVICES.fullmatch(name) else name for name in names if name]
    return "/".join(kept) or "image"


def missing_extension(path: str, original: Original) -> str:
    """Return for example ".png", or "" for a path with the extension of an image."""
    if path.lower().endswith(readable_extensions()):
        return ""
    extension = original.media_type.removeprefix("image/")
    return ".jpg" if extension == "jpeg" else f".{extension}"


def unique_name(path: str, taken: set[str]) -> str:
    """Return `path`, numbered if an equal path is in `taken`, and add the result to `taken`."""
    folder, slash, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    number = 1
    while _key(path) in taken:
        number += 1
        path = f"{folder}{slash}{stem} ({number}){dot}{extension}"
    taken.add(_key(path))
    return path


def _key(path: str) -> str:
    """Return a key that is equal for names that some file systems consider equal."""
    return unicodedata.normalize("NFC", path).casefold()


def _moment(original: Original) -> tuple[int, int, int, int, int, int]:
    """Return the modification time of an original, limited to the years of the ZIP format."""
    year, *rest = time.localtime(original.modified)[:6]
    return (min(max(year, 1980), 2107), rest[0], rest[1], rest[2], rest[3], rest[4])
