"""Find the arrays in NumPy's .npy and .npz files by their headers."""

from __future__ import annotations

import io
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from featscape.files.npy import open_member, open_npz, read_npy_header
from featscape.images.containers.container_array import DAMAGE_ERRORS, ContainerArray, damaged_array
from featscape.images.containers.inner_file import open_inner
from featscape.images.storage.backends import storage_of
from featscape.images.storage.locations import file_name
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from featscape.images.storage.locations import Location

NUMPY_EXTENSIONS = (".npz", ".npy")


def is_numpy_file(name: str) -> bool:
    """Return whether a file name has the extension .npz or .npy."""
    return name.lower().endswith(NUMPY_EXTENSIONS)


def open_arrays(
    source: Location, skipped: list[SkippedImage] | None = None
) -> list[ContainerArray]:
    """Read the headers of the arrays in an .npz or .npy file.

    Parameters
    ----------
    source : Path or str
        The file or its address.
    skipped : list of SkippedImage, optional
        Receives the damaged arrays of an .npz file.

    Raises
    ------
    InputError
        If the file itself is damaged.
    """
    name = PurePosixPath(file_name(source))
    try:
        if name.suffix.lower() == ".npy":
            with storage_of(source).open(source) as file:
                size = file.seek(0, io.SEEK_END)
            return [_read_header(name.stem, partial(_open_file, source), size)]
        with storage_of(source).open(source) as file:
            sizes = {member.filename: member.file_size for member in open_npz(file).infolist()}
    except DAMAGE_ERRORS as error:
        raise damaged_array(source, error) from error
    arrays = []
    for member, size in sizes.items():
        stem = member.removesuffix(".npy")
        if stem == member:
            continue
        try:
            arrays.append(_read_header(stem, partial(_open_member, source, stem), size))
        except DAMAGE_ERRORS as error:
            if skipped is not None:
                skipped.append(SkippedImage(f"{name}, array {stem}", str(error)))
    return arrays


def _open_file(source: Location) -> BinaryIO:
    return storage_of(source).open(source)


def _open_member(source: Location, name: str) -> BinaryIO:
    return open_inner(source, lambda file: open_member(open_npz(file), name))


def _read_header(name: str, open_file: Callable[[], BinaryIO], size: int) -> ContainerArray:
    """Read the header of an .npy file of `size` bytes."""
    with open_file() as file:
        header = read_npy_header(file, allow_objects=True)
    array = ContainerArray(
        name, header.shape, header.dtype, header.start, header.is_fortran, open_file
    )
    if not header.dtype.hasobject and size > header.start + header.n_bytes:
        header.check_size(size)  # raises: there are bytes after the array
    return array.limit_to(size)
