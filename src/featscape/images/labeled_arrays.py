"""Arrays of images and those of their labels, paired by their names -> an `ImageSet`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError
from featscape.images.arrays import (
    ArrayImages,
    StoredArray,
    find_idx,
    holds_arrays,
    open_arrays,
    open_idx,
)
from featscape.images.columns import sort_out
from featscape.images.decode import decode_bytes
from featscape.images.files import file_name, folder_of, join, storage_of
from featscape.images.names import find_split, tell_skipped
from featscape.records import ImageSet, SkippedImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featscape.images.files import Place

# what stands for the images in a name, and for their labels in its place, as torchvision, Keras
# and MedMNIST name them
_LABELS_OF = {
    "images": ("labels", "label", "targets"),
    "image": ("label", "labels", "target"),
    "imgs": ("labels", "label"),
    "x": ("y",),
    "data": ("labels", "targets", "target", "label"),
}


def find_in_arrays(source: Place, *, label_column: str | None = None) -> ImageSet:
    """Find the images of an .npz or .npy file, of an IDX file, or of a folder of IDX files.

    An array of images is paired with that of its labels by name: train_images and train_labels,
    x_test and y_test, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz. Where there is one
    array of images, every other of the same length is a column.

    Parameters
    ----------
    source : Path or str
    label_column : str, optional
        The array of labels.

    Raises
    ------
    InputError
        If a file is damaged, or holds no images.
    """
    others: dict[str, StoredArray] = {}
    skipped: list[SkippedImage] = []
    if holds_arrays(source):
        others = {array.name: array for array in open_arrays(source, skipped)}
        images = [array for array in others.values() if array.holds_images]
    else:
        files = find_idx(source)
        arrays = [open_idx(file) for file in files]
        images = [array for array in arrays if array.holds_images]
        others = {array.name: array for array in arrays if not array.holds_images}
        for file in _label_files(folder_of(files[0]), images, skipped) if files else ():
            others[file_name(file)] = open_idx(file)
    if not images:
        held = "; ".join(map(_describe, others.values())) or "no array"
        raise InputError(
            "an array of images must have bytes (uint8) in C order, of shape (n, height, width), "
            f"(n, height, width, 3) or (n, 3, height, width); {str(source)!r} has {held}. "
            f"Convert it, values from 0 to 255.{tell_skipped(skipped)}"
        )
    for array in images:
        others.pop(array.name, None)
        if array.n_missing:
            missing = f"array {array.name}, images {array.shape[0]} to {array.n_claimed - 1}"
            skipped.append(SkippedImage(missing, "cut short with the file"))
    return _pair(source, images, others, label_column, skipped)


def _describe(array: StoredArray) -> str:
    cut = f", cut short by {array.n_missing:,} images" if array.n_missing else ""
    return f"{array.name} {array.dtype} {array.shape}{cut}"


def open_array_images(source: Place) -> ArrayImages:
    """Open again what `find_in_arrays` found."""
    if holds_arrays(source):
        arrays = open_arrays(source)
    else:
        arrays = [open_idx(file) for file in find_idx(source)]
    return ArrayImages([array for array in arrays if array.holds_images])


def _pair(
    source: Place,
    images: list[StoredArray],
    others: dict[str, StoredArray],
    label_column: str | None,
    skipped: list[SkippedImage],
) -> ImageSet:
    n_images = sum(array.shape[0] for array in images)
    columns: dict[str, list[Any]] = {}
    used = set()
    splits: list[str] = []
    done = 0
    for array in images:
        n = array.shape[0]
        splits += [find_split(array.name)] * n
        for name in _labels_of(array.name):
            if name in others and name not in used:
                used.add(name)
                values = _load(others[name], array.n_claimed, skipped)[:n]
                column = columns.setdefault("label", [None] * n_images)
                column[done : done + n] = values or [None] * n
                break
        done += n
    for name, array in others.items():
        if name in used:
            continue
        n_claimed = sum(one.n_claimed for one in images)
        if len(images) == 1 and array.n_claimed == n_claimed and name not in columns:
            columns[name] = _load(array, n_claimed, skipped)[:n_images] or [None] * n_images
        else:
            reason = "neither images nor labels of them"
            skipped.append(SkippedImage(f"{file_name(source)}, array {name}", reason))
    known = sort_out(columns, table=file_name(source), label_column=label_column)
    return ImageSet(
        source=source,
        kind="array",
        paths=tuple(f"{array.name}/{i}" for array in images for i in range(array.shape[0])),
        contents=ArrayImages(images),
        decode=decode_bytes,
        labels=known.labels,
        splits=tuple(splits) if all(splits) else known.splits,
        columns=known.columns,
        skipped=(*skipped, *known.skipped),
    )


def _load(array: StoredArray, n_items: int, skipped: list[SkippedImage]) -> list[Any]:
    """Return an array's values, one an image; [] if it cannot be read as such."""
    try:
        values = array.load()
    except (OSError, EOFError, ValueError) as error:
        skipped.append(SkippedImage(f"array {array.name}", str(error)))
        return []
    if values.shape[:1] != (n_items,) or values.ndim > 2:
        reason = f"its shape is {values.shape}, for {n_items} images"
        skipped.append(SkippedImage(f"array {array.name}", reason))
        return []
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:  # several answers an image
        return [" ".join(map(str, row)) for row in values.tolist()]
    listed: list[Any] = values.tolist()
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in listed]


def _labels_of(name: str) -> Iterator[str]:
    """Yield the names that the labels of an array of images may have."""
    for images, candidates in _LABELS_OF.items():
        pattern = re.compile(rf"(?<![a-zA-Z]){images}(?![a-zA-Z])", re.IGNORECASE)
        if not pattern.search(name):
            continue
        for labels in candidates:
            renamed = re.sub(r"idx[34]", "idx1", pattern.sub(labels, name, count=1))
            yield renamed
            yield renamed.removesuffix(".gz")
            yield f"{renamed}.gz"


def _label_files(
    folder: Place, images: list[StoredArray], skipped: list[SkippedImage]
) -> Iterator[Place]:
    """Yield the files in a folder that hold the labels of images."""
    storage = storage_of(folder)
    for array in images:
        for name in _labels_of(array.name):
            file = join(folder, name)
            try:
                if storage.exists(file):
                    yield file
            except ImageError as error:
                skipped.append(SkippedImage(name, f"perhaps labels: {error}"))
