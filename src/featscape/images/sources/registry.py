"""The registry of the kinds of sources: recognize a source, find its images, open it again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from featscape.errors import ImageError, InputError
from featscape.images.sources.arrays import ARRAYS
from featscape.images.sources.class_folders import describe_no_images
from featscape.images.sources.folder import ADDRESS, FOLDER
from featscape.images.sources.kind import Candidate
from featscape.images.sources.manifest import MANIFEST
from featscape.images.sources.parquet import PARQUET
from featscape.images.sources.tar import TAR
from featscape.images.sources.zip import ZIP
from featscape.images.storage.backends import storage_of
from featscape.images.storage.listing import describe_skipped
from featscape.images.storage.locations import as_location, file_name, join
from featscape.images.storage.remote_errors import explain_failure
from featscape.images.tables.boxes import GUIDE
from featscape.images.tables.table_files import TABLE_EXTENSIONS
from featscape.printable_names import printable

if TYPE_CHECKING:
    from featscape.images.sources.kind import SourceKind
    from featscape.images.storage.listing import Listing
    from featscape.images.storage.locations import Location
    from featscape.records import ImageBytes, ImageSet

# The first kind that recognizes a source is used. So a folder that contains images and other
# files is a folder of images, and a Parquet file that contains images is not a manifest.
SOURCE_KINDS = (FOLDER, ADDRESS, PARQUET, MANIFEST, ZIP, TAR, ARRAYS)

# files that describe boxes in images: the format, and the annotations that use the format
_ANNOTATIONS = {
    ".json": ("JSON", "COCO's annotations"),
    ".yaml": ("YAML", "YOLO's labels"),
    ".yml": ("YAML", "YOLO's labels"),
    ".xml": ("XML", "annotations as in Pascal VOC"),
}
_SAVED_DATASET = {"state.json", "dataset_dict.json"}  # written by save_to_disk beside Arrow files


def find_in_source(
    source: Location, *, path_column: str | None, label_column: str | None
) -> ImageSet:
    """Recognize the kind of a source, and return all images of the source.

    See `find_images` for the parameters and errors.
    """
    try:
        return _find_in_source(source, path_column=path_column, label_column=label_column)
    except (InputError, ImageError) as error:
        explained = explain_failure(source, error) if isinstance(source, str) else None
        if explained is None:
            raise
        raise InputError(explained) from error


def _find_in_source(
    source: Location, *, path_column: str | None, label_column: str | None
) -> ImageSet:
    candidate = Candidate(source, path_column=path_column, label_column=label_column)
    is_file = isinstance(source, str) or os.path.isfile(source)  # noqa: PTH113 - Path.is_file raises without permission
    kind = _recognize(candidate) if is_file else None
    extension = PurePosixPath(candidate.file_name.lower()).suffix
    if is_file and kind is None and extension in _ANNOTATIONS:
        file_format, annotations = _ANNOTATIONS[extension]
        raise InputError(
            "the source must be a folder of images, a table, an archive or arrays; "
            f"{str(source)!r} is a file in {file_format}. Name the folder that contains the "
            f"images; for a map of the boxes in {annotations}, {GUIDE}."
        )
    if kind is None:
        listing = storage_of(source).list(source)
        candidate = replace(candidate, is_folder=True, listing=listing)
        kind = _recognize(candidate)
        if kind is None:
            raise InputError(_explain_no_source(source, listing))
    if path_column is not None and kind not in (MANIFEST, PARQUET):
        raise InputError(
            f"a path column needs a table ({' '.join(TABLE_EXTENSIONS)}); got {path_column!r}, "
            f"but {str(source)!r} is another kind of source. Omit the option, or name a table."
        )
    return kind.find(candidate)


def open_contents(kind: str, source: str | os.PathLike[str]) -> ImageBytes:
    """Open a source again, to read single images by their paths.

    Parameters
    ----------
    kind, source
        As in the `ImageSet`.

    Raises
    ------
    InputError
        If the source can no longer be read, or the kind is unknown.
    """
    kinds = {known.name: known for known in SOURCE_KINDS}
    if kind not in kinds:
        raise InputError(
            f"the kind of a source must be one of {', '.join(kinds)}; got {kind!r}. "
            "Use the version of featscape that made the map."
        )
    return kinds[kind].open(as_location(source))


def name_source(source: str | os.PathLike[str]) -> str:
    """Return a short name of a source, from which the name of the map folder is made.

    Parameters
    ----------
    source : str or Path
        As in `find_images`.
    """
    location = as_location(source)
    if isinstance(location, str):
        name = printable(file_name(location))  # the name at an HTTP server may contain any bytes
        return PurePosixPath(name).stem or urlsplit(location).hostname or "address"
    path = Path(os.path.realpath(location))  # Path.resolve raises for a link to itself
    return (path.stem if path.is_file() else path.name) or "root"


def _recognize(candidate: Candidate) -> SourceKind | None:
    return next((kind for kind in SOURCE_KINDS if kind.recognize(candidate)), None)


def _explain_no_source(source: Location, listing: Listing) -> str:
    """Return the message for a folder that is not a source of any kind."""
    if not _SAVED_DATASET.isdisjoint(name for name, *below in listing.others if not below):
        return (
            "the source must contain images in files; "
            f"{str(source)!r} was written by save_to_disk of Hugging Face. Load it with "
            "datasets.load_from_disk and pass the dataset to make_map, or write a Parquet file "
            "with dataset.to_parquet."
        )
    files = (join(source, "/".join(parts)) for parts in sorted(listing.others))
    file = next((file for file in files if _recognize(Candidate(file))), None)
    remedy = (
        "Name a folder that contains images."
        if file is None
        else f"Name one of the files, such as {str(file)!r}."
    )
    return f"{describe_no_images(source, listing)} {remedy}{describe_skipped(listing.skipped)}"
