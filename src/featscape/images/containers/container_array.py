"""Arrays in files, and the images in them. An image is encoded as a PNG when it is read."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.images.containers.pixels import arrange_pixels, encode_image, explain_pixels
from featscape.images.containers.record_stream import RecordStream
from featscape.images.storage.limits import check_size

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from numpy.typing import NDArray

    from featscape.images.storage.locations import Location

DAMAGE_ERRORS = (OSError, EOFError, ValueError, struct.error, zlib.error)

_MAX_LABEL_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class ContainerArray:
    """An array in a file, as its header describes it; the values are not in memory.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : numpy.dtype
    start : int
        The position of the first value in the file, in bytes.
    is_fortran : bool
        Whether the values are in Fortran order.
    open_file : callable
        Returns the file.
    n_missing : int
        The number of records that the header claims but that are missing from the file; `shape`
        does not count these records.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    is_fortran: bool
    open_file: Callable[[], BinaryIO]
    n_missing: int = 0

    @property
    def has_images(self) -> bool:
        """Whether the array can be read as images: bytes, (n, h, w), (n, h, w, c) or (n, c, h, w).

        The number of channels, c, is 1, 3 or 4.
        """
        has_pixels = len(self.shape) > 2 and explain_pixels(self.dtype, self.shape[1:]) is None
        return has_pixels and not self.is_fortran and self.shape[0] > 0

    @property
    def record_bytes(self) -> int:
        """The size of one record along the first axis, in bytes."""
        return self.dtype.itemsize * math.prod(self.shape[1:])

    @property
    def n_claimed(self) -> int:
        """The number of records that the header claims."""
        return self.n_missing + (self.shape[0] if self.shape else 0)

    def limit_to(self, size: int) -> ContainerArray:
        """Return the array without the records that do not fit in a file of `size` bytes."""
        if not self.shape or not self.record_bytes or self.dtype.hasobject:
            return self
        n_stored = max(0, size - self.start) // self.record_bytes
        n_missing = max(0, self.shape[0] - n_stored)
        return replace(
            self, shape=(self.shape[0] - n_missing, *self.shape[1:]), n_missing=n_missing
        )

    def load(self) -> NDArray[Any]:
        """Read the values of an array of labels.

        Returns
        -------
        ndarray
            Shape `shape`, dtype `dtype`, read-only.

        Raises
        ------
        ValueError
            If the array is truncated, too large, or contains pickled objects.
        """
        n_bytes = self.dtype.itemsize * math.prod(self.shape)
        if self.n_missing:
            raise ValueError(f"truncated: {self.shape[0]:,} of {self.n_claimed:,} values")
        if self.dtype.hasobject:
            raise ValueError("pickled objects are never loaded")
        if n_bytes > _MAX_LABEL_BYTES:
            raise ValueError("too large for labels")
        with self.open_file() as file:
            file.seek(self.start)
            content = file.read(n_bytes)
        order: Any = "F" if self.is_fortran else "C"
        return np.frombuffer(content, self.dtype).reshape(self.shape, order=order)


class ArrayImages:
    """The images in several arrays; the path of an image is NAME/INDEX.

    Parameters
    ----------
    arrays : list of ContainerArray
        Arrays for which `ContainerArray.has_images` is true.
    """

    def __init__(self, arrays: list[ContainerArray]) -> None:
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

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the arrays for pickle; their files are opened again."""
        return ArrayImages, ([array for array, _ in self._arrays.values()],)

    def read(self, path: str) -> bytes:
        """Return an image as a PNG file.

        Raises
        ------
        ImageError
            If there is no such image, or the array's file is truncated or damaged.
        """
        name, _, digits = path.rpartition("/")
        index = int(digits) if digits.isdecimal() and len(digits) < 20 else -1
        if name not in self._arrays or not 0 <= index < self._arrays[name][0].shape[0]:
            raise ImageError("no such image")
        array, stream = self._arrays[name]
        check_size(array.record_bytes)
        pixels = np.frombuffer(stream.read(index), array.dtype).reshape(array.shape[1:])
        return encode_image(Image.fromarray(arrange_pixels(pixels)))


def damaged_array(source: Location, reason: object) -> InputError:
    """Return the error for a damaged file of arrays."""
    return InputError(
        f"a file of arrays must be undamaged; {str(source)!r} cannot be read ({reason}). "
        "Copy or download the file again."
    )
