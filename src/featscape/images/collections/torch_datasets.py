"""Datasets of PyTorch: ImageFolder, and datasets of images, tuples or mappings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from PIL import Image

from featscape.errors import InputError
from featscape.images.collections.opened import OpenedCollection, take_value
from featscape.images.containers.image_columns import names_other_image
from featscape.images.containers.program_images import check_program_image, is_file
from featscape.images.tables.boxes import nested_reason
from featscape.images.tables.columns import PATH_COLUMNS, check_single_labels, find_usual_column
from featscape.images.tables.program_columns import list_values
from featscape.images.tables.values import join_lists, name_class, plain_value
from featscape.number_text import plural, with_article
from featscape.printable_names import list_names
from featscape.records.skipped import skipped_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_IMAGE_KEYS = ("image", "img")  # of the items of a dataset
_PLAIN = (str, int, float, date, timedelta, os.PathLike)


def open_image_folder(dataset: Any) -> OpenedCollection | None:
    """Open torchvision's ImageFolder, which lists its files, or a Subset; None for others."""
    folder, indices = _follow_subsets(dataset)
    if not (hasattr(folder, "samples") and hasattr(folder, "classes")):
        return None
    samples = [folder.samples[index] for index in indices]
    files: list[str | None] = [str(file) for file, _ in samples]
    labels = [name_class(code, folder.classes) for _, code in samples]
    return OpenedCollection(
        len(files), files.__getitem__, names=files, labels=labels, has_files=True
    )


def open_torch_dataset(
    dataset: Any, path_column: str | None, *, has_labels: bool
) -> OpenedCollection:
    """Open a Dataset whose items are images, tuples or mappings.

    A tuple contains an image, a label and further values; the values of a mapping in a tuple have
    the names of their keys, and another value has the name "item NUMBER".

    Parameters
    ----------
    dataset : Dataset
        At least one item.
    path_column : str or None
        The key of the images, or of the paths of the images, that the caller named.
    has_labels : bool
        Whether there are other labels; the labels of the dataset are then not read.

    Raises
    ------
    InputError
        If an item contains no image, or the first label is a list.
    """
    first = dataset[0]
    if isinstance(first, Mapping):
        return _open_mappings(dataset, first, path_column)
    if not isinstance(first, tuple):
        check_program_image(first, "number 0")
        return OpenedCollection(len(dataset), dataset.__getitem__, has_files=is_file(first))
    check_program_image(first[0], "number 0")
    opened = OpenedCollection(
        len(dataset),
        partial(_take_first, dataset, first),
        has_files=is_file(first[0]),
    )
    has_targets = len(first) > 1 and not isinstance(first[1], Mapping)
    targets: list[Any] = []

    def read_further_values() -> Iterator[Mapping[Any, Any]]:
        for index in range(opened.n_images):
            item = _read_item(dataset, index, first)
            if has_targets:
                targets.append(item[1])
            yield _further_values(item, start=2 if has_targets else 1)

    if len(first) > (2 if has_targets else 1):
        _read_columns(opened, read_further_values(), kind=type(dataset).__name__)
    if has_targets and not has_labels:
        opened.labels = _read_targets(dataset, first, targets)
    return opened


def _further_values(item: tuple[Any, ...], *, start: int) -> dict[Any, Any]:
    """Return the values in a tuple from the number `start`; a value has the key "item NUMBER".

    A key that an earlier mapping has becomes "item NUMBER KEY".
    """
    values: dict[Any, Any] = {}
    for number, value in enumerate(item[start:], start):
        if isinstance(value, Mapping):
            own = {f"item {number} {key}" if key in values else key: value[key] for key in value}
        else:
            own = {f"item {number}": value}
        values |= own
    return values


def _take_first(dataset: Any, first: tuple[Any, ...], index: int) -> Any:
    return _read_item(dataset, index, first)[0]


def _read_item(dataset: Any, index: int, first: Any) -> Any:
    """Return an item of a dataset of tuples or mappings.

    Raises InputError if the first item, `first`, is of the other kind or has another number of
    values.
    """
    item = dataset[index]
    if not isinstance(item, tuple if isinstance(first, tuple) else Mapping):
        raise InputError(
            "the items of a dataset must be of one kind; number 0 is "
            f"{with_article(type(first).__name__)}, and number {index:,} is "
            f"{with_article(type(item).__name__)}. Return items of one kind."
        )
    if isinstance(item, tuple) and len(item) != len(first):
        raise InputError(
            "the tuples of a dataset must have one length; number 0 has "
            f"{plural(len(first), 'value')}, and number {index:,} has {len(item)}. Return the same "
            "values for each item."
        )
    return item


def _read_targets(dataset: Any, first: tuple[Any, ...], read: list[Any]) -> list[Any]:
    """Return the labels of a dataset of tuples; `read` has the second values, or is empty."""
    check_single_labels("targets", [plain_value(first[1])], table=type(dataset).__name__)
    whole, indices = _follow_subsets(dataset)
    targets = getattr(whole, "targets", None)
    if targets is None:
        targets = read or [_read_item(dataset, index, first)[1] for index in range(len(dataset))]
    elif whole is not dataset:
        listed = list_values(targets, "targets")
        targets = [listed[index] for index in indices]
    classes = getattr(whole, "classes", None)
    labels = map(plain_value, list_values(targets, "targets"))
    return [code if classes is None else name_class(code, classes) for code in labels]


def _open_mappings(
    dataset: Any, first: Mapping[Any, Any], path_column: str | None
) -> OpenedCollection:
    """Open a Dataset whose items are mappings with an image and further values of the image."""
    key = _choose_image_key(first, path_column)
    check_program_image(first[key], "number 0")
    has_paths = isinstance(first[key], str | os.PathLike)
    names: list[str | None] = []
    opened = OpenedCollection(
        len(dataset),
        partial(take_value, dataset, key),
        names=names if has_paths else None,
        image_key=key,
        is_key_chosen=key not in _IMAGE_KEYS and key != path_column and not is_file(first[key]),
        has_files=is_file(first[key]),
    )

    def read_other_values() -> Iterator[Mapping[Any, Any]]:
        for index in range(opened.n_images):
            item = _read_item(dataset, index, first)
            image = item.get(key)
            names.append(os.fspath(image) if isinstance(image, str | os.PathLike) else None)
            yield {other: value for other, value in item.items() if other != key}

    _read_columns(opened, read_other_values(), kind=type(dataset).__name__)
    return opened


def _choose_image_key(first: Mapping[Any, Any], path_column: str | None) -> Any:
    """Return the key of the image: image or img, or else the key of an image of Pillow, or a file.

    Files are under a usual name; the first usual name is used.
    """
    keys = [key for key in _IMAGE_KEYS if key in first]
    if path_column in first and (path_column in keys or not keys):
        return path_column
    if not keys:
        images = [key for key, value in first.items() if isinstance(value, Image.Image)]
        keys = [key for key in images if not names_other_image(key)]
    if not keys:
        files = [key for key, value in first.items() if isinstance(key, str) and is_file(value)]
        path = find_usual_column(files, PATH_COLUMNS)
        keys = [] if path is None else [path]
    if len(keys) != 1:
        what = f"both {keys[0]!r} and {keys[1]!r}" if keys else list_names(list(first))
        raise InputError(
            "the items of a dataset must have one key of images, such as 'image' or 'file_name'; "
            f"item 0 has {what}. Name the key of the images with path_column=."
        )
    return keys[0]


def _read_columns(
    opened: OpenedCollection, items: Iterable[Mapping[Any, Any]], *, kind: str
) -> None:
    """Store the values of the items as columns; `opened.skipped` receives the other keys."""
    columns: dict[Any, list[Any]] = {}
    nested: dict[Any, str] = {}  # the reasons; the values, such as masks, need much memory
    for index, item in enumerate(items):
        for key in [key for key in item if key not in {*columns, *nested}]:
            value = join_lists([plain_value(item[key])])[0]
            if value is None or isinstance(value, _PLAIN):
                columns[key] = [None] * index
            else:
                nested[key] = nested_reason(value)
        for key, values in columns.items():
            values.append(item.get(key))
    opened.skipped = [skipped_column(kind, key, reason) for key, reason in nested.items()]
    opened.columns = {str(key): values for key, values in columns.items()}


def _follow_subsets(dataset: Any) -> tuple[Any, Sequence[int]]:
    """Return the dataset of a Subset of PyTorch, perhaps of a Subset, and the numbers of its items.

    Returns the dataset itself and all numbers for another dataset. A class derived from Subset may
    return other items.
    """
    indices: Sequence[int] = range(len(dataset))
    while type(dataset).__name__ == "Subset":
        indices = [int(dataset.indices[index]) for index in indices]
        dataset = dataset.dataset
    return dataset, indices
