"""Arrays of images, NumPy's and IDX files -> an `ImageSet`: each image is handed out as a PNG."""

from __future__ import annotations

import gzip
import io
import math
import re
import struct
import zlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.files.npy import MOST_SHRINKING, open_member, open_npz, read_npy_header
from featscape.images.files import check_size, file_name, join, storage_of
from featscape.images.folder import list_below
from featscape.images.streams import RecordStream
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from featscape.images.files import Place

ARRAYS = (".npz", ".npy")
IDX = re.compile(r"idx[34][-.]ubyte(\.gz)?$")

_UNSIGNED_BYTE = 8
_DAMAGE = (OSError, EOFError, ValueError, struct.error, zlib.error)
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
    n_missing : int
        The number of records that the header claims beyond those in `shape`, and for which the
        file is too short.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    fortran: bool
    open_file: Callable[[], BinaryIO]
    n_missing: int = 0

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

    @property
    def record_bytes(self) -> int:
        """The size of one record, along the first axis, in bytes."""
        return self.dtype.itemsize * math.prod(self.shape[1:])

    @property
    def n_claimed(self) -> int:
        """The number of records that the header claims."""
        return self.n_missing + (self.shape[0] if self.shape else 0)

    def cut_to(self, size: int) -> StoredArray:
        """Return the array without the records for which a file of `size` bytes has no room."""
        if not self.shape or not self.record_bytes or self.dtype.hasobject:
            return self
        n_held = max(0, size - self.start) // self.record_bytes
        n_missing = max(0, self.shape[0] - n_held)
        return replace(
            self, shape=(self.shape[0] - n_missing, *self.shape[1:]), n_missing=n_missing
        )

    def load(self) -> Any:
        """Return the whole array, of labels; raises ValueError if it is damaged."""
        n_bytes = self.dtype.itemsize * math.prod(self.shape)
        if self.n_missing:
            raise ValueError(f"cut short: {self.shape[0]:,} of {self.n_claimed:,} values are there")
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
                    record_bytes=array.record_bytes,
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
        check_size(array.record_bytes)
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


def open_arrays(source: Place, skipped: list[SkippedImage] | None = None) -> list[StoredArray]:
    """Read the headers of the arrays in an .npz or .npy file.

    Parameters
    ----------
    source : Path or str
    skipped : list of SkippedImage, optional
        Receives the arrays of an .npz file that are damaged.

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
            return [_open_array(name.stem, lambda: storage_of(source).open(source), size)]
        with storage_of(source).open(source) as file:
            sizes = {one.filename: one.file_size for one in open_npz(file).infolist()}
    except _DAMAGE as error:
        raise _damaged(source, error) from error
    arrays = []
    for member, size in sizes.items():
        stem = member.removesuffix(".npy")
        if stem == member:
            continue
        try:
            arrays.append(_open_array(stem, partial(_open_in_npz, source, stem), size))
        except _DAMAGE as error:
            if skipped is not None:
                skipped.append(SkippedImage(f"{name}, array {stem}", str(error)))
    return arrays


def _open_in_npz(source: Place, name: str) -> BinaryIO:
    return _open_within(source, lambda file: open_member(open_npz(file), name))


def _open_array(name: str, open_file: Callable[[], BinaryIO], size: int) -> StoredArray:
    """Read the header of an .npy file of `size` bytes."""
    with open_file() as file:
        header = read_npy_header(file, allow_objects=True)
    array = StoredArray(
        name, header.shape, header.dtype, header.start, header.is_fortran, open_file
    )
    if not header.dtype.hasobject and size > header.start + header.n_bytes:
        header.check_size(size)  # it raises: what follows the array is not part of it
    return array.cut_to(size)


def open_idx(source: Place) -> StoredArray:
    """Read the header of an IDX file, compressed or not.

    The format: Yann LeCun, "The MNIST database", yann.lecun.com/exdb/mnist.

    Raises
    ------
    InputError
        If it is damaged, or not of unsigned bytes.
    """
    is_packed = file_name(source).lower().endswith(".gz")

    def open_file() -> BinaryIO:
        if is_packed:
            return _open_within(source, lambda file: gzip.GzipFile(fileobj=file))
        return storage_of(source).open(source)

    try:
        with storage_of(source).open(source) as file:
            size = file.seek(0, io.SEEK_END) * (MOST_SHRINKING if is_packed else 1)
        with open_file() as file:
            zeros, kind, n_axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{n_axes}I", file.read(4 * n_axes))
    except _DAMAGE as error:
        raise _damaged(source, error) from error
    if zeros or kind != _UNSIGNED_BYTE:
        raise _damaged(source, "it does not begin as an IDX file of bytes")
    array = StoredArray(
        file_name(source), shape, np.dtype(np.uint8), 4 + 4 * n_axes, False, open_file
    )
    return array.cut_to(size)


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
