"""A ZIP archive of images, read as a folder without unpacking.

Folders that contain everything else in the archive are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.images.containers.zip_archive import ZipArchive
from featscape.images.sources.class_folders import describe_no_images, read_class_folders
from featscape.images.sources.kind import SourceKind
from featscape.images.storage.listing import describe_skipped
from featscape.images.tables.metadata import attach_metadata

if TYPE_CHECKING:
    from featscape.images.sources.kind import Candidate
    from featscape.records import ImageSet


def _is_zip(candidate: Candidate) -> bool:
    return candidate.file_name.lower().endswith(".zip")


def find_in_zip(candidate: Candidate) -> ImageSet:
    """Return the images of a ZIP archive, with the metadata files beside the images.

    Raises
    ------
    InputError
        If the archive is damaged or contains no images.
    """
    source = candidate.location
    archive = ZipArchive(source)
    listing = archive.listing
    if not listing.images:
        raise InputError(
            f"{describe_no_images(source, listing)} Name another archive."
            f"{describe_skipped(listing.skipped)}"
        )
    images = read_class_folders(
        listing, source=source, kind="zip", contents=archive, is_archive=True
    )
    return attach_metadata(images, listing.others, label_column=candidate.label_column)


ZIP = SourceKind("zip", _is_zip, find_in_zip, ZipArchive)
