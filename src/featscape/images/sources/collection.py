"""Images that a program holds: lists, tables of paths, and datasets of other libraries.

No library is imported: a dataset is recognized by its attributes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import ImageError, InputError
from featscape.images.containers.program_images import (
    CollectedImages,
    as_array,
    check_program_image,
)
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.tables.columns import (
    PATH_COLUMNS,
    ImageColumns,
    check_single_labels,
    choose_column,
    classify_columns,
    list_names,
)
from featscape.images.tables.paths import find_path_rows
from featscape.images.tables.program_columns import list_values, make_table
from featscape.images.tables.table import ImageTable
from featscape.images.tables.values import name_class, plain_value
from featscape.number_text import plural, with_article
from featscape.records import ImageSet
from featscape.records.images import nested_column

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from featscape.collection import Collection, Columns
    from featscape.records import SkippedImage


@dataclass
class _Opened:
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
    """

    n_images: int
    get_image: Callable[[int], Any]
    names: list[str] | None = None
    labels: list[Any] | None = None
    columns: dict[str, list[Any]] = field(default_factory=dict)
    path_column: str | None = None
    label_column: str | None = None
    skipped: list[SkippedImage] = field(default_factory=list)


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
        or values differs from the number of images, if a label is a list, or if there is no
        column of the given name.
    """
    kind = type(collection).__name__
    opened = _open(collection, path_column=path_column, has_labels=labels is not None)
    values = _join_columns(opened, columns)
    path_column = choose_column(
        values,
        ("path",) if columns is not None else (),
        wanted=opened.path_column or path_column,
        option="the path column",
        table=kind,
    )
    names = _name_images(opened) if path_column is None else values.pop(path_column)
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
        kind="collection",
        labels=labeled.labels,
        label_column=described.label_column,
        n_trimmed_labels=labeled.n_trimmed_labels,
        splits=described.splits,
        columns=described.columns,
        skipped=(*opened.skipped, *skipped, *described.skipped),
    )
    return replace(images.select(list(rows.values())), paths=tuple(rows))


def _join_columns(opened: _Opened, columns: Columns | None) -> dict[str, list[Any]]:
    """Return the columns of a collection and the given columns; raises InputError."""
    if columns is None:
        return dict(opened.columns)
    given = make_table("columns", columns)
    if len(given.positions) != opened.n_images:
        raise InputError(
            f"each column must have one value per image, {opened.n_images:,}; got "
            f"{len(given.positions):,}. Pass the values in the order of the images."
        )
    both = next((name for name in given.columns if name in opened.columns), None)
    if both is not None:
        raise InputError(
            f"the source and columns= must have different columns; both have {both!r}. Rename or "
            "omit one of the columns."
        )
    return {**opened.columns, **given.columns}


def _name_images(opened: _Opened) -> list[str]:
    """Return the paths of the images, or numbers for images without paths."""
    if opened.names is not None:
        return opened.names
    digits = len(str(opened.n_images - 1))
    return [f"image-{index:0{digits}d}" for index in range(opened.n_images)]


def _read_labels(labels: Sequence[object] | None, opened: _Opened, kind: str) -> ImageColumns:
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


def _open(collection: Any, *, path_column: str | None, has_labels: bool) -> _Opened:
    """Open a collection; the labels of a dataset are not read if there are other labels."""
    if hasattr(collection, "__array__"):
        collection = _convert_array(collection)
    if not (hasattr(collection, "__len__") and hasattr(collection, "__getitem__")):
        raise _no_collection(collection)
    if len(collection) == 0:
        raise InputError("the source must contain an image; got an empty collection. Add images.")
    if hasattr(collection, "keys"):
        return _open_table(collection, path_column)
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


def _open_table(source: Any, path_column: str | None) -> _Opened:
    """Open a mapping or DataFrame with a column of paths."""
    kind = type(source).__name__
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
    return _Opened(len(paths), paths.__getitem__, columns=table.columns, path_column=column)


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


def _open_image_folder(folder: Any, indices: Sequence[int]) -> _Opened:
    """Open some files of torchvision's ImageFolder, which lists its files."""
    samples = [folder.samples[index] for index in indices]
    files = [str(file) for file, _ in samples]
    labels = [name_class(code, folder.classes) for _, code in samples]
    return _Opened(len(files), files.__getitem__, names=files, labels=labels)


def _open_array(images: NDArray[Any]) -> _Opened:
    """Open one array of n images."""
    if images.shape[2:] in {(1,), (3,), (4,)}:
        raise InputError(
            f"an array must contain several images; got one image of shape {images.shape}. "
            "Pass a list of images."
        )
    check_program_image(images[0], "number 0")  # all images have one type and shape
    return _Opened(len(images), images.__getitem__)


def _open_sequence(images: Sequence[Any]) -> _Opened:
    """Open a sequence; the items of another sequence than a list are read if they are paths."""
    is_path = isinstance(images[0], str | os.PathLike)
    listed = images if is_path or isinstance(images, list | tuple) else images[:1]
    for index, image in enumerate(listed):
        check_program_image(image, f"number {index}")
    names = [str(index) for index in range(len(images))]
    for index, image in enumerate(listed):
        if isinstance(image, str | os.PathLike):
            names[index] = os.fspath(image)
    return _Opened(len(images), images.__getitem__, names=names)


def _open_hugging_face(dataset: Any) -> _Opened:
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
        opened = _Opened(len(dataset), lambda index: dataset[index][image])
    else:
        encoded = type(dataset.features[image])(decode=False)
        files = stored.select_columns([image]).cast_column(image, encoded)
        opened = _Opened(len(dataset), lambda index: _take_file(files[index][image]))
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


def _open_torch(dataset: Any, *, has_labels: bool) -> _Opened:
    """Open a Dataset of PyTorch, whose items are images, or tuples of image and label."""
    first = dataset[0]
    if not isinstance(first, tuple):
        check_program_image(first, "number 0")
        return _Opened(len(dataset), dataset.__getitem__)
    check_program_image(first[0], "number 0")
    opened = _Opened(len(dataset), lambda index: dataset[index][0])
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
