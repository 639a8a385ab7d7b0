"""Read .npy and .npz files, with their sizes checked before memory is allocated.

``numpy.load`` allocates the size that the header claims, and raises many kinds of errors for
damaged headers. The functions of this module raise `InputError` with only the reason; the caller
adds the name of the file.
"""

from __future__ import annotations

import io
import math
import os
import warnings
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError, first_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

PICKLED = "it holds pickled objects, which are never loaded"

MAX_SHRINKING = 1032  # maximum ratio of uncompressed to compressed size with deflate

_MAX_LENGTH = 1 << 40  # of one dimension
_MAX_BYTES = 1 << 62  # NumPy computes sizes in 64 bits, also for a shape that contains a 0
_MAX_DIMENSIONS = 32  # the limit of NumPy 1
_MAX_HEADER_BYTES = 1 << 17  # NumPy itself refuses headers of more than 10,000 bytes
_ENCRYPTED = 1
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,  # NumPy has no public reader for version 3
}


@dataclass(frozen=True)
class NpyHeader:
    """The header of an .npy file.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
        May not contain Python objects.
    is_fortran : bool
        Whether the first index varies fastest.
    start : int
        Offset of the first value, in bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    start: int

    @property
    def n_bytes(self) -> int:
        """The size of the values, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def check_size(self, file_bytes: int) -> None:
        """Raise InputError unless a file of `file_bytes` bytes holds exactly the values."""
        held = file_bytes - self.start
        if held != self.n_bytes:
            raise InputError(
                f"its header claims {self.n_bytes:,} bytes of values; the file contains {held:,}"
            )


def read_npy_header(file: BinaryIO, *, allow_objects: bool = False) -> NpyHeader:
    """Read the header at the beginning of an .npy file.

    Parameters
    ----------
    file : binary file
        Positioned at its beginning. The position afterwards is undefined.
    allow_objects : bool
        Whether the header of an array of Python objects is accepted.

    Raises
    ------
    InputError
        If the file has no valid header, or its shape or the size of its values is impossible.
    OSError
        If the file cannot be read.
    """
    try:
        head = io.BytesIO(file.read(_MAX_HEADER_BYTES))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old type descriptions, and from the parser
            version = np.lib.format.read_magic(head)
            shape, is_fortran, dtype = _READERS[version](head)
    except OSError:
        raise
    except Exception as error:
        # The header is a Python literal. The error of NumPy's parser for a damaged header depends
        # on the version of Python: SyntaxError, TokenError, MemoryError, RecursionError, others.
        # A file inside a ZIP archive may raise zlib.error and BadZipFile.
        raise InputError(f"its header is damaged ({first_line(error)})") from error
    if any(isinstance(n, bool) or n < 0 for n in shape):
        raise InputError(f"its header is damaged (shape {shape})")
    _check_limits(shape, dtype)
    if dtype.hasobject and not allow_objects:
        raise InputError(PICKLED)
    return NpyHeader(shape, dtype, is_fortran, head.tell())


def _check_limits(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise InputError unless NumPy can create the array, and each value has at least one byte."""
    if dtype.itemsize == 0:
        raise InputError(f"its values have 0 bytes each (dtype {dtype})")
    n_bytes = dtype.itemsize * math.prod(max(n, 1) for n in shape)
    if len(shape) > _MAX_DIMENSIONS or max(shape, default=0) > _MAX_LENGTH or n_bytes > _MAX_BYTES:
        raise InputError(
            "its header claims an impossible shape: the limits are "
            f"{_MAX_DIMENSIONS} dimensions, 2**40 per dimension and 2**62 bytes"
        )


def map_npy(file: BinaryIO) -> NDArray[Any]:
    """Map the array of an .npy file into memory, read only.

    Parameters
    ----------
    file : binary file
        Positioned at its beginning. The array stays valid after the file is closed.

    Returns
    -------
    ndarray
        Read-only, with the shape and the dtype in the header.

    Raises
    ------
    InputError
        If the file is not an .npy file, is damaged, or differs in size from its header.
    OSError
        If the file cannot be read.
    """
    header = read_npy_header(file)
    header.check_size(os.fstat(file.fileno()).st_size)
    if header.n_bytes == 0:
        return np.empty(header.shape, header.dtype)
    return np.memmap(
        file,
        header.dtype,
        mode="r",
        offset=header.start,
        shape=header.shape,
        order="F" if header.is_fortran else "C",
    )


def read_npz(file: BinaryIO, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read arrays of an .npz file.

    Parameters
    ----------
    file : binary file
    names : sequence of str
        The arrays to read.

    Returns
    -------
    dict of str to ndarray
        By name; read-only, with the shapes and the dtypes in the headers.

    Raises
    ------
    InputError
        If the file is not an .npz file, is damaged, or lacks one of the arrays.
    OSError
        If the file cannot be read.
    """
    archive = open_npz(file)
    return {name: _read_member(archive, name) for name in names}


def open_npz(file: BinaryIO) -> zipfile.ZipFile:
    """Open an .npz file for as long as `file` is open; raises InputError for other files."""
    try:
        return zipfile.ZipFile(file)
    except Exception as error:
        # zipfile parses the directory with struct and str.decode and does not catch their errors
        raise InputError(f"no complete .npz file ({first_line(error)})") from error


def open_member(archive: zipfile.ZipFile, name: str) -> BinaryIO:
    """Open an array of an .npz file as an .npy file.

    Raises
    ------
    InputError
        If the array is missing, encrypted, compressed by a method that NumPy does not write, or
        claims more bytes than its compressed size allows.
    """
    try:
        info = archive.getinfo(f"{name}.npy")
        check_member(info)
        return archive.open(info)  # type: ignore[return-value] # ZipExtFile is no subclass of BinaryIO
    except KeyError:
        raise InputError(f"it lacks the array {name}") from None
    except InputError:
        raise
    except Exception as error:
        # zipfile parses the header of the member here: see `open_npz` for its errors
        raise InputError(f"its array {name} is damaged ({first_line(error)})") from error


def check_member(info: zipfile.ZipInfo) -> None:
    """Raise InputError if NumPy cannot have written a member of an .npz file."""
    if info.flag_bits & _ENCRYPTED:
        raise InputError(f"its array {info.filename} is encrypted")
    if info.compress_type == zipfile.ZIP_STORED:
        most = info.compress_size
    elif info.compress_type == zipfile.ZIP_DEFLATED:
        most = MAX_SHRINKING * info.compress_size
    else:
        raise InputError(
            f"its array {info.filename} is compressed by a method that NumPy does not write "
            f"(number {info.compress_type})"
        )
    if info.file_size > most:
        raise InputError(
            f"its array {info.filename} claims {info.file_size:,} bytes; at most {most:,} bytes "
            "are possible"
        )


def _read_member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with open_member(archive, name) as file:
        header = read_npy_header(file)
        header.check_size(archive.getinfo(f"{name}.npy").file_size)
    with open_member(archive, name) as file:
        try:
            file.read(header.start)
            content = file.read(header.n_bytes)
        except Exception as error:
            # a wrong checksum, damaged deflate data, or the end of the file
            raise InputError(f"its array {name} is damaged ({first_line(error)})") from error
    if len(content) != header.n_bytes:
        raise InputError(f"its array {name} is truncated")
    order: Any = "F" if header.is_fortran else "C"
    return np.ndarray(header.shape, header.dtype, buffer=content, order=order)
