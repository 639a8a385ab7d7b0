"""Read features that another program computed, with the images, labels and columns of the rows."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape import mapfolder
from featscape.collection import as_array
from featscape.errors import InputError
from featscape.files.features import (
    check_features,
    has_equal_rows,
    name_rows,
    read_features,
)
from featscape.files.vectors import read_tensor, read_vectors
from featscape.number_text import plural
from featscape.printable_names import printable
from featscape.progress import note_or_warn
from featscape.records import ImageSet, ItemSet
from featscape.records.skipped import DUPLICATE_PATH, INVALID_ROW, VECTORS, skipped_column
from featscape.steps.facts.columns import (
    describe_columns,
    describe_labels,
    describe_left_out,
    describe_spellings,
    describe_text_columns,
)
from featscape.steps.facts.source import describe_found, describe_unreadable
from featscape.steps.tables.checked_labels import apply_checked, read_checked
from featscape.steps.tables.item_columns import read_item_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.feature_options import FeatureMapOptions
    from featscape.images.tables.columns import ImageColumns
    from featscape.options import Images
    from featscape.records import SkippedImage
    from featscape.records.images import Column
    from featscape.steps.tables.item_columns import TableColumns


@dataclass(frozen=True, eq=False)
class OwnFeatures:
    """Features that another program computed, and their items.

    Attributes
    ----------
    values : ndarray of float32, shape (n, d)
    labels : tuple of str or None
    items : ItemSet
        Without sizes and hashes until `pack_thumbnails` has read the images.
    """

    values: NDArray[np.float32]
    labels: tuple[str, ...] | None
    items: ItemSet


def read_own_features(options: FeatureMapOptions) -> OwnFeatures:
    """Read the features, labels and columns, and find the images.

    Raises
    ------
    InputError
        If an input cannot be read, or the numbers of rows, images, labels or values differ.
    """
    checked = read_checked(options.checked)
    stored, vector_column = _read_values(options)
    table = options.features_table
    if options.images is None and table is not None and _lists_images(options, table):
        source: Images | None = table
        table = None  # the source gives the columns, too
    else:
        source = options.images
    images = None if source is None else _find_images(options, source)
    has_image_per_item = images is not None and options.images is None
    if images is not None and has_image_per_item:
        _check_count(images, n_items=len(stored))
    own_column = None if images is None else images.label_column
    columns = read_item_columns(
        options,
        n_items=len(stored),
        images=images,
        features_table=table,
        has_image_per_item=has_image_per_item,
        has_own_labels=own_column is not None and own_column == options.label_column,
    )
    described = columns.described
    skipped = _other_columns(described.skipped, options.features_table, vector_column)
    described = replace(described, skipped=skipped)
    values = np.asarray(stored, dtype=np.float32)
    _report_rows(values, options)
    if images is None:
        _refuse_checked(options)
        for line in (
            *describe_left_out(described.skipped),
            *describe_columns(described, n_items=len(values), noun="item"),
            *describe_labels(described.labels or (), n_trimmed=described.n_trimmed_labels),
            *describe_text_columns(described.columns),
            *describe_spellings(described.columns),
        ):
            options.reporter.note(line)
        items = ItemSet(
            splits=described.splits, columns=described.columns, skipped=described.skipped
        )
        return OwnFeatures(values, described.labels, items)
    skipped = _other_columns(images.skipped, options.features_table, vector_column)
    images = replace(images, skipped=skipped)
    images = _arrange(images, columns, options, n_items=len(values))
    images = _describe(images, described, has_labels=options.labels is not None)
    for line in describe_found(images):
        options.reporter.note(line)
    images = apply_checked(images, checked, options.reporter, found=images)
    return OwnFeatures(values, images.labels, ItemSet(images=images))


def _refuse_checked(options: FeatureMapOptions) -> None:
    if options.checked is not None:
        raise InputError(
            "checked labels need the paths of images, and the features have no images. Name the "
            "source of the images with --images (images=), or correct the labels in their table."
        )


def _report_rows(values: NDArray[np.float32], options: FeatureMapOptions) -> None:
    """Report equal rows, or the rows of zeros, which programs write for missing vectors."""
    if has_equal_rows(values):
        note_or_warn(
            options.reporter,
            f"features: all {len(values):,} rows are the same, so that positions on a map have no "
            "meaning: check the program that computed the features",
        )
        return
    zeros = np.flatnonzero(~values.any(axis=1))
    if len(zeros):
        options.reporter.note(
            f"features: {len(zeros):,} of {len(values):,} rows are 0 ({name_rows(zeros)}), and "
            "their items are in one place of the map"
        )


def pack_thumbnails(own: OwnFeatures, folder: Path, options: FeatureMapOptions) -> OwnFeatures:
    """Decode the images, and write their thumbnails into a folder.

    Returns
    -------
    OwnFeatures
        Of the images that could be read; the others are reported.

    Raises
    ------
    InputError
        If no image can be read.
    """
    from featscape.features import read_images
    from featscape.images import ThumbnailPacker

    images = own.items.images
    if images is None:
        return own
    with ThumbnailPacker(folder / mapfolder.THUMBNAILS, size_px=options.pack_px) as thumbnails:
        try:
            items, kept = read_images(images, thumbnails=thumbnails, progress=options.reporter)
        except InputError as error:
            if options.images is not None:
                raise
            raise InputError(
                f"{error} Give the images with --images SOURCE (images=). "
                "For a map without images, remove the column of the images from the table."
            ) from error
    if items.images is None or len(kept) == len(images):
        return replace(own, items=items)
    options.reporter.note(describe_unreadable(images, items.images))
    return OwnFeatures(own.values[kept], items.images.labels, items)


def _read_values(options: FeatureMapOptions) -> tuple[NDArray[np.generic], str]:
    """Return the features, shape (n, d), and the name of their column in a table, or ""."""
    if isinstance(options.features, str | os.PathLike) and Path(options.features).is_dir():
        folder = printable(Path(options.features))
        raise InputError(
            f"the features must be in a file; {folder} is a folder. For a map of the images in the "
            f"folder, use `featscape map {folder}` (make_map). For a map of your own features with "
            f"these images, name the file of the features and give --images {folder} (images=)."
        )
    if options.features_table is not None:
        file = options.features_table
        vectors, column = read_vectors(file, column=options.vector_column)
        check_features(vectors, f"the features in the column {column!r} of {printable(file)}")
        options.reporter.note(f"features: the column {column!r} (--vector-column names another)")
        return vectors, column
    if options.features_tensors is not None:
        file = options.features_tensors
        values, name = read_tensor(file, name=options.vector_column)
        check_features(values, f"the tensor {name!r} in {printable(file)}")
        return values, ""
    if isinstance(options.features, str | os.PathLike):
        return read_features(Path(options.features)), ""
    values = as_array(options.features, "the features")
    check_features(values)
    return values, ""


def _lists_images(options: FeatureMapOptions, table: Path) -> bool:
    """Return whether the table of the features has a column of images, paths or addresses."""
    from featscape.images import lists_images

    return options.path_column is not None or lists_images(table)


def _other_columns(
    skipped: Sequence[SkippedImage], table: Path | None, column: str
) -> tuple[SkippedImage, ...]:
    """Return the skipped files and columns without the column of the features."""
    if table is None:
        return tuple(skipped)
    path = skipped_column(table.name, column, VECTORS).path
    return tuple(one for one in skipped if one.path != path)


def _find_images(options: FeatureMapOptions, source: Images) -> ImageSet:
    """Return the images; the options of columns apply to the source without other tables."""
    from featscape.images import find_images

    if isinstance(source, ImageSet):
        return source
    is_in_table = options.images is None  # the images are in the table of the features
    is_only_table = options.labels is options.columns is None and (
        is_in_table or options.features_table is None
    )
    find = partial(
        find_images,
        source,
        path_column=options.path_column if is_only_table or is_in_table else None,
        max_megapixels=options.max_megapixels,
        white=options.white,
    )
    images = find(label_column=options.label_column if is_only_table else None)
    if options.labels is None and options.label_column in images.columns:
        return find(label_column=options.label_column)
    return images


def _arrange(
    images: ImageSet, columns: TableColumns, options: FeatureMapOptions, *, n_items: int
) -> ImageSet:
    """Return the image of each row, by the paths of a table or in the order of the source."""
    if columns.order is None:
        _check_count(images, n_items=n_items)
        return images
    n_others = len(images) - n_items
    if n_others:
        options.reporter.note(
            f"not in the map: {n_others:,} of {plural(len(images), 'image')} without a row in "
            f"{columns.table!r}"
        )
    return images.select(columns.order)


def _describe(images: ImageSet, described: ImageColumns, *, has_labels: bool) -> ImageSet:
    """Return the images with the labels, splits and columns of the tables, one row per image.

    Labels that the caller gave (`has_labels`) replace those of the images, also if all are missing.
    Raises InputError if a column of the tables has other values than the same column of the images.
    """
    both = images.columns.keys() & described.columns.keys()
    changed = [
        name for name in both if not _is_equal(images.columns[name], described.columns[name])
    ]
    if changed:
        raise InputError(
            f"the tables of labels and of columns must not change the columns of {images.source}; "
            f"a table has other values in the column {min(changed)!r}. Rename or remove the column."
        )
    if has_labels or described.labels is not None:
        images = replace(
            images,
            labels=described.labels,
            renamed_labels={},
            label_column=described.label_column,
            n_trimmed_labels=described.n_trimmed_labels,
        )
    return replace(
        images,
        splits=described.splits or images.splits,
        split_column=described.split_column or images.split_column,
        columns={**images.columns, **described.columns},
        skipped=(*images.skipped, *described.skipped),
    )


def _is_equal(first: Column, second: Column) -> bool:
    """Return whether two columns have the same values; missing values are equal."""
    left, right = np.asarray(first), np.asarray(second)
    if {left.dtype.kind, right.dtype.kind} <= set("bif"):
        return np.array_equal(left, right, equal_nan=True)
    return list(map(str, first)) == list(map(str, second))


def _check_count(images: ImageSet, *, n_items: int) -> None:
    """Raise InputError unless there is one image for each row of the features."""
    if len(images) == n_items:
        return
    rows = [one for one in images.skipped if one.reason.startswith((DUPLICATE_PATH, INVALID_ROW))]
    if len(images) + len(rows) == n_items:
        first, many = rows[0], len(rows) > 1
        others = f", and {len(rows) - 1:,} more" if many else ""
        remedy = f"Remove these {len(rows):,} rows" if many else "Remove this row"
        raise InputError(
            f"each row of the features must have its own image; {printable(first.path)}: "
            f"{printable(first.reason)}{others}. {remedy} with the features. For a map without "
            "images, give no paths."
        )
    skipped = ""
    if images.skipped:
        first = images.skipped[0]
        skipped = (
            f" ({len(images.skipped):,} skipped, the first of them {printable(first.path)}: "
            f"{printable(first.reason)})"
        )
    raise InputError(
        f"there must be one image for each row of the features; the features have {n_items:,} "
        f"rows, and {images.source} has {plural(len(images), 'image')}{skipped}. Give the images "
        "of the rows in their order, or a table with a column of paths with --columns (columns=)."
    )
