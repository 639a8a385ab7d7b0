"""Find the array in an IDX file, the format of MNIST and Fashion-MNIST, by its header.

The format: Yann LeCun, "The MNIST database", yann.lecun.com/exdb/mnist.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.files.npy import MAX_SHRINKING
from featscape.images.containers.container_array import DAMAGE_ERRORS, ContainerArray, damaged_array
from featscape.images.containers.inner_file import open_inner
from featscape.images.storage.backends import storage_of
from featscape.images.storage.locations import file_name, join

if TYPE_CHECKING:
    from typing import BinaryIO

    from featscape.images.storage.locations import Location

_IMAGES = re.compile(r"idx[34][-.]ubyte(\.gz)?$")
_LABELS = re.compile(r"idx1[-.]ubyte(\.gz)?$")
_UNSIGNED_BYTE = 8  # the code of the data type


def is_idx_file(name: str) -> bool:
    """Return whether a file is an IDX file of images, by its name."""
    return _IMAGES.search(name) is not None


def is_idx_labels(name: str) -> bool:
    """Return whether a file is an IDX file of labels, by its name."""
    return _LABELS.search(name) is not None


def read_idx_labels(source: Location) -> list[int]:
    """Read an IDX file of labels, one per image.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, or contains another array than one of labels.
    """
    array = open_idx(source)
    if len(array.shape) != 1:
        raise damaged_array(source, f"labels have one dimension, and the shape is {array.shape}")
    try:
        labels: list[int] = array.load().tolist()
    except DAMAGE_ERRORS as error:
        raise damaged_array(source, error) from error
    return labels


def open_idx(source: Location) -> ContainerArray:
    """Read the header of an IDX file, which may be compressed by gzip.

    Raises
    ------
    InputError
        If the file is damaged, or the data type is not unsigned bytes.
    """
    is_compressed = file_name(source).lower().endswith(".gz")

    open_file = partial(_open_file, source, is_compressed=is_compressed)
    try:
        with storage_of(source).open(source) as file:
            # an upper limit of the uncompressed size
            size = file.seek(0, io.SEEK_END) * (MAX_SHRINKING if is_compressed else 1)
        with open_file() as file:
            zeros, data_type, n_axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{n_axes}I", file.read(4 * n_axes))
    except DAMAGE_ERRORS as error:
        raise damaged_array(source, error) from error
    if zeros or data_type != _UNSIGNED_BYTE:
        raise damaged_array(source, "the header is not that of an IDX file of bytes")
    array = ContainerArray(
        file_name(source), shape, np.dtype(np.uint8), 4 + 4 * n_axes, False, open_file
    )
    return array.limit_to(size)


def _open_file(source: Location, *, is_compressed: bool) -> BinaryIO:
    if is_compressed:
        return open_inner(source, lambda file: gzip.GzipFile(fileobj=file))
    return storage_of(source).open(source)


def list_idx_files(source: Location) -> list[Location]:
    """Return `source` if it is an IDX file of images, else the IDX files of images in a folder."""
    if is_idx_file(file_name(source)) and not (isinstance(source, Path) and source.is_dir()):
        return [source]
    listing = storage_of(source).list(source)
    names = sorted(name for name, *below in listing.others if not below)
    return [join(source, name) for name in names if is_idx_file(name)]
