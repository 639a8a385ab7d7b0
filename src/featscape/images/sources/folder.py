"""A folder of image files, on a local disk or at an address.

The extension of a file determines whether the file is an image; the content is read only when the
image is decoded. Links are followed. Hidden names (with a leading dot) and ``__MACOSX`` are
ignored. The names of the folders give the labels and splits: see `class_folders`. A file
metadata.csv, .jsonl or .parquet beside the images, as in Hugging Face's imagefolder, adds columns,
and labels if the folders give none.

An address (s3://, gs://, https:// and all others that fsspec supports) may lead to each kind of
source. A failed request is repeated twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.images.sources.class_folders import read_class_folders
from featscape.images.sources.kind import SourceKind
from featscape.images.storage.backends import Files
from featscape.images.storage.locations import is_address
from featscape.images.tables.metadata import attach_metadata

if TYPE_CHECKING:
    from featscape.images.sources.kind import Candidate
    from featscape.records import ImageSet


def _is_local(candidate: Candidate) -> bool:
    return bool(candidate.listing.images) and not is_address(candidate.location)


def _is_remote(candidate: Candidate) -> bool:
    return bool(candidate.listing.images) and is_address(candidate.location)


def find_in_folder(candidate: Candidate) -> ImageSet:
    """Return the images in a folder, with the metadata files beside the images.

    Raises
    ------
    InputError
        If the metadata have no column `candidate.label_column`.
    """
    images = read_class_folders(
        candidate.listing,
        source=candidate.location,
        kind="address" if is_address(candidate.location) else "folder",
        contents=Files(candidate.location),
    )
    others = candidate.listing.others
    return attach_metadata(images, others, label_column=candidate.label_column)


FOLDER = SourceKind("folder", _is_local, find_in_folder, Files)
ADDRESS = SourceKind("address", _is_remote, find_in_folder, Files)
