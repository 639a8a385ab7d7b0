"""Images that a program holds: lists of files or Pillow images, and datasets of other libraries.

No library is imported: a dataset is recognized by its attributes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from featscape.errors import InputError
from featscape.images.containers.container_array import TO_UINT8
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.storage.disk import Disk
from featscape.images.tables.columns import ImageColumns, classify_columns, list_names
from featscape.images.tables.program_columns import make_table
from featscape.labels.classes import NO_LABEL
from featscape.number_text import plural, with_article
from featscape.records import ImageSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from featscape.collection import Collection, Columns

# modes that PNG stores without loss; images of other modes become RGB
_PNG_MODES = frozenset(("1", "L", "LA", "P", "RGB", "RGBA"))


class CollectedImages:
    """The `ImageBytes` of a collection: a Pillow image is encoded as PNG when it is read."""

    def __init__(self, names: Iterable[str], get_image: Callable[[int], Any]) -> None:
        self._indices = {name: index for index, name in enumerate(names)}
        self._get_image = get_image

    def read(self, path: str) -> bytes:
        """Return the file of an image; raises ImageError, or InputError for another object."""
        index = self._indices[path]
        image = self._get_image(index)
        if isinstance(image, str | os.PathLike):
            return Disk().read(Path(image))
        if isinstance(image, np.ndarray):
            return _encode(_from_array(image, index))
        if isinstance(image, Image.Image):
            return _encode(image)
        raise InputError(
            "an image must be a path, an image of Pillow or an array of uint8; number "
            f"{index} is of the type {type(image).__name__}. Pass a dataset without a transform to "
            "tensors."
        )


def collect(
    collection: Collection,
    *,
    labels: Sequence[object] | None = None,
    columns: Columns | None = None,
    label_column: str | None = None,
) -> ImageSet:
    """Return the images of a collection, with the labels of a dataset.

    Parameters
    ----------
    collection : sequence or dataset
        See `find_images`.
    labels : sequence of n labels, optional
        Instead of the labels of the dataset.
    columns : mapping of str to sequence of n values, or DataFrame of n rows, optional
    label_column : str, optional
        The column of the labels.

    Raises
    ------
    InputError
        If the collection is empty, an array in a list is no image of uint8, the number of labels
        or values differs from the number of images, or there is no column `label_column`.
    """
    if not (hasattr(collection, "__len__") and hasattr(collection, "__getitem__")):
        raise InputError(
            "the source must be a path, a sequence of images or a dataset with a length; got the "
            f"type {type(collection).__name__}. Pass a list."
        )
    n_images = len(collection)
    if n_images == 0:
        raise InputError("the source must contain an image; got an empty collection. Add images.")
    if isinstance(collection, np.ndarray) and collection.shape[2:] in {(1,), (3,), (4,)}:
        raise InputError(
            f"an array must contain several images; got one image of shape {collection.shape}. "
            "Pass a list of images."
        )
    _check_arrays(collection)
    get_image, found = _open(collection)
    if labels is not None:
        found = [str(label) for label in labels]
    if found is not None and len(found) != n_images:
        raise InputError(
            f"the number of labels must be the number of images, {n_images:,}; got {len(found):,}. "
            "Pass one label per image."
        )
    described = ImageColumns()
    if columns is not None:
        described = _describe(
            columns, n_images=n_images, label_column=label_column, has_labels=found is not None
        )
    elif label_column is not None:
        raise InputError(
            f"a label column of a list or dataset needs columns; got {label_column!r}. Pass the "
            "column with columns=, or the labels with labels=."
        )
    names = _name(collection, n_images)
    return ImageSet(
        source=f"{plural(n_images, 'image')} of {with_article(type(collection).__name__)}",
        paths=names,
        contents=CollectedImages(names, get_image),
        decode=decode_bytes,
        decode_plain=decode_plain,
        kind="collection",
        labels=described.labels or (None if found is None else tuple(found)),
        label_column=described.label_column,
        n_trimmed_labels=described.n_trimmed_labels,
        splits=described.splits,
        columns=described.columns,
        skipped=described.skipped,
    )


def _describe(
    columns: Columns, *, n_images: int, label_column: str | None, has_labels: bool
) -> ImageColumns:
    """Return the labels, splits and other columns; raises InputError for another length."""
    table = make_table("columns", columns)
    if len(table.positions) != n_images:
        raise InputError(
            f"each column must have one value per image, {n_images:,}; got "
            f"{len(table.positions):,}. Pass the values in the order of the images."
        )
    return classify_columns(
        table.columns, table=table.name, label_column=label_column, has_labels=has_labels
    )


def _open(collection: Collection) -> tuple[Callable[[int], Any], list[str] | None]:
    """Return a function from an index to an image, and the labels."""
    dataset = cast("Any", collection)
    if _is_image_folder(collection):
        samples = dataset.samples
        return lambda index: samples[index][0], [dataset.classes[code] for _, code in samples]
    if hasattr(dataset, "column_names") and hasattr(dataset, "features"):  # Hugging Face
        return _open_table(dataset)
    if isinstance(collection, Sequence):
        return collection.__getitem__, None
    return _open_dataset(dataset)


def _is_image_folder(collection: Collection) -> bool:
    """Return whether the collection is torchvision's ImageFolder, which lists its files."""
    return hasattr(collection, "samples") and hasattr(collection, "classes")


def _open_table(dataset: Any) -> tuple[Callable[[int], Any], list[str] | None]:
    """Open a Dataset of Hugging Face: its first column of images, and of class labels."""
    kinds = {name: type(feature).__name__ for name, feature in dataset.features.items()}
    column = next((name for name, kind in kinds.items() if kind == "Image"), None)
    if column is None:
        raise InputError(
            f"the dataset must have a column of images; it has {list_names(list(kinds))}. "
            "Cast the column with cast_column(NAME, datasets.Image())."
        )
    label = next((name for name, kind in kinds.items() if kind == "ClassLabel"), None)
    if label is None:
        label = next((name for name in ("label", "labels") if name in kinds), None)
    labels = None
    if label is not None:
        classes = getattr(dataset.features[label], "names", None)
        labels = [_name_label(value, classes) for value in dataset[label]]
    return lambda index: dataset[index][column], labels


def _open_dataset(dataset: Any) -> tuple[Callable[[int], Any], list[str] | None]:
    """Open a Dataset of PyTorch, whose items are images, or tuples of image and label."""
    if not isinstance(dataset[0], tuple):
        return dataset.__getitem__, None
    targets = getattr(dataset, "targets", None)
    if targets is None:
        targets = [dataset[index][1] for index in range(len(dataset))]
    classes = getattr(dataset, "classes", None)
    labels = [_name_label(target, classes) for target in targets]
    return lambda index: dataset[index][0], labels


def _name_label(value: Any, classes: Sequence[str] | None) -> str:
    """Return the name of a class by its number; Hugging Face writes a missing label as -1."""
    if value is None:
        return NO_LABEL
    if isinstance(value, str):
        return value
    number = int(value)  # also of a tensor
    if classes is None:
        return str(number)
    return classes[number] if number >= 0 else NO_LABEL


def _name(collection: Collection, n_images: int) -> tuple[str, ...]:
    """Return unique names: the paths of a list of paths, otherwise the numbers of the images."""
    if _is_image_folder(collection):
        names = [str(file) for file, _ in cast("Any", collection).samples]
    elif isinstance(collection, Sequence):
        names = [
            os.fspath(image) if isinstance(image, str | os.PathLike) else str(index)
            for index, image in enumerate(collection)
        ]
    else:
        names = []
    if len(set(names)) == n_images:
        return tuple(names)
    digits = len(str(n_images - 1))
    return tuple(f"image-{index:0{digits}d}" for index in range(n_images))


def _check_arrays(collection: Collection) -> None:
    """Raise InputError unless each array of a list, or the images of an array, are images."""
    images: Any = ()
    if isinstance(collection, list | tuple):
        images = collection
    elif isinstance(collection, np.ndarray):
        images = collection[:1]  # all images have one type and shape
    for index, image in enumerate(images):
        if isinstance(image, np.ndarray):
            _check_array(image, index)


def _check_array(pixels: NDArray[Any], index: int) -> None:
    """Raise InputError unless an array is uint8 of shape (h, w) or (h, w, 1, 3 or 4)."""
    is_color = pixels.ndim == 3 and pixels.shape[2] in {1, 3, 4}
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or is_color) or pixels.size == 0:
        raise InputError(
            "an array must be an image of uint8, of the shape (height, width), optionally with 1, "
            f"3 or 4 channels; number {index} is {pixels.dtype} of shape {pixels.shape}. {TO_UINT8}"
        )


def _from_array(pixels: NDArray[Any], index: int) -> Image.Image:
    """Return an array of uint8, shape (h, w) or (h, w, 1, 3 or 4), as an image."""
    _check_array(pixels, index)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels)


def _encode(image: Image.Image) -> bytes:
    file = io.BytesIO()
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(
        file, format="PNG", compress_level=1
    )
    return file.getvalue()
