"""Arrays of images, NumPy's and IDX files -> an `ImageSet`: each image is handed out as a PNG."""

from __future__ import annotations

import gzip
import io
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.images.files import file_name, join, storage_of
from featscape.images.folder import list_below
from featscape.images.streams import RecordStream

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from featscape.images.files import Place

ARRAYS = (".npz", ".npy")
IDX = re.compile(r"idx[34][-.]ubyte(\.gz)?$")

_UNSIGNED_BYTE = 8
_DAMAGE = (OSError, EOFError, ValueError, struct.error, zlib.error, zipfile.BadZipFile)
_MOST_LABEL_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array in a file, of which nothing is read yet.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : numpy.dtype
    start : int
        Where its first number lies.
    fortran : bool
        Whether the first index runs fastest.
    open_file : callable
        Returns the file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    fortran: bool
    open_file: Callable[[], BinaryIO]

    @property
    def holds_images(self) -> bool:
        """Whether it may be read as images: (n, h, w), (n, h, w, c) or (n, c, h, w) bytes."""
        return (
            self.dtype in (np.uint8, np.bool_)
            and not self.fortran
            and 0 not in self.shape
            and (len(self.shape) == 3 or (len(self.shape) == 4 and self._channels is not None))
        )

    @property
    def _channels(self) -> int | None:
        """Which of four axes has the colors."""
        return 3 if self.shape[3] in (1, 3, 4) else 1 if self.shape[1] in (1, 3, 4) else None

    def load(self) -> Any:
        """Return the whole array, of labels; raises ValueError if it is damaged."""
        n_bytes = self.dtype.itemsize * int(np.prod(self.shape))
        if self.dtype.hasobject:
            raise ValueError("pickled objects are never loaded")
        if n_bytes > _MOST_LABEL_BYTES:
            raise ValueError("too large for labels")
        with self.open_file() as file:
            file.seek(self.start)
            content = file.read(n_bytes)
        order: Any = "F" if self.fortran else "C"
        return np.frombuffer(content, self.dtype).reshape(self.shape, order=order)


class ArrayImages:
    """The images of some arrays, each by NAME/NUMBER.

    Parameters
    ----------
    arrays : list of StoredArray
        Such as `holds_images`.
    """

    def __init__(self, arrays: list[StoredArray]) -> None:
        self._arrays = {
            array.name: (
                array,
                RecordStream(
                    array.open_file,
                    start=array.start,
                    record_bytes=int(np.prod(array.shape[1:])),
                ),
            )
            for array in arrays
        }

    def read(self, path: str) -> bytes:
        """Return an image as a PNG; raises ImageError where there is none or the file is cut."""
        name, _, digits = path.rpartition("/")
        number = int(digits) if digits.isdecimal() and len(digits) < 20 else -1
        if name not in self._arrays or not 0 <= number < self._arrays[name][0].shape[0]:
            raise ImageError("no such image")
        array, stream = self._arrays[name]
        pixels = np.frombuffer(stream.read(number), np.uint8).reshape(array.shape[1:])
        if array.dtype == np.bool_:
            pixels = pixels * np.uint8(255)
        if pixels.ndim == 3 and array.shape[3] not in (1, 3, 4):
            pixels = np.moveaxis(pixels, 0, 2)
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        encoded = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(encoded, "PNG", compress_level=1)
        return encoded.getvalue()


def holds_arrays(source: Place) -> bool:
    """Whether a file is an .npz or .npy file, by its name."""
    return file_name(source).lower().endswith(ARRAYS)


def open_arrays(source: Place) -> list[StoredArray]:
    """Look at the headers of the arrays in an .npz or .npy file.

    Raises
    ------
    InputError
        If it is damaged.
    """

    def opener(member: str) -> Callable[[], BinaryIO]:
        return lambda: _open_within(source, lambda file: zipfile.ZipFile(file).open(member))

    name = PurePosixPath(file_name(source))
    try:
        if name.suffix.lower() == ".npy":
            return [_read_npy_header(name.stem, lambda: storage_of(source).open(source))]
        with storage_of(source).open(source) as file, zipfile.ZipFile(file) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
        return [_read_npy_header(name.removesuffix(".npy"), opener(name)) for name in members]
    except _DAMAGE as error:
        raise _damaged(source, error) from error


def _read_npy_header(name: str, open_file: Callable[[], BinaryIO]) -> StoredArray:
    with open_file() as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version > (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        return StoredArray(name, shape, dtype, file.tell(), fortran, open_file)


def open_idx(source: Place) -> StoredArray:
    """Look at the header of an IDX file, compressed or not.

    The format: Yann LeCun, "The MNIST database", yann.lecun.com/exdb/mnist.

    Raises
    ------
    InputError
        If it is damaged, or not of unsigned bytes.
    """

    def open_file() -> BinaryIO:
        if file_name(source).lower().endswith(".gz"):
            return _open_within(source, lambda file: gzip.GzipFile(fileobj=file))
        return storage_of(source).open(source)

    try:
        with open_file() as file:
            zeros, kind, n_axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{n_axes}I", file.read(4 * n_axes))
    except _DAMAGE as error:
        raise _damaged(source, error) from error
    if zeros or kind != _UNSIGNED_BYTE:
        raise _damaged(source, "it does not begin as an IDX file of bytes")
    return StoredArray(
        file_name(source), shape, np.dtype(np.uint8), 4 + 4 * n_axes, False, open_file
    )


def find_idx(source: Place) -> list[Place]:
    """Return the IDX file of images, or those in a folder."""
    if IDX.search(file_name(source)) and not (isinstance(source, Path) and source.is_dir()):
        return [source]
    names = sorted(name for name, *below in list_below(source).others if not below)
    return [join(source, name) for name in names if IDX.search(name)]


class _Within(io.BufferedReader):
    """A file within another, which it closes too: zipfile and gzip close only what they opened."""

    def __init__(self, inner: Any, outer: BinaryIO) -> None:
        super().__init__(inner)
        self._outer = outer

    def close(self) -> None:
        """Close both."""
        try:
            super().close()
        finally:
            self._outer.close()


def _open_within(source: Place, opener: Callable[[BinaryIO], Any]) -> BinaryIO:
    outer = storage_of(source).open(source)
    try:
        return _Within(opener(outer), outer)
    except BaseException:
        outer.close()
        raise


def _damaged(source: Place, reason: object) -> InputError:
    return InputError(
        f"an array of images must be whole to be read; {str(source)!r} is not ({reason}). "
        "Get it again."
    )
