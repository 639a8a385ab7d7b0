"""The kinds of collections: lists, arrays, tables of paths, and datasets of other libraries.

No library is imported: a dataset is recognized by its attributes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import ImageError, InputError
from featscape.images.containers.program_images import (
    as_array,
    check_program_image,
    is_file,
)
from featscape.images.tables.columns import (
    PATH_COLUMNS,
    check_single_labels,
    choose_column,
    list_names,
)
from featscape.images.tables.program_columns import as_mapping, list_values, make_table
from featscape.images.tables.values import join_lists, name_class, plain_value
from featscape.number_text import with_article
from featscape.records.images import nested_column

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from featscape.records import SkippedImage

_IMAGE_KEYS = ("image", "img")  # of the items of a dataset
_PLAIN = (str, int, float, date, timedelta)


@dataclass
class OpenedCollection:
    """The images of a collection, with their paths, labels and columns.

    Attributes
    ----------
    n_images : int
    get_image : callable
        The number of an image -> the image.
    names : list of str, or None
        The path of each image; None for numbers.
    labels : list or None
        The labels of a dataset of PyTorch; None if they are not read.
    columns : dict of str to list
    path_column : str or None
        The column of paths of a table.
    label_column : str or None
        The column of class labels of a dataset of Hugging Face.
    skipped : list of SkippedImage
        The columns that are not read.
    has_files : bool
        Whether each image is a file; False if some images are pixels, or may be.
    """

    n_images: int
    get_image: Callable[[int], Any]
    names: list[str] | None = None
    labels: list[Any] | None = None
    columns: dict[str, list[Any]] = field(default_factory=dict)
    path_column: str | None = None
    label_column: str | None = None
    skipped: list[SkippedImage] = field(default_factory=list)
    has_files: bool = False


def open_collection(
    collection: Any, *, path_column: str | None, has_labels: bool
) -> OpenedCollection:
    """Open a collection; the labels of a dataset are not read if there are other labels."""
    kind = type(collection).__name__
    collection = as_mapping(collection)
    if hasattr(collection, "__array__"):
        collection = _convert_array(collection)
    if not (hasattr(collection, "__len__") and hasattr(collection, "__getitem__")):
        raise _no_collection(collection)
    if len(collection) == 0:
        raise InputError("the source must contain an image; got an empty collection. Add images.")
    if hasattr(collection, "keys"):
        return _open_table(collection, path_column, kind=kind)
    whole, indices = _follow_subsets(collection)
    if hasattr(whole, "samples") and hasattr(whole, "classes"):
        return _open_image_folder(whole, indices)
    if hasattr(collection, "column_names") and hasattr(collection, "features"):
        return _open_hugging_face(collection)
    if isinstance(collection, np.ndarray):
        return _open_array(collection)
    if isinstance(collection, Sequence):
        return _open_sequence(collection)
    return _open_torch(collection, has_labels=has_labels)


def _convert_array(source: Any) -> Any:
    """Return an array or tensor of images as an array of NumPy, and a DataFrame as it is.

    One dimension, for example of a Series of paths, becomes a list. Raises InputError for a scalar.
    """
    if len(source.shape) == 1:
        return list(source)
    if hasattr(source, "keys"):
        return source
    array = as_array(source)
    if array is None or array.ndim == 0:
        raise _no_collection(source)
    return array


def _no_collection(source: object) -> InputError:
    """Return the error for an object without a length or without items by number."""
    remedy = "Pass a list."
    if hasattr(source, "dataset"):  # a DataLoader of PyTorch
        remedy = "Pass the dataset of the loader, loader.dataset."
    elif hasattr(source, "detach"):  # a tensor of PyTorch on a GPU, or with a gradient
        remedy = "Pass tensor.detach().cpu()."
    elif hasattr(source, "features") or hasattr(source, "__iter__"):
        remedy = "Pass a list of the images, for example [item['image'] for item in dataset]."
    return InputError(
        "the source must be a path, a sequence of images or a dataset with a length; got the "
        f"type {type(source).__name__}. {remedy}"
    )


def _open_table(source: Any, path_column: str | None, *, kind: str) -> OpenedCollection:
    """Open a mapping or DataFrame, of the type `kind`, with a column of paths."""
    names = [str(key) for key in source.keys()]  # noqa: SIM118 - a DataFrame iterates otherwise
    column = choose_column(
        names, PATH_COLUMNS, wanted=path_column, option="the path column", table=kind
    )
    if column is None:
        example = f"source[{names[0]!r}]" if names else "a list"
        raise InputError(
            "the source must be a sequence of images, one dataset, or a table with a column of "
            f"paths; got {with_article(kind)} of {list_names(names)}. Name the column of paths "
            f"with path_column=, or pass one of these, such as {example}."
        )
    table = make_table(kind, source)
    paths = table.columns[column]
    if not paths:
        raise InputError("the source must contain an image; the table has no rows. Add images.")
    return OpenedCollection(
        len(paths),
        paths.__getitem__,
        columns=table.columns,
        path_column=column,
        has_files=True,
        skipped=table.skipped,
    )


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


def _open_image_folder(folder: Any, indices: Sequence[int]) -> OpenedCollection:
    """Open some files of torchvision's ImageFolder, which lists its files."""
    samples = [folder.samples[index] for index in indices]
    files = [str(file) for file, _ in samples]
    labels = [name_class(code, folder.classes) for _, code in samples]
    return OpenedCollection(
        len(files), files.__getitem__, names=files, labels=labels, has_files=True
    )


def _open_array(images: NDArray[Any]) -> OpenedCollection:
    """Open one array of n images."""
    if images.shape[2:] in {(1,), (3,), (4,)}:
        raise InputError(
            f"an array must contain several images; got one image of shape {images.shape}. "
            "Pass a list of images."
        )
    check_program_image(images[0], "number 0")  # all images have one type and shape
    return OpenedCollection(len(images), images.__getitem__)


def _open_sequence(images: Sequence[Any]) -> OpenedCollection:
    """Open a sequence; the items of another sequence than a list are read if they are paths."""
    is_path = isinstance(images[0], str | os.PathLike)
    listed = images if is_path or isinstance(images, list | tuple) else images[:1]
    for index, image in enumerate(listed):
        check_program_image(image, f"number {index}")
    names = [str(index) for index in range(len(images))]
    for index, image in enumerate(listed):
        if isinstance(image, str | os.PathLike):
            names[index] = os.fspath(image)
    has_files = all(map(is_file, listed))
    return OpenedCollection(len(images), images.__getitem__, names=names, has_files=has_files)


def _open_hugging_face(dataset: Any) -> OpenedCollection:
    """Open a Dataset of Hugging Face: its first column of images, and its other columns."""
    kind = type(dataset).__name__
    kinds = {name: type(feature).__name__ for name, feature in dataset.features.items()}
    image = next((name for name, kind in kinds.items() if kind == "Image"), None)
    if image is None:
        raise InputError(
            f"the dataset must have a column of images; it has {list_names(list(kinds))}. "
            "Cast the column with cast_column(NAME, datasets.Image())."
        )
    stored = dataset.with_format(None)  # values of Python
    has_transform = dataset.format["type"] == "custom"  # may need the other columns
    if has_transform:
        opened = OpenedCollection(len(dataset), lambda index: dataset[index][image])
    else:
        encoded = type(dataset.features[image])(decode=False)
        files = stored.select_columns([image]).cast_column(image, encoded)
        opened = OpenedCollection(len(dataset), lambda index: _take_file(files[index][image]))
    opened.has_files = not has_transform
    for name, feature in dataset.features.items():
        if name == image:
            continue
        values = _read_feature(stored, name, feature)
        if values is None:
            opened.skipped.append(nested_column(kind, name))
            continue
        opened.columns[name] = values
        is_first = kinds[name] == "ClassLabel" and opened.label_column is None
        if is_first and any(value is not None for value in values):
            opened.label_column = name
    return opened


def _take_file(stored: dict[str, Any] | None) -> bytes | str:
    """Return the bytes or the path that a Dataset stores for an image; raises ImageError."""
    file: bytes | str | None = None if stored is None else stored["bytes"] or stored["path"]
    if not file:
        raise ImageError("no image in this row")
    return file


def _read_feature(dataset: Any, name: str, feature: Any) -> list[Any] | None:
    """Return the values of a column of numbers, text, classes, or lists of text or classes.

    Returns None for another column, which may contain further images.
    """
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
    item = feature if inner is None else inner
    classes = getattr(item, "names", None)
    data_type = getattr(item, "dtype", "")
    is_text = "string" in data_type
    is_read = is_text if inner is not None else "binary" not in data_type
    if classes is None and not (is_read and type(item).__name__ == "Value"):
        return None
    values = list(dataset[name])
    if classes is None:
        return values
    if inner is None:
        return [name_class(code, classes) for code in values]
    return [[name_class(code, classes) for code in codes or ()] for codes in values]


def _open_torch(dataset: Any, *, has_labels: bool) -> OpenedCollection:
    """Open a Dataset of PyTorch: its items are images, tuples of image and label, or mappings."""
    first = dataset[0]
    if isinstance(first, Mapping):
        return _open_mappings(dataset, first)
    if not isinstance(first, tuple):
        check_program_image(first, "number 0")
        return OpenedCollection(len(dataset), dataset.__getitem__, has_files=is_file(first))
    check_program_image(first[0], "number 0")
    opened = OpenedCollection(
        len(dataset), lambda index: dataset[index][0], has_files=is_file(first[0])
    )
    if has_labels or len(first) < 2:
        return opened
    check_single_labels("targets", [plain_value(first[1])], table=type(dataset).__name__)
    whole, indices = _follow_subsets(dataset)
    targets = getattr(whole, "targets", None)
    if targets is None:
        targets = [dataset[index][1] for index in range(opened.n_images)]
    elif whole is not dataset:
        listed = list_values(targets, "targets")
        targets = [listed[index] for index in indices]
    classes = getattr(whole, "classes", None)
    labels = map(plain_value, list_values(targets, "targets"))
    opened.labels = [code if classes is None else name_class(code, classes) for code in labels]
    return opened


def _open_mappings(dataset: Any, first: Mapping[str, Any]) -> OpenedCollection:
    """Open a Dataset whose items are mappings with an image and further values of the image."""
    images = [key for key in _IMAGE_KEYS if key in first]
    image = images[0] if len(images) == 1 else None
    example = first if image is None else first[image]
    check_program_image(example, "number 0")
    opened = OpenedCollection(
        len(dataset), lambda index: dataset[index][image], has_files=is_file(example)
    )
    columns: dict[str, list[Any]] = {}
    nested: list[str] = []  # such as masks: much memory
    for index in range(opened.n_images):
        item = dataset[index]
        if not isinstance(item, Mapping):
            raise InputError(
                "the items of a dataset must be of one kind; number 0 is a "
                f"{type(first).__name__}, and number {index:,} is a {type(item).__name__}. "
                "Return a mapping for each item."
            )
        for key in [key for key in item if key not in {image, *columns, *nested}]:
            value = join_lists([plain_value(item[key])])[0]
            if value is None or isinstance(value, _PLAIN):
                columns[key] = [None] * index
            else:
                nested.append(key)
        for key, values in columns.items():
            values.append(item.get(key))
    opened.skipped = [nested_column(type(dataset).__name__, key) for key in nested]
    opened.columns = {str(key): values for key, values in columns.items()}
    return opened
