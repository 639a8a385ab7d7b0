"""Describe a run in words, for the screen and for the interactive map."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import ImageError, InputError
from featscape.labels.classes import NO_LABEL
from featscape.mapfolder import OWN_COLUMNS, SOURCE_PREFIX
from featscape.number_text import plural
from featscape.printable_names import printable
from featscape.records import SkippedImage, count_reasons, count_skipped
from featscape.records.skipped import (
    COLUMN_REASONS,
    DUPLICATE_PATH,
    EARLIER_MAP,
    INVALID_ROW,
    LISTS,
    NESTED,
    NO_IMAGE,
    ROW_REASONS,
    UNUSED_IMAGE,
    VECTORS,
    column_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from featscape.images.tables.columns import ImageColumns
    from featscape.records import Embedding, ImageSet, ModelCard
    from featscape.records.images import Column

_LEAST_IMAGES = 2  # of a map
_MOST_NAMED = 6  # classes in a line on the screen


def facts_of(embedding: Embedding, model: ModelCard | None) -> dict[str, str]:
    """Return how a map was made, for the interactive map; without facts about the computer."""
    facts = {}
    if model is not None:
        name = model.name
        if name.endswith(".onnx"):
            name = Path(name).name
        facts["network"] = f"{name}, {describe_layer(model.layer)}"
        facts["preprocessing"] = model.preprocessing
    parameters = embedding.parameters
    facts["t-SNE"] = (
        f"perplexity {round(parameters['perplexity'], 2):g}, seed {parameters['seed']}, "
        f"{embedding.n_iter:,} iterations, KL divergence {embedding.kl_divergence:.3f}"
        f"{landmarks_text(embedding.landmarks)}"
    )
    facts["made"] = f"{datetime.now(UTC):%Y-%m-%d} by featscape {version('featscape')}"
    return facts


def describe_found(images: ImageSet, *, is_label_chosen: bool = False) -> Iterator[str]:
    """Yield the number of images and classes, with the skipped files, and the origin of labels.

    Parameters
    ----------
    images : ImageSet
    is_label_chosen : bool
        Whether the user named the column of labels; otherwise the option is named.
    """
    from featscape.images.sources.class_folders import OUTSIDE_CLASSES
    from featscape.images.tables.boxes import describe_boxes
    from featscape.images.tables.paths import LABEL_CONFLICT

    found = f"found {dataset_text(len(images), 'image', images.labels)}"
    files = _skipped_files(images.skipped)
    yield f"{found}, skipped {_count_skipped(files)}" if files else found
    yield from describe_left_out(images.skipped)
    yield from describe_boxes(images)
    yield from _describe_vectors(images)
    n_outside = sum(one.reason == OUTSIDE_CLASSES for one in images.skipped)
    if n_outside:
        yield (
            f"{plural(n_outside, 'image')} outside the class folders: move these images into a "
            "folder, which becomes a class, or move the class folders out of the source for a map "
            "without labels"
        )
    yield from _describe_unused_folders(images)
    yield from _describe_unread_tables(images)
    if images.dropped_classes:
        yield _describe_dropped(images)
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
    yield from describe_columns(images, n_items=len(images), noun="image")
    yield from describe_labels(images.labels or (), n_trimmed=images.n_trimmed_labels)
    if images.renamed_labels:
        yield f"labels: {describe_renamed(images.renamed_labels)}"
    yield from describe_text_columns(images.columns)
    for name, values in images.columns.items():
        own = _name_in_source(name)
        if own != name and _has_value(values).any():
            yield f"the column {own} is called {name!r}, since each map has a column {own}"


def _name_labels(images: ImageSet) -> str:
    """Return the origin of the labels of a table or of arrays."""
    if images.kind != "array":
        return f"the column {images.label_column!r}"
    if images.label_column == "label":  # of one or more arrays, each with the labels of an array
        return "the arrays named as the labels of the images"
    return f"the array {images.label_column!r}"


def _describe_unused_folders(images: ImageSet) -> Iterator[str]:
    """Yield the folders that give neither labels nor splits, if no table gives columns."""
    from featscape.images.tables.columns import list_names

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
    from featscape.images.tables.columns import list_names

    names = list_names(images.unread_tables, n_shown=_MOST_NAMED)
    one = "one table" if len(images.unread_tables) > 1 else "this table"
    remedy = f"name {one} as the source, or rename it to metadata.csv"
    if images.kind in ("tar", "zip"):
        remedy = f"rename {one} to metadata.csv in the archive, or unpack the archive"
    yield printable(
        f"tables of another name than metadata.csv are not read: {names}. For the columns, {remedy}"
    )


def describe_columns(
    described: ImageSet | ImageColumns, *, n_items: int, noun: str
) -> Iterator[str]:
    """Yield the names of the columns, and the number of items with values, if there are columns."""
    from featscape.images.tables.columns import list_names

    names = [repr(described.label_column)] if described.label_column is not None else []
    names += ["the split"] if described.splits is not None else []
    has_value = np.zeros(n_items, dtype=bool)
    filled: list[str] = []
    empty: list[str] = []
    for name, values in described.columns.items():
        has_own = _has_value(values)
        has_value |= has_own
        (filled if has_own.any() else empty).append(name)
    names += [list_names(filled)] if filled else []
    if described.label_column is not None and described.labels is not None:
        has_value |= np.array(described.labels) != NO_LABEL
    counted = plural(n_items, noun)
    if not has_value.all():
        counted = f"{has_value.sum():,} of {counted}"
    if filled or described.label_column is not None:
        # splits without a table are those of the folders
        yield printable(f"columns: {', '.join(names)}; values for {counted}")
    if empty:
        yield printable(f"columns without a value: {list_names(list(map(_name_in_source, empty)))}")


def _name_in_source(column: str) -> str:
    """Return the name of a column in the source; a map renames the columns `OWN_COLUMNS`."""
    own = column.removeprefix(SOURCE_PREFIX)
    return own if own in OWN_COLUMNS else column


def _has_value(values: Column) -> NDArray[np.bool_]:
    """Return which values of a column are not missing, shape (n,)."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fM":
        return ~np.isnan(values) if values.dtype.kind == "f" else ~np.isnat(values)
    return np.array([value is not None for value in values], dtype=bool)


def describe_left_out(skipped: Sequence[SkippedImage]) -> Iterator[str]:
    """Yield the number of skipped rows and of columns that are not used, if any."""
    from featscape.images.tables.columns import list_names

    rows = [one for one in skipped if one.reason.startswith(NO_IMAGE)]
    if rows:
        names = list_names([one.reason.removeprefix(f"{NO_IMAGE}: ") for one in rows], n_shown=1)
        yield printable(f"{count_skipped(one.reason for one in rows)}: {names}")
    for kind in (UNUSED_IMAGE, INVALID_ROW, DUPLICATE_PATH):
        rows = [one for one in skipped if one.reason.startswith(kind)]
        if rows:
            example = ", for example" if len(rows) > 1 else ","
            detail = rows[0].reason.partition(": ")[2]
            counted = count_skipped(one.reason for one in rows)
            yield printable(f"{counted}{example} {rows[0].path}: {detail}")
    details = {
        EARLIER_MAP: EARLIER_MAP.removeprefix("a column "),
        NESTED: NESTED.removeprefix("a column of "),
        LISTS: "as text, with ', ' between the values; a label is one value per image",
    }
    for kind, detail in details.items():
        columns = [one for one in skipped if one.reason.startswith(kind)]
        if columns:
            names = list_names([column_of(one) for one in columns])
            counted = count_skipped(one.reason for one in columns)
            yield printable(f"{counted}: {names} ({detail})")


def _describe_vectors(images: ImageSet) -> Iterator[str]:
    """Yield the columns of vectors, and the command that makes a map of them."""
    from featscape.images.tables.boxes import find_boxes
    from featscape.images.tables.columns import list_names

    columns = [column_of(one) for one in images.skipped if one.reason == VECTORS]
    vectors = sorted({name for name in columns if name.lower() not in find_boxes(images)})
    if vectors:
        noun = "the column contains" if len(vectors) == 1 else "the columns contain"
        yield printable(
            f"{noun} vectors: {list_names(vectors)}. featscape embed makes a map of these vectors, "
            "without a network"
        )


def describe_text_columns(columns: Mapping[str, Column]) -> Iterator[str]:
    """Yield the columns that are text although most of their values look like numbers or dates."""
    from featscape.images.tables.columns import explain_text

    for name, values in columns.items():
        reason = "" if isinstance(values, np.ndarray) else explain_text(values)
        if reason:
            yield printable(f"the column {name!r} is text: {reason}")


def _describe_dropped(images: ImageSet) -> str:
    """Return the classes of which the limit keeps no image, and whether all images have labels."""
    from featscape.images.tables.columns import list_names

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


def describe_labels(labels: Sequence[str], *, n_trimmed: int) -> Iterator[str]:
    """Yield the number of trimmed labels, and the labels that differ only in case, if any."""
    from featscape.images.tables.columns import list_names

    if n_trimmed:
        yield f"white space around {plural(n_trimmed, 'label')} was removed"
    spellings: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        spellings.setdefault(label.casefold(), []).append(label)
    alike = [name for names in spellings.values() if len(names) > 1 for name in names]
    if alike:
        named = list_names(alike, n_shown=_MOST_NAMED)
        yield f"labels that differ only in case are different classes: {named}"


def _describe_no_labels(images: ImageSet) -> str:
    """Return that no column of labels was recognized, and the columns that may be chosen."""
    from featscape.images.tables.columns import LABEL_COLUMNS, list_names

    columns = list(map(_name_in_source, images.columns))
    usual = ", ".join(LABEL_COLUMNS[:2])
    return (
        f"no labels: no column with values, one per image, is named {usual} or similar; the "
        f"columns are {list_names(columns)}. --label-column NAME (label_column=) chooses a column"
    )


def describe_unreadable(found: ImageSet, read: ImageSet) -> str:
    """Return the number of images that were found and could not be read, and the reason."""
    unreadable = read.skipped[len(found.skipped) :]
    return f"skipped {_count_skipped(unreadable)}; {len(read):,} of {len(found):,} images were read"


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
    """Return the number of skipped files and the most frequent reason."""
    reason, count = count_reasons(one.reason for one in skipped)[0]
    share = "" if count == len(skipped) else f", {count:,} of them"
    return f"{plural(len(skipped), 'file')}{share}: {printable(reason)}"


def describe_renamed(renamed_labels: Mapping[str, str]) -> str:
    """Return the names in the source that were replaced by other labels, with the labels."""
    pairs = ", ".join(f"{name} = {label}" for name, label in renamed_labels.items())
    return printable(f"English names for the folders of Animals10: {pairs}")


def describe_layer(layer: str) -> str:
    """Return the source of the features in words.

    "input of fc" becomes "input of layer fc", "layer3" becomes "output of layer3", and "output"
    becomes "output of the network".
    """
    start, of, name = layer.partition("input of ")
    if of and not start:
        return f"input of layer {name}"
    return "output of the network" if layer == "output" else f"output of {layer}"


def dataset_text(n_items: int, noun: str, labels: Sequence[str] | None) -> str:
    """Return for example "500 images in 10 classes, 3 without a label"; `noun` is "image"."""
    counted = plural(n_items, noun)
    if labels is None:
        return counted
    sizes = Counter(labels)
    n_unlabeled = sizes.pop(NO_LABEL, 0)
    classes = f"{counted} in {plural(len(sizes), 'class', 'classes')}"
    return f"{classes}, {n_unlabeled:,} without a label" if n_unlabeled else classes


def landmarks_text(landmarks: NDArray[np.intp] | None) -> str:
    """Return the number of landmarks in words; "" if t-SNE was fitted on all items.

    Parameters
    ----------
    landmarks : ndarray of intp, shape (l,), or None
        Indices of the landmarks; None if t-SNE was fitted on all items.
    """
    if landmarks is None:
        return ""
    return f", fitted on {len(landmarks):,} landmarks; the other items were placed among these"
