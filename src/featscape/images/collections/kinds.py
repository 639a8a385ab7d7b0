"""The kinds of collections: lists, arrays, tables of paths, and datasets of other libraries.

No library is imported: a dataset is recognized by its attributes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.images.collections.opened import OpenedCollection, take_value
from featscape.images.collections.torch_datasets import open_image_folder, open_torch_dataset
from featscape.images.containers.image_columns import (
    IMAGE_COLUMNS,
    is_image_file,
    is_struct,
    names_other_image,
)
from featscape.images.containers.parquet_rows import FILE_NAME
from featscape.images.containers.program_images import (
    as_array,
    check_program_image,
    is_file,
)
from featscape.images.tables.boxes import nested_reason
from featscape.images.tables.columns import PATH_COLUMNS, check_column, choose_column, usual_columns
from featscape.images.tables.program_columns import as_mapping, make_table
from featscape.images.tables.values import name_class
from featscape.labels.classes import is_missing
from featscape.number_text import with_article
from featscape.printable_names import list_names
from featscape.records.skipped import skipped_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TABLE_COLUMNS = (*PATH_COLUMNS, *(name for name in IMAGE_COLUMNS if name not in PATH_COLUMNS))


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
    folder = open_image_folder(collection)
    if folder is not None:
        return folder
    if hasattr(collection, "column_names") and hasattr(collection, "features"):
        return _open_hugging_face(collection, path_column)
    if isinstance(collection, np.ndarray):
        return _open_array(collection)
    if isinstance(collection, Sequence):
        return _open_sequence(collection)
    return open_torch_dataset(collection, path_column, has_labels=has_labels)


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
    """Open a mapping or DataFrame, of the type `kind`, with a column of images or of paths.

    A column of images takes precedence, and a column of paths that the caller names then gives the
    names of the images.
    """
    names = [str(key) for key in source.keys()]  # noqa: SIM118 - a DataFrame iterates otherwise
    option = "the path column"
    is_stored = path_column == FILE_NAME and FILE_NAME not in names  # beside the bytes of images
    wanted = None if is_stored else path_column
    column = choose_column(names, _TABLE_COLUMNS, wanted=wanted, option=option, table=kind)
    if column is None and not _list_image_columns(_take_lists(source), None):
        raise _no_table(kind, names)
    table = make_table(kind, source)
    if not table.positions:
        raise InputError("the source must contain an image; the table has no rows. Add images.")
    columns = dict(table.columns)
    candidates = _list_image_columns(columns, path_column)
    images = next(iter(candidates), None)
    stored_names = None if images is None else _stored_names(columns[images])
    if is_stored and stored_names is not None:
        columns[FILE_NAME] = stored_names
    check_column(columns, path_column, option=option, table=kind)
    if images is not None:
        values = columns.pop(images)
        is_usual = images.lower() in _TABLE_COLUMNS
        return OpenedCollection(
            len(values),
            partial(_take_image, values),
            names=stored_names,
            columns=columns,
            image_key=images,
            is_key_chosen=images != path_column and (len(candidates) > 1 or not is_usual),
            has_files=all(map(_is_stored_file, values)),
            skipped=table.skipped,
        )
    if column not in columns:  # the empty column of paths of an earlier map, which is left out
        raise _no_table(kind, names)
    return OpenedCollection(
        len(table.positions),
        columns[column].__getitem__,
        columns=columns,
        path_column=column,
        has_files=True,
        skipped=table.skipped,
    )


def _no_table(kind: str, names: list[str]) -> InputError:
    """Return the error for a mapping or DataFrame without a column of images or of paths."""
    example = f"source[{names[0]!r}]" if names else "a list"
    return InputError(
        "the source must be a sequence of images, one dataset, or a table with a column of images "
        f"or paths; got {with_article(kind)} of {list_names(names)}. Name the column with "
        f"path_column=, or pass one of these, such as {example}."
    )


def _take_lists(source: Any) -> dict[str, Any]:
    """Return the columns of a mapping or DataFrame that are lists, arrays or Series.

    Other values of a mapping may be whole datasets.
    """
    columns = {str(key): source[key] for key in source.keys()}  # noqa: SIM118 - see `_open_table`
    return {
        name: values
        for name, values in columns.items()
        if isinstance(values, list | tuple) or hasattr(values, "tolist")
    }


def _list_image_columns(columns: Mapping[str, Any], path_column: str | None) -> list[str]:
    """Return the columns of images: the named one, those of usual names, then encoded images.

    Pillow images and arrays with another name may be masks or features.
    """
    usual = usual_columns(columns, _TABLE_COLUMNS)
    first = {
        name: next((value for value in values if not is_missing(value)), None)
        for name, values in columns.items()
    }
    named = [] if path_column is None or path_column not in columns else [path_column]
    found = [name for name in named + usual if _is_image(first[name])]
    others = [
        name
        for name, value in first.items()
        if name not in usual and is_image_file(value) and not names_other_image(name)
    ]
    return list(dict.fromkeys(found + others))


def _is_image(value: Any) -> bool:
    """Return whether a value of a table is an image, and not the path of an image."""
    is_file_or_image = isinstance(value, bytes | io.BytesIO | Image.Image)
    return is_file_or_image or is_struct(value) or getattr(value, "ndim", 0) > 1


def _is_stored_file(value: Any) -> bool:
    """Return whether a value of a column of images is a file, or missing."""
    return is_missing(value) or is_struct(value) or is_file(value)


def _stored_names(values: list[Any]) -> list[str | None] | None:
    """Return the file names beside the bytes of images; None unless each image has its own."""
    names = [value["path"] if is_struct(value) else None for value in values]
    return names if all(names) and len(set(names)) == len(names) else None


def _take_image(values: list[Any], index: int) -> Any:
    """Return an image of a table; raises ImageError if the value is missing."""
    value = values[index]
    return _take_file(value) if is_missing(value) or is_struct(value) else value


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
    names: list[str | None] = [None] * len(images)
    for index, image in enumerate(listed):
        if isinstance(image, str | os.PathLike):
            names[index] = os.fspath(image)
    has_files = all(map(is_file, listed))
    return OpenedCollection(len(images), images.__getitem__, names=names, has_files=has_files)


def _open_hugging_face(dataset: Any, path_column: str | None) -> OpenedCollection:
    """Open a Dataset of Hugging Face: a column of images, and its columns of other values.

    The column of images is `path_column` if this is one, or else the first.
    """
    table = type(dataset).__name__
    kinds = {name: type(feature).__name__ for name, feature in dataset.features.items()}
    images = [name for name, kind in kinds.items() if kind == "Image"]
    if not images:
        raise InputError(
            f"the dataset must have a column of images; it has {list_names(list(kinds))}. "
            "Cast the column with cast_column(NAME, datasets.Image())."
        )
    image = next((name for name in images if name == path_column), images[0])
    stored = dataset.with_format(None)  # values of Python
    has_transform = dataset.format["type"] == "custom"  # may need the other columns
    if has_transform:
        opened = OpenedCollection(len(dataset), partial(take_value, dataset, image))
    else:
        encoded = type(dataset.features[image])(decode=False)
        files = stored.select_columns([image]).cast_column(image, encoded)
        opened = OpenedCollection(len(dataset), partial(_take_stored, files, image))
        opened.names = _list_paths(files, image)
    opened.has_files = not has_transform
    opened.image_key = image
    opened.is_key_chosen = len(images) > 1 and image != path_column
    for name, feature in dataset.features.items():
        if name == image:
            continue
        values = _read_feature(stored, name, feature)
        if values is None:
            opened.skipped.append(skipped_column(table, name, nested_reason(feature)))
            continue
        opened.columns[name] = values
        is_first = kinds[name] == "ClassLabel" and opened.label_column is None
        if is_first and any(value is not None for value in values):
            opened.label_column = name
    return opened


def _list_paths(files: Any, column: str) -> list[str | None] | None:
    """Return the paths of a Dataset of files; None if the Dataset contains the images.

    The function also returns None if two rows have one path: each row of a Dataset is an image.
    """
    first = files[0][column]
    if first is None or first["bytes"] is not None:
        return None
    paths: list[str | None] = list(files.flatten()[f"{column}.path"])
    return paths if all(paths) and len(set(paths)) == len(paths) else None


def _take_stored(files: Any, column: str, index: int) -> bytes | str:
    return _take_file(files[index][column])


def _take_file(stored: Any) -> bytes | str:
    """Return the bytes or the path in the struct of an image; raises ImageError without both."""
    file: bytes | str | None = None if is_missing(stored) else stored["bytes"] or stored["path"]
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
