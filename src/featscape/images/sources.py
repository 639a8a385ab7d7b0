"""What kinds of sources there are: how each is told, looked through, and opened again."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from featscape.errors import InputError
from featscape.images.archives import find_in_tar, find_in_zip
from featscape.images.arrays import ARRAYS, IDX
from featscape.images.files import Files, as_place, file_name, folder_of, join
from featscape.images.folder import list_below
from featscape.images.labeled_arrays import find_in_arrays, open_array_images
from featscape.images.manifest import find_listed
from featscape.images.metadata import attach_metadata
from featscape.images.names import arrange, tell_skipped
from featscape.images.parquet_images import (
    ParquetImages,
    find_in_parquet,
    holds_images,
    is_parquet,
)
from featscape.images.tables import TABLES
from featscape.images.tar_shards import TarShards, is_tar
from featscape.images.zip_archive import ZipArchive

if TYPE_CHECKING:
    from collections.abc import Callable

    from featscape.images.files import Place
    from featscape.images.names import Listing
    from featscape.records import ImageBytes, ImageSet

_OPEN: dict[str, Callable[[Place], ImageBytes]] = {
    "folder": Files,
    "address": Files,
    "manifest": lambda source: Files(folder_of(source)),
    "zip": ZipArchive,
    "tar": TarShards,
    "parquet": ParquetImages,
    "array": open_array_images,
}


_FIND: dict[str, Callable[..., ImageSet]] = {
    "zip": find_in_zip,
    "tar": find_in_tar,
    "parquet": find_in_parquet,
    "array": find_in_arrays,
}


def name_source(source: str | os.PathLike[str]) -> str:
    """Return what a source is called, for the name of its map.

    Parameters
    ----------
    source : str or Path
        As for `find_images`.
    """
    place = as_place(source)
    if isinstance(place, str):
        parts = urlsplit(place)
        return PurePosixPath(parts.path).stem or parts.hostname or "address"
    path = place.resolve()
    return (path.stem if path.is_file() else path.name) or "root"


def open_contents(kind: str, source: str | os.PathLike[str]) -> ImageBytes:
    """Open a source again, to read single images of it by their paths.

    Parameters
    ----------
    kind, source
        As of the `ImageSet`.

    Raises
    ------
    InputError
        If it cannot be read any more, or the kind is unknown.
    """
    if kind not in _OPEN:
        raise InputError(
            f"the kind of a source must be one of {', '.join(_OPEN)}; got {kind!r}. "
            "Use the featscape that made the map."
        )
    return _OPEN[kind](as_place(source))


def look_through(
    source: Place, *, path_column: str | None = None, label_column: str | None = None
) -> ImageSet:
    """Recognize what a source is, and list all of its images: see `find_images`."""
    kind, listing = _recognize(source)
    if kind == "manifest" and path_column is None and is_parquet(file_name(source)):
        kind = "parquet" if holds_images(source) else kind
    if kind == "manifest":
        return find_listed(source, path_column=path_column, label_column=label_column)
    if path_column is not None:
        raise InputError(
            f"a path column must stand in a manifest; got {path_column!r}, and {str(source)!r} is "
            f"none ({' '.join(TABLES)}). Leave it out, or name a manifest."
        )
    if listing is not None and listing.images:
        images = arrange(listing, source=source, kind=kind, contents=_OPEN[kind](source))
        return attach_metadata(images, listing.others, label_column=label_column)
    return _FIND[kind](source, label_column=label_column)


def _recognize(source: Place) -> tuple[str, Listing | None]:
    """Return the kind of a source, and where it is a folder or address, what lies there."""
    is_address = isinstance(source, str)
    kind = _kind_of_name(file_name(source))
    if kind is not None and (is_address or os.path.isfile(source)):  # noqa: PTH113 - a Path raises where one may not look
        return kind, None
    listing = list_below(source)
    if listing.images:
        return "address" if is_address else "folder", listing
    if any(is_parquet(parts[-1]) for parts in listing.others):
        return "parquet", None
    tops = [name for name, *below in listing.others if not below]
    if any(map(is_tar, tops)):
        return "tar", None
    if any(map(IDX.search, tops)):
        return "array", None
    raise InputError(_explain_none(source, listing))


def _kind_of_name(name: str) -> str | None:
    """Return what a file is by its name."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in TABLES:
        return "manifest"
    if suffix == ".zip":
        return "zip"
    if is_tar(name):
        return "tar"
    return "array" if suffix in ARRAYS or IDX.search(name) else None


def _explain_none(source: Place, listing: Listing) -> str:
    files = "1 other file" if len(listing.others) == 1 else f"{len(listing.others)} other files"
    message = (
        f"the source must hold at least one image; {str(source)!r} holds none "
        f"({files} seen; looked for {' '.join(listing.extensions)}). "
    )
    sources = sorted("/".join(parts) for parts in listing.others if _kind_of_name(parts[-1]))
    if sources:
        message += f"Name one of its files, such as {str(join(source, sources[0]))!r}."
    else:
        message += "Name a folder with images in it."
    return message + tell_skipped(listing.skipped)
