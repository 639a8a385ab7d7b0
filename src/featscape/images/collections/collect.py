"""Images that a program holds, with their labels and columns, as an `ImageSet`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.images.collections.given_columns import join_columns
from featscape.images.collections.kinds import open_collection
from featscape.images.containers.program_images import CollectedImages
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.tables.columns import ImageColumns, classify_columns
from featscape.images.tables.paths import find_path_rows
from featscape.images.tables.program_columns import list_values
from featscape.images.tables.table import ImageTable
from featscape.images.tables.values import plain_value
from featscape.number_text import plural, with_article
from featscape.records import ImageSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.collection import Collection, Columns
    from featscape.images.collections.opened import OpenedCollection
    from featscape.records import SkippedImage


def collect(
    collection: Collection | Columns,
    *,
    labels: Sequence[object] | None = None,
    columns: Columns | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
) -> ImageSet:
    """Return the images of a collection, with the labels and columns of a dataset or table.

    Parameters
    ----------
    collection : sequence, dataset, mapping or DataFrame
        See `find_images`.
    labels : sequence of n labels, optional
        Instead of the labels of the dataset.
    columns : mapping of str to sequence of n values, or DataFrame of n rows, optional
    path_column, label_column : str, optional
        The columns of the paths and of the labels.

    Raises
    ------
    InputError
        If the collection is empty or contains an object that is no image, if the number of labels
        or values differs from the number of images, if a label is a list, if `columns` has other
        paths than the images, or if there is no column of the given name.
    """
    kind = type(collection).__name__
    opened = open_collection(collection, path_column=path_column, has_labels=labels is not None)
    if path_column is not None and path_column == opened.image_key:
        path_column = None
    values, path_column = join_columns(opened, columns, path_column=path_column, kind=kind)
    names = _name_images(opened) if path_column is None else values.pop(path_column)
    if opened.path_column is None:  # names, not paths: numbers, such as of products, are names too
        names = [str(name) if isinstance(name, int) else name for name in map(plain_value, names)]
    if label_column is not None and not values:
        raise InputError(
            f"a label column of a list or dataset needs columns; got {label_column!r}. Pass the "
            "column with columns=, or the labels with labels=."
        )
    found = _read_labels(labels, opened, kind)
    is_given = labels is not None or found.labels is not None
    described = classify_columns(
        values,
        table=kind if columns is None else "columns",
        label_column=label_column or (None if is_given else opened.label_column),
        has_labels=is_given,
    )
    labeled = found if described.labels is None else described
    rows, skipped = _find_rows(kind, names, labeled.labels)
    images = ImageSet(
        source=f"{plural(opened.n_images, 'image')} of {with_article(kind)}",
        paths=tuple(map(str, names)),
        contents=CollectedImages(rows, opened.get_image),
        decode=decode_bytes,
        decode_plain=decode_plain,
        kind="collection" if opened.has_files else "pixels",
        labels=labeled.labels,
        label_column=described.label_column,
        n_trimmed_labels=labeled.n_trimmed_labels,
        splits=described.splits,
        split_column=described.split_column,
        image_column=opened.image_key if opened.is_key_chosen else None,
        columns=described.columns,
        skipped=(*opened.skipped, *skipped, *described.skipped),
    )
    return replace(images.select(list(rows.values())), paths=tuple(rows))


def _name_images(opened: OpenedCollection) -> list[str]:
    """Return the paths of the images, or numbers for images without paths."""
    if opened.names is not None:
        return [str(index) if name is None else name for index, name in enumerate(opened.names)]
    digits = len(str(opened.n_images - 1))
    return [f"image-{index:0{digits}d}" for index in range(opened.n_images)]


def _read_labels(
    labels: Sequence[object] | None, opened: OpenedCollection, kind: str
) -> ImageColumns:
    """Return the given labels, or the labels of a dataset of PyTorch; raises InputError."""
    if labels is not None:
        name = table = "labels"
        values = list_values(labels, name)
    elif opened.labels is None:
        return ImageColumns()
    else:
        name, table = "targets", kind
        values = opened.labels
    if len(values) != opened.n_images:
        raise InputError(
            f"the number of labels must be the number of images, {opened.n_images:,}; got "
            f"{len(values):,}. Pass one label per image."
        )
    if all(plain_value(value) is None for value in values):
        return ImageColumns()
    return replace(
        classify_columns({name: values}, table=table, label_column=name), label_column=None
    )


def _find_rows(
    kind: str, names: list[Any], labels: Sequence[str] | None
) -> tuple[dict[str, int], list[SkippedImage]]:
    """Return the number of the image of each path, and the rows without a path of their own.

    Raises InputError if no image has a path.
    """
    columns = {"path": names, **({} if labels is None else {"label": list(labels)})}
    table = ImageTable(kind, columns, positions=[f"row {row}" for row in range(len(names))])
    rows = find_path_rows(table, "path", label_column=None if labels is None else "label")
    if not rows:
        raise InputError(
            f"the source must list at least one image; all rows of the {kind} are skipped, the "
            f"first because of: {table.skipped[0].reason}. Name another column with path_column=."
        )
    return rows, table.skipped
