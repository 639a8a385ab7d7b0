"""Describe the images that were found and read, and the skipped files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from featscape.errors import ImageError, InputError
from featscape.labels.classes import NO_LABEL, NO_SPLIT
from featscape.number_text import plural
from featscape.printable_names import list_first, list_names, printable
from featscape.records import SkippedImage, count_reasons
from featscape.records.skipped import COLUMN_REASONS, ROW_REASONS, VECTORS, column_of
from featscape.steps.facts.columns import (
    describe_columns,
    describe_labels,
    describe_left_out,
    describe_renamed_columns,
    describe_spellings,
    describe_text_columns,
    name_in_source,
)
from featscape.steps.facts.run import dataset_text, describe_renamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featscape.records import ImageSet

_LEAST_IMAGES = 2  # of a map
_MOST_REASONS = 3  # for skipped files, in a line on the screen
_MOST_NAMED = 6  # classes in a line on the screen


def describe_found(images: ImageSet, *, is_label_chosen: bool = False) -> Iterator[str]:
    """Yield the number of images and classes, with the skipped files, and the origin of labels.

    Parameters
    ----------
    images : ImageSet
    is_label_chosen : bool
        Whether the user named the column of labels; otherwise the option is named.
    """
    from featscape.images.tables.boxes import describe_boxes

    found = f"found {dataset_text(len(images), 'image', images.labels)}{_in_splits(images)}"
    files = _skipped_files(images.skipped)
    yield f"{found}, skipped {_count_skipped(files)}" if files else found
    if images.image_column is not None:
        yield printable(
            f"images: the column {images.image_column!r} (--path-column or path_column= names "
            "another)"
        )
    yield from describe_left_out(images.skipped)
    yield from describe_boxes(images)
    yield from _describe_vectors(images)
    yield from _describe_samples(images)
    yield from _describe_mixed_splits(images)
    yield from _describe_unused_folders(images)
    yield from _describe_unread_tables(images)
    if images.dropped_classes:
        yield _describe_dropped(images)
    yield from _describe_origin(images, is_label_chosen=is_label_chosen)
    yield from describe_columns(images, n_items=len(images), noun="image")
    yield from describe_labels(images.labels or (), n_trimmed=images.n_trimmed_labels)
    if images.renamed_labels:
        yield f"labels: {describe_renamed(images.renamed_labels)}"
    yield from describe_text_columns(images.columns)
    yield from describe_spellings(images.columns)
    yield from describe_renamed_columns(images.columns)


def _in_splits(images: ImageSet) -> str:
    """Return for example ", in the splits train, test", the largest split first."""
    names = [name for name, _ in Counter(images.splits or ()).most_common() if name != NO_SPLIT]
    if not names:
        return ""
    listed = printable(list_first(names, n_shown=_MOST_NAMED))
    return f", in the {'split' if len(names) == 1 else 'splits'} {listed}"


def _describe_origin(images: ImageSet, *, is_label_chosen: bool) -> Iterator[str]:
    """Yield the origin of the labels of a table or of arrays, and the conflicts of labels."""
    from featscape.images.tables.paths import LABEL_CONFLICT

    n_conflicts = sum(one.reason.startswith(LABEL_CONFLICT) for one in images.skipped)
    if n_conflicts:
        yield (
            f"labels conflict: {plural(n_conflicts, 'row')} of the table with another label for an "
            "earlier path; the first label of each path is used"
        )
    if images.label_column is not None:
        has_others = bool(images.columns) and not is_label_chosen
        remedy = " (--label-column names another)" if has_others else ""
        yield f"labels: {_name_labels(images)}{remedy}"
    elif images.labels is None and images.columns:
        yield _describe_no_labels(images)


def _name_labels(images: ImageSet) -> str:
    """Return the origin of the labels of a table or of arrays."""
    if images.kind != "array":
        return f"the column {images.label_column!r}"
    if images.label_column == "label":  # of one or more arrays, each with the labels of an array
        return "the arrays named as the labels of the images"
    return f"the array {images.label_column!r}"


def _describe_mixed_splits(images: ImageSet) -> Iterator[str]:
    """Yield the classes that are folders with the name of a split and contain folders, if any."""
    from featscape.images.tables.splits import SPLITS

    if images.label_column is not None or images.splits is not None:
        return
    mixed = {
        label
        for path, label in zip(images.paths, images.labels or (), strict=False)
        if label.lower() in SPLITS and label in path.split("/")[:-2]
    }
    if mixed:
        yield printable(
            f"classes with the name of a split: {list_names(sorted(mixed))}, because other folders "
            "are beside these folders. Move the other folders into the splits, or out of the source"
        )


def _describe_unused_folders(images: ImageSet) -> Iterator[str]:
    """Yield the folders that give neither labels nor splits, if no table gives columns."""
    if not images.unused_folders or images.columns or images.label_column is not None:
        return
    names = list_names(images.unused_folders, n_shown=_MOST_NAMED)
    if images.labels is None:
        yield printable(
            f"no labels: one folder contains all images, and the folders in this folder are not "
            f"used: {names}. Name this folder as the source"
        )
    else:
        yield printable(
            f"the folders below the class folders are not used: {names}. For labels or columns "
            'of these folders, write metadata.csv: see "Use your own labels and columns" in the '
            "documentation"
        )


def _describe_unread_tables(images: ImageSet) -> Iterator[str]:
    """Yield the tables among the images that are not read, if there are some."""
    if not images.unread_tables:
        return
    names = list_names(images.unread_tables, n_shown=_MOST_NAMED)
    one = "one table" if len(images.unread_tables) > 1 else "this table"
    remedy = f"name {one} as the source, or rename it to metadata.csv"
    if images.kind in ("tar", "zip"):
        remedy = f"rename {one} to metadata.csv in the archive, or unpack the archive"
    yield printable(
        f"tables of another name than metadata.csv are not read: {names}. For the columns, {remedy}"
    )


def _describe_vectors(images: ImageSet) -> Iterator[str]:
    """Yield the columns of vectors, and the command that makes a map of them."""
    from featscape.images.tables.boxes import find_boxes

    columns = [column_of(one) for one in images.skipped if one.reason == VECTORS]
    vectors = sorted({name for name in columns if name.lower() not in find_boxes(images)})
    if vectors:
        noun = "the column contains" if len(vectors) == 1 else "the columns contain"
        yield printable(
            f"{noun} vectors: {list_names(vectors)}. featscape embed makes a map of these vectors, "
            "without a network"
        )


def _describe_samples(images: ImageSet) -> Iterator[str]:
    """Yield the number of WebDataset samples if samples have several images, such as masks.

    The samples must have the same few names of images: IMG.1.png and IMG.2.png are no sample.
    """
    from featscape.images.containers.tar_shards import sample_key

    if images.kind != "tar":
        return
    keys = [sample_key(path) for path in images.paths]
    names = {path[len(key) + 1 :] for path, key in zip(images.paths, keys, strict=True)}
    n_samples = len(set(keys))
    if len(names) <= n_samples < len(images):
        yield printable(
            f"several images per sample: {plural(len(images), 'image')} in "
            f"{plural(n_samples, 'sample')} of WebDataset, with the names "
            f"{list_names(sorted(names), n_shown=_MOST_NAMED)}. Each image is a point; for one "
            "point per sample, write archives without the other images"
        )


def _describe_dropped(images: ImageSet) -> str:
    """Return the classes of which the limit keeps no image, and whether all images have labels."""
    labels = set(images.labels or ())
    dropped = [name for name in images.dropped_classes if name != NO_LABEL]
    n_named = len(labels - {NO_LABEL}) + len(dropped)
    lacking = []
    if dropped:
        named = list_names(dropped, n_shown=_MOST_NAMED)
        classes = plural(n_named, "class", "classes")
        lacking.append(f"no image of {len(dropped)} of {classes}: {named}")
    if NO_LABEL in images.dropped_classes:
        lacking.append("no image without a label")
    n_kinds = len(labels) + len(images.dropped_classes)
    return (
        f"--limit {len(images)} keeps {'; '.join(lacking)}; at least one image of each class needs "
        f"--limit {n_kinds}"
    )


def _describe_no_labels(images: ImageSet) -> str:
    """Return that no column of labels was recognized, and the columns that may be chosen."""
    from featscape.images.tables.columns import LABEL_COLUMNS

    columns = list(map(name_in_source, images.columns))
    usual = ", ".join(LABEL_COLUMNS[:2])
    return (
        f"no labels: no column with values, one per image, is named {usual} or similar; the "
        f"columns are {list_names(columns)}. --label-column NAME (label_column=) chooses a column"
    )


def describe_unreadable(found: ImageSet, read: ImageSet) -> str:
    """Return the number of images that were found and could not be read, and the reason."""
    unreadable = read.skipped[len(found.skipped) :]
    return f"skipped {_count_skipped(unreadable)}. {len(read):,} of {len(found):,} images were read"


def describe_placed(images: ImageSet) -> str | None:
    """Return the number of placed images and of skipped files; None if no file was skipped."""
    files = _skipped_files(images.skipped)
    if not files:
        return None
    return f"placed {plural(len(images), 'image')}, skipped {_count_skipped(files)}"


def check_number(images: ImageSet, *, n_found: int | None = None) -> None:
    """Raise InputError, with the skipped files, if the images are too few for a map.

    Parameters
    ----------
    images : ImageSet
    n_found : int, optional
        Number of images before the unreadable images were skipped. By default no image has been
        read yet; a single image is then read for the message.
    """
    if len(images) >= _LEAST_IMAGES:
        return
    skipped = _skipped_files(images.skipped)
    n_readable = len(images)
    if n_found is None:
        n_found = len(images)
        try:
            images.load(0)
        except ImageError as error:
            skipped.append(SkippedImage(images.paths[0], str(error)))
            n_readable = 0
    number = f"{n_readable}" if n_readable == n_found else f"{n_readable} of {n_found:,}"
    remedy = "Add images."
    if skipped:
        files = "this file" if len(skipped) == 1 else "these files"
        remedy = f"Skipped {_count_skipped(skipped)}. Check {files}, or add images."
    raise InputError(
        f"a map needs at least {_LEAST_IMAGES} readable images; got {number} in "
        f"{printable(str(images.source))}. {remedy}"
    )


def _skipped_files(skipped: Sequence[SkippedImage]) -> list[SkippedImage]:
    """Return the skipped files, without the rows and columns of a table."""
    return [one for one in skipped if not one.reason.startswith((*COLUMN_REASONS, *ROW_REASONS))]


def _count_skipped(skipped: Sequence[SkippedImage]) -> str:
    """Return the number of skipped files and the most frequent reasons."""
    counted = count_reasons(one.reason for one in skipped)
    if len(counted) == 1:
        return f"{plural(len(skipped), 'file')}: {printable(counted[0][0])}"
    reasons = [f"{count:,} {printable(reason)}" for reason, count in counted[:_MOST_REASONS]]
    n_more = len(counted) - len(reasons)
    if n_more:
        reasons.append(plural(n_more, "more reason"))
    return f"{plural(len(skipped), 'file')}: {'; '.join(reasons)}"
