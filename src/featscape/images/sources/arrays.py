"""Arrays of images and of their labels: NumPy's .npz and .npy files, and IDX files."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError
from featscape.images.containers.container_array import ArrayImages, ContainerArray
from featscape.images.containers.idx_files import is_idx_file, list_idx_files, open_idx
from featscape.images.containers.numpy_files import is_numpy_file, open_arrays
from featscape.images.containers.pixels import explain_pixels
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.sources.kind import SourceKind
from featscape.images.storage.backends import storage_of
from featscape.images.storage.listing import describe_skipped
from featscape.images.storage.locations import file_name, folder_of, join
from featscape.images.tables.columns import classify_columns
from featscape.images.tables.splits import find_split
from featscape.records import ImageSet, SkippedImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from featscape.images.sources.kind import Candidate
    from featscape.images.storage.locations import Location

# The word for images in the name of an array, and the words for labels that may replace the word
# for images: the names of torchvision, Keras and MedMNIST.
_LABEL_WORDS = {
    "images": ("labels", "label", "targets"),
    "image": ("label", "labels", "target"),
    "imgs": ("labels", "label"),
    "x": ("y",),
    "data": ("labels", "targets", "target", "label"),
}


def _is_array(candidate: Candidate) -> bool:
    name = candidate.file_name
    return is_numpy_file(name) or is_idx_file(name) or any(map(is_idx_file, candidate.top_names))


def find_in_arrays(candidate: Candidate) -> ImageSet:
    """Return the images of an .npz or .npy file, of an IDX file, or of a folder of IDX files.

    An array of images and the array of its labels are paired by name: train_images and
    train_labels, x_test and y_test, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz. If
    there is only one array of images, every other array of the same length is a column.

    Raises
    ------
    InputError
        If a file is damaged, or there is no array of images.
    """
    source = candidate.location
    others: dict[str, ContainerArray] = {}
    skipped: list[SkippedImage] = []
    if is_numpy_file(file_name(source)):
        others = {array.name: array for array in open_arrays(source, skipped)}
        images = [array for array in others.values() if array.has_images]
    else:
        files = list_idx_files(source)
        arrays = [open_idx(file) for file in files]
        images = [array for array in arrays if array.has_images]
        others = {array.name: array for array in arrays if not array.has_images}
        for file in _find_label_files(folder_of(files[0]), images, skipped) if files else ():
            others[file_name(file)] = open_idx(file)
    if not images:
        found = "; ".join(map(_describe, others.values())) or "no array"
        raise InputError(
            "an array of images must be of uint8 in C order and of shape (n, height, width), "
            f"(n, height, width, 3) or (n, 3, height, width); {str(source)!r} has {found}. "
            f"{_remedy(others.values())}{describe_skipped(skipped)}"
        )
    for array in images:
        others.pop(array.name, None)
        if array.n_missing:
            missing = f"array {array.name}, images {array.shape[0]} to {array.n_claimed - 1}"
            skipped.append(SkippedImage(missing, "truncated with the file"))
    return _pair(source, images, others, candidate.label_column, skipped)


def _open_array_images(source: Location) -> ArrayImages:
    if is_numpy_file(file_name(source)):
        arrays = open_arrays(source)
    else:
        arrays = [open_idx(file) for file in list_idx_files(source)]
    return ArrayImages([array for array in arrays if array.has_images])


def _remedy(arrays: Iterable[ContainerArray]) -> str:
    """Return how the largest array becomes an array of images."""
    array = max(arrays, key=lambda array: math.prod(array.shape), default=None)
    remedy = None if array is None else explain_pixels(array.dtype, array.shape[1:])
    if remedy is None and array is not None and array.is_fortran:
        remedy = "Save the array with numpy.ascontiguousarray(array)."
    return remedy or "Save the array again, with its images."


def _describe(array: ContainerArray) -> str:
    missing = f", truncated by {array.n_missing:,} images" if array.n_missing else ""
    return f"{array.name} {array.dtype} {array.shape}{missing}"


def _pair(
    source: Location,
    images: list[ContainerArray],
    others: dict[str, ContainerArray],
    label_column: str | None,
    skipped: list[SkippedImage],
) -> ImageSet:
    """Return the images of arrays, with the values of the other arrays as labels and columns."""
    n_images = sum(array.shape[0] for array in images)
    columns: dict[str, list[Any]] = {}
    used = set()
    splits: list[str] = []
    start = 0
    for array in images:
        n = array.shape[0]
        splits += [find_split(array.name)] * n
        for name in _label_names(array.name):
            if name in others and name not in used:
                used.add(name)
                values = _load(others[name], array.n_claimed, skipped)[:n]
                column = columns.setdefault("label", [None] * n_images)
                column[start : start + n] = values or [None] * n
                break
        start += n
    for name, array in others.items():
        if name in used:
            continue
        n_claimed = sum(stored.n_claimed for stored in images)
        if len(images) == 1 and array.n_claimed == n_claimed and name not in columns:
            columns[name] = _load(array, n_claimed, skipped)[:n_images] or [None] * n_images
        else:
            reason = "neither images nor their labels"
            skipped.append(SkippedImage(f"{file_name(source)}, array {name}", reason))
    described = classify_columns(
        columns, table=file_name(source), label_column=label_column, has_splits=all(splits)
    )
    return ImageSet(
        source=source,
        kind="array",
        paths=tuple(f"{array.name}/{i}" for array in images for i in range(array.shape[0])),
        contents=ArrayImages(images),
        decode=decode_bytes,
        labels=described.labels,
        label_column=described.label_column,
        n_trimmed_labels=described.n_trimmed_labels,
        splits=tuple(splits) if all(splits) else described.splits,
        split_column=described.split_column,
        columns=described.columns,
        skipped=(*skipped, *described.skipped),
    )


def _load(array: ContainerArray, n_images: int, skipped: list[SkippedImage]) -> list[Any]:
    """Return the values of an array, one per image; [] if the array cannot be read."""
    try:
        values = array.load()
    except (OSError, EOFError, ValueError) as error:
        skipped.append(SkippedImage(f"array {array.name}", str(error)))
        return []
    if values.shape[:1] != (n_images,) or values.ndim > 2:
        reason = f"the shape is {values.shape}, but there are {n_images} images"
        skipped.append(SkippedImage(f"array {array.name}", reason))
        return []
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    listed: list[Any] = values.tolist()
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in listed]


def _label_names(name: str) -> Iterator[str]:
    """Yield the possible names of the labels of an array of images."""
    for word, label_words in _LABEL_WORDS.items():
        pattern = re.compile(rf"(?<![a-zA-Z]){word}(?![a-zA-Z])", re.IGNORECASE)
        if not pattern.search(name):
            continue
        for label_word in label_words:
            renamed = re.sub(r"idx[34]", "idx1", pattern.sub(label_word, name, count=1))
            yield renamed
            yield renamed.removesuffix(".gz")
            yield f"{renamed}.gz"


def _find_label_files(
    folder: Location, images: list[ContainerArray], skipped: list[SkippedImage]
) -> Iterator[Location]:
    """Yield the existing files of labels in a folder."""
    storage = storage_of(folder)
    for array in images:
        for name in _label_names(array.name):
            file = join(folder, name)
            try:
                if storage.exists(file):
                    yield file
            except ImageError as error:
                skipped.append(SkippedImage(name, f"possibly labels: {error}"))


ARRAYS = SourceKind("array", _is_array, find_in_arrays, _open_array_images)
