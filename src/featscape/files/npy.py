"""NumPy's .npy and .npz files, checked against their real size before anything is allocated.

``numpy.load`` allocates what the header claims, and on a damaged header it raises whatever its
parser raises. Every function here raises `InputError` whose message is the reason alone: the
caller adds the name of the file.
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

MOST_SHRINKING = 1032  # the highest ratio of data to its compressed size that deflate reaches

_MOST_HEADER_BYTES = 1 << 17  # NumPy itself refuses headers of more than 10,000 bytes
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
        Without Python objects.
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
                f"its header claims {self.n_bytes:,} bytes of values, and it holds {held:,}"
            )


def read_npy_header(file: BinaryIO, *, allow_objects: bool = False) -> NpyHeader:
    """Read the header at the beginning of an .npy file.

    Parameters
    ----------
    file : binary file
        At its beginning; afterwards its position is undefined.
    allow_objects : bool
        Whether an array of Python objects is described rather than refused.

    Raises
    ------
    InputError
        If this is no header of an .npy file, or a dimension is negative.
    OSError
        If the file cannot be read.
    """
    try:
        head = io.BytesIO(file.read(_MOST_HEADER_BYTES))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old descriptions of types, and of the parser
            version = np.lib.format.read_magic(head)
            shape, is_fortran, dtype = _READERS[version](head)
    except OSError:
        raise
    except Exception as error:
        # The header is a Python literal. What NumPy's parser raises on damage depends on the
        # version of Python: SyntaxError, TokenError, MemoryError, RecursionError and others.
        # The file may be a member of a ZIP archive, which raises zlib.error and BadZipFile.
        raise InputError(f"its header is damaged ({first_line(error)})") from error
    if any(isinstance(n, bool) or n < 0 for n in shape):
        raise InputError(f"its header is damaged (shape {shape})")
    if dtype.hasobject and not allow_objects:
        raise InputError(PICKLED)
    return NpyHeader(shape, dtype, is_fortran, head.tell())


def map_npy(file: BinaryIO) -> NDArray[Any]:
    """Map the array of an .npy file into memory, read only.

    Parameters
    ----------
    file : binary file
        At its beginning. The array stays usable after the file is closed.

    Raises
    ------
    InputError
        If it is not an .npy file, is damaged, or is longer or shorter than its header claims.
    OSError
        If it cannot be read.
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

    Raises
    ------
    InputError
        If it is not an .npz file, is damaged, or lacks one of the arrays.
    OSError
        If it cannot be read.
    """
    archive = open_npz(file)
    return {name: _read_member(archive, name) for name in names}


def open_npz(file: BinaryIO) -> zipfile.ZipFile:
    """Open an .npz file, which stays open as long as `file`; raises InputError if it is none."""
    try:
        return zipfile.ZipFile(file)
    except Exception as error:
        # zipfile parses the directory with struct and str.decode, and lets their errors through
        raise InputError(f"no whole .npz file ({first_line(error)})") from error


def open_member(archive: zipfile.ZipFile, name: str) -> BinaryIO:
    """Open an array of an .npz file, whose bytes are those of an .npy file.

    Raises
    ------
    InputError
        If there is none of that name, or it is encrypted, packed by a method that NumPy does not
        write, or claims more bytes than it can hold.
    """
    try:
        info = archive.getinfo(f"{name}.npy")
        check_member(info)
        return archive.open(info)  # type: ignore[return-value] # zipfile's are no subclass of it
    except KeyError:
        raise InputError(f"it lacks the array {name}") from None
    except InputError:
        raise
    except Exception as error:
        # the member's own header is parsed here, with whatever that raises: see `open_npz`
        raise InputError(f"its array {name} is damaged ({first_line(error)})") from error


def check_member(info: zipfile.ZipInfo) -> None:
    """Raise InputError if a member of an .npz file cannot be as NumPy writes it."""
    if info.flag_bits & _ENCRYPTED:
        raise InputError(f"its array {info.filename} is encrypted")
    if info.compress_type == zipfile.ZIP_STORED:
        most = info.compress_size
    elif info.compress_type == zipfile.ZIP_DEFLATED:
        most = MOST_SHRINKING * info.compress_size
    else:
        raise InputError(
            f"its array {info.filename} is packed by a method that NumPy does not write "
            f"(number {info.compress_type})"
        )
    if info.file_size > most:
        raise InputError(
            f"its array {info.filename} claims {info.file_size:,} bytes, and cannot have more "
            f"than {most:,}"
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
        raise InputError(f"its array {name} is cut short")
    order: Any = "F" if header.is_fortran else "C"
    return np.ndarray(header.shape, header.dtype, buffer=content, order=order)
