"""Packed thumbnails on disk: one file of all images, and one table of offsets.

    FOLDER/
      data.bin      the encoded images (PNG or JPEG), one after the other
      offsets.npy   int64, n + 1: image i is data[offsets[i]:offsets[i + 1]]

Two files are faster to copy, to map into memory and to serve than 100,000 small files.
"""

from __future__ import annotations

import io
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from featscape.errors import InputError
from featscape.files.folder_handle import FolderHandle
from featscape.files.npy import map_npy
from featscape.files.regular import map_stream
from featscape.mapfolder.staging import writing

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from PIL import Image

DATA = "data.bin"
_OFFSETS = "offsets.npy"
# a map may come from a stranger; featscape writes at most 3,333 x 3,333 pixels
_MOST_PIXELS = 1 << 24


class ThumbnailWriter:
    """Write a pack image by image, with eight bytes of memory per image.

    Use the writer as a context manager. The table is written at the end, and only if no error
    occurred, so that an incomplete pack cannot be opened.

    Parameters
    ----------
    folder : str or Path
        Created if missing. It must not contain a pack.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full, in the constructor or later.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._offsets = array("q", [0])
        with writing():
            self._folder.mkdir(exist_ok=True)
            self._data = (self._folder / DATA).open("xb")

    def append(self, encoded: bytes) -> None:
        """Write the next image, a complete PNG or JPEG file."""
        with writing():
            self._data.write(encoded)
        self._offsets.append(self._offsets[-1] + len(encoded))

    def close(self) -> None:
        """Finish the pack, which can be opened from now on."""
        with writing():
            self._data.close()
            np.save(self._folder / _OFFSETS, np.array(self._offsets, dtype=np.int64))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error_type is None:
            self.close()
        else:
            with writing():
                self._data.close()


class Thumbnails:
    """An open pack: a sequence of small RGB images. Threads may share one object.

    Parameters
    ----------
    folder : str, Path or FolderHandle
        A pack of `ThumbnailWriter`. Its files must not be links.
    n_items : int, optional
        The required number of images.

    Raises
    ------
    InputError
        If a file of the pack is missing or damaged.
    """

    def __init__(self, folder: str | Path | FolderHandle, *, n_items: int | None = None) -> None:
        self._folder = Path(folder)
        try:
            opened = FolderHandle.of(folder)
            self._offsets = read_offsets(opened, n_items=n_items)  # (n + 1,)
            with opened.open(DATA) as data:
                self._data = map_stream(data)
        except OSError as error:
            raise _unreadable(self._folder, error) from error
        check_data_size(self._folder, self._offsets, n_bytes=len(self._data))

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the folder for pickle, which opens the pack again."""
        return Thumbnails, (self._folder,)

    def encoded(self, index: int) -> bytes:
        """Return the PNG or JPEG file of image `index`; raises IndexError."""
        index = range(len(self))[index]
        return self._data[self._offsets[index] : self._offsets[index + 1]]

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        """Decode image `index`: see `ImageSource`; raises IndexError, InputError if damaged."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(self.encoded(index)), formats=("PNG", "JPEG")) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise ValueError(f"it has {image.width:,} x {image.height:,} pixels")
                if at_least_px:
                    width, height = (side * at_least_px // max(image.size) for side in image.size)
                    image.draft(None, (max(width, 1), max(height, 1)))
                return image.convert("RGB")
        except (
            *(OSError, SyntaxError, ValueError),  # Pillow's errors for damaged files
            *(Image.DecompressionBombError, Image.DecompressionBombWarning),
        ) as error:
            raise InputError(
                f"a thumbnail must be a PNG or JPEG image; number {index} in "
                f"{str(self._folder)!r} cannot be decoded ({error}). Make the map again."
            ) from error


def read_offsets(folder: FolderHandle, *, n_items: int | None = None) -> NDArray[np.int64]:
    """Read the table of a pack.

    Parameters
    ----------
    folder : FolderHandle
    n_items : int, optional
        The required number of images.

    Returns
    -------
    ndarray of int64, shape (n + 1,)
        Image i is ``data[offsets[i]:offsets[i + 1]]``. Memory-mapped and read-only.

    Raises
    ------
    InputError
        If the table is missing or damaged.
    """
    path = folder.path / _OFFSETS
    try:
        with folder.open(_OFFSETS) as file:
            offsets = map_npy(file)
    except OSError as error:
        raise _unreadable(folder.path, error) from error
    except InputError as error:
        raise InputError(
            f"the table of a pack must be a NumPy file; {str(path)!r} is damaged ({error}). "
            "Make the map again."
        ) from error
    if n_items is not None and offsets.size != n_items + 1:
        raise InputError(
            f"the table of a pack must contain {n_items + 1} numbers for {n_items} items; "
            f"{str(path)!r} has {offsets.size}. Make the map again."
        )
    is_table = (
        offsets.dtype == np.int64
        and offsets.ndim == 1
        and offsets.size > 0
        and offsets[0] == 0
        and bool(np.all(np.diff(offsets) > 0))
    )
    if not is_table:
        raise InputError(
            f"the table of a pack must contain increasing int64 numbers from 0; {str(path)!r} does "
            "not. Make the map again."
        )
    table: NDArray[np.int64] = offsets
    return table


def check_data_size(folder: Path, offsets: NDArray[np.int64], *, n_bytes: int) -> None:
    """Raise InputError unless the file of the images has the size that the table claims.

    Parameters
    ----------
    folder : Path
    offsets : ndarray of int64, shape (n + 1,)
    n_bytes : int
        The size of the file.
    """
    if offsets[-1] != n_bytes:
        raise InputError(
            f"{DATA} in {str(folder)!r} must have {offsets[-1]} bytes according to {_OFFSETS}; "
            f"got {n_bytes}. Make the map again."
        )


def _unreadable(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"a pack of thumbnails must contain {DATA} and {_OFFSETS}; the files in {str(folder)!r} "
        f"cannot be read ({error.strerror}). Make the map again."
    )
