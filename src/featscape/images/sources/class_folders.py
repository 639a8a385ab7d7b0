"""Read the classes and splits of images from the names of their folders.

The class of an image is the name of the first folder below the source, at any depth of the file. If
all of these folders are named train (training), val (valid, validation) or test (testing), the
folders are the splits, and the class is the name of the next folder. The folders below the classes
are not used; `ImageSet.unused_folders` lists these folders. If no image is in a class folder, or
one folder that is not a split contains all images, there are no labels; if only some images are in
class folders, the others have the label `NO_LABEL`. Images beside splits are skipped. A label has
no white space around it and no undecodable bytes, as in a table, so that a table of checked labels
has the same label. If the folders are exactly the ten Italian folders of Animals10, the labels are
the English class names, and `ImageSet.renamed_labels` lists both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.images.decoding.pillow import decode_bytes
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.tables.splits import SPLITS
from featscape.images.tables.values import text_of
from featscape.labels.animals10 import ENGLISH_NAMES
from featscape.labels.classes import NO_LABEL, label_names, trim_labels
from featscape.number_text import plural
from featscape.records import ImageSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.images.storage.listing import Listing, PathParts
    from featscape.images.storage.locations import Location
    from featscape.records import ImageBytes


def read_class_folders(
    listing: Listing,
    *,
    source: Location,
    kind: str,
    contents: ImageBytes,
    is_archive: bool = False,
    n_prefix: int = 0,
) -> ImageSet:
    """Return the images of a listing, with the classes and splits in their paths.

    The images are sorted by path: part by part, by code points, so that the order is the same on
    every platform.

    Parameters
    ----------
    listing : Listing
        At least one image. Images outside the split folders are added to `listing.skipped`.
    source, kind, contents
        As in the `ImageSet`.
    is_archive : bool
        Whether folders that contain everything else are ignored: archives often have such a
        folder.
    n_prefix : int
        The number of leading parts of each path that are not folders, such as the name of an
        archive.
    """
    names = sorted(listing.images)
    if is_archive:
        n_prefix += _count_outer_folders([parts[n_prefix:] for parts in names])
    tops = {parts[n_prefix] for parts in names if len(parts) > n_prefix + 1}
    has_splits = bool(tops) and all(top.lower() in SPLITS for top in tops)
    depth = n_prefix + (1 if has_splits else 0)  # of the class folder in the path
    kept = [parts for parts in names if len(parts) > depth]
    in_class = [len(parts) > depth + 1 for parts in kept]
    # a single folder is a location of the images, not a class
    has_labels = any(in_class) and (has_splits or len(tops) > 1 or not all(in_class))

    for parts in set(names).difference(kept):
        listing.skip(parts, "outside the split folders")
    labels, n_trimmed = None, 0
    if has_labels:
        folders = (
            text_of(parts[depth]) if is_in else NO_LABEL
            for parts, is_in in zip(kept, in_class, strict=True)
        )
        labels, n_trimmed = trim_labels(folders)
    below = {parts[depth + 1] for parts in kept if len(parts) > depth + 2}
    renamed = ENGLISH_NAMES if label_names(labels) == set(ENGLISH_NAMES) else {}
    return ImageSet(
        source=source,
        kind=kind,
        paths=tuple("/".join(parts) for parts in kept),
        contents=contents,
        decode=decode_bytes,
        decode_plain=decode_plain,
        labels=None if labels is None else tuple(renamed.get(name, name) for name in labels),
        n_trimmed_labels=n_trimmed,
        renamed_labels=renamed,
        splits=tuple(SPLITS[parts[n_prefix].lower()] for parts in kept) if has_splits else None,
        unused_folders=tuple(sorted(below)),
        skipped=tuple(sorted(listing.skipped, key=lambda item: item.path.split("/"))),
    )


def describe_no_images(source: Location, listing: Listing) -> str:
    """Return the first sentence of the message for a listing without images."""
    files = plural(len(listing.others), "other file")
    return (
        f"the source must contain at least one image; {str(source)!r} contains none ({files}; "
        f"the extensions of images are {' '.join(listing.extensions)})."
    )


def _count_outer_folders(names: Sequence[PathParts]) -> int:
    """Return the number of nested folders that contain all other folders and are not splits."""
    n = 0
    while all(len(parts) > n + 2 and parts[: n + 1] == names[0][: n + 1] for parts in names):
        if names[0][n].lower() in SPLITS:
            break
        n += 1
    return n
