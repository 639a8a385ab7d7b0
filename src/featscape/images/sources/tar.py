"""A TAR archive of images, or a folder of TAR archives as WebDataset writes them.

An archive is read as a folder, without unpacking, with the metadata files beside the images. Files
with the name of an image give the image a class (.cls), a text (.txt) and columns (.json).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.images.containers.tar_shards import TarIndex, TarShards, is_tar, sample_key
from featscape.images.sources.class_folders import describe_no_images, read_class_folders
from featscape.images.sources.kind import SourceKind
from featscape.images.storage.listing import describe_skipped
from featscape.images.storage.locations import file_name
from featscape.images.tables.columns import classify_columns
from featscape.images.tables.metadata import attach_metadata, has_metadata
from featscape.images.tables.splits import find_split
from featscape.images.tables.table_files import TABLE_EXTENSIONS
from featscape.labels.classes import label_names

if TYPE_CHECKING:
    from featscape.images.sources.kind import Candidate
    from featscape.records import ImageSet

_BESIDE_ARCHIVES = (
    "a table beside archives is not read (put metadata.csv, with paths in the archive, into each "
    "archive)"
)


def _is_tar(candidate: Candidate) -> bool:
    return is_tar(candidate.file_name) or any(map(is_tar, candidate.top_names))


def find_in_tar(candidate: Candidate) -> ImageSet:
    """Return the images of TAR archives, with the values of the sidecar and metadata files.

    Raises
    ------
    InputError
        If a single archive cannot be read, or no archive contains images.
    """
    source = candidate.location
    contents = TarShards(source)
    shards = contents.shard_names()
    index = _join_indexes(contents, shards)
    for name in candidate.top_names:
        if name.lower().endswith(TABLE_EXTENSIONS):
            index.listing.skip((name,), _BESIDE_ARCHIVES)
    if not index.listing.images:
        raise InputError(
            f"{describe_no_images(source, index.listing)} Name another archive."
            f"{describe_skipped(index.listing.skipped)}"
        )
    has_folder = shards != [""]
    images = read_class_folders(
        index.listing,
        source=source,
        kind="tar",
        contents=contents,
        is_archive=True,
        n_prefix=1 if has_folder else 0,
    )
    splits = [
        find_split(path.split("/")[0] if has_folder else file_name(source)) for path in images.paths
    ]
    if images.splits is None and all(splits):
        images = replace(images, splits=tuple(splits))
    label_column = candidate.label_column
    is_metadata = has_metadata(index.listing.others) and not any(
        label_column in values for values in index.sidecars.values()
    )
    images = _attach_sidecars(images, index, None if is_metadata else label_column)
    return attach_metadata(
        images, index.listing.others, label_column=label_column if is_metadata else None
    )


def _join_indexes(contents: TarShards, shards: list[str]) -> TarIndex:
    """Return one index of all archives, without extents; damaged archives are skipped."""
    joined = TarIndex()
    listing = joined.listing
    for name in shards:
        try:
            index = contents.index(name)
        except InputError as error:
            if len(shards) == 1:
                raise
            listing.skip((name,), str(error))
            continue
        prefix = (name,) if name else ()
        listing.images += [(*prefix, *parts) for parts in index.listing.images]
        listing.others += [(*prefix, *parts) for parts in index.listing.others]
        listing.skipped += [
            replace(item, path="/".join([*prefix, item.path])) for item in index.listing.skipped
        ]
        joined.sidecars |= {
            "/".join([*prefix, key]): values for key, values in index.sidecars.items()
        }
    return joined


def _attach_sidecars(images: ImageSet, index: TarIndex, label_column: str | None) -> ImageSet:
    """Add the values of the sidecar files; .cls files give the labels if folders give none."""
    columns: dict[str, list[Any]] = defaultdict(lambda: [None] * len(images))
    for row, path in enumerate(images.paths):
        for name, value in index.sidecars.get(sample_key(path), {}).items():
            columns[name][row] = value
    has_labels = len(label_names(images.labels)) > 1
    has_classes = any(parts[-1].lower().endswith(".cls") for parts in index.listing.others)
    if has_classes and not has_labels and any(columns.get("cls", ())):
        label_column = label_column or "cls"
    described = classify_columns(
        dict(columns),
        table=str(images.source),
        label_column=label_column,
        has_labels=has_labels,
        has_splits=images.splits is not None,
    )
    return replace(
        images,
        labels=described.labels or images.labels,
        label_column=described.label_column,
        n_trimmed_labels=(described if described.labels else images).n_trimmed_labels,
        renamed_labels={} if described.labels else images.renamed_labels,
        splits=images.splits or described.splits,
        split_column=described.split_column,
        columns=described.columns,
        skipped=(*images.skipped, *described.skipped),
    )


TAR = SourceKind("tar", _is_tar, find_in_tar, TarShards)
