"""Store rows of features as they are computed, in any order, in memory or in an .npy file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from featscape.mapfolder.staging import writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class RowStore(Protocol):
    """An (n, d) array of float32 that is filled row by row, and may end with fewer rows."""

    def write(self, rows: Sequence[int], values: NDArray[np.float32]) -> None:
        """Write the features of b images.

        Parameters
        ----------
        rows : sequence of b int
            Indices of the rows.
        values : ndarray of float32, shape (b, d)
        """
        ...

    def copy(self, row: int, source: int) -> None:
        """Copy the row `source` to another row."""
        ...

    def finish(self, n_rows: int) -> NDArray[np.float32]:
        """Return the first rows; nothing may be written afterwards.

        Returns
        -------
        ndarray of float32, shape (n_rows, d)
        """
        ...

    def close(self) -> None:
        """Close the file, if there is one; allowed before and after `finish`."""
        ...


class MemoryRowStore:
    """A `RowStore` in memory."""

    def __init__(self, n_rows: int, n_features: int) -> None:
        self._values = np.empty((n_rows, n_features), dtype=np.float32)

    def write(self, rows: Sequence[int], values: NDArray[np.float32]) -> None:
        """Write `values`, float32 of shape (b, d), into b rows: see `RowStore`."""
        self._values[rows] = values

    def copy(self, row: int, source: int) -> None:
        """Copy the row `source` to another row."""
        self._values[row] = self._values[source]

    def finish(self, n_rows: int) -> NDArray[np.float32]:
        """Return the first rows, float32 of shape (n_rows, d)."""
        return self._values[:n_rows]

    def close(self) -> None:
        """Do nothing: there is no file."""


class FileRowStore:
    """A `RowStore` in an .npy file, without a copy in memory.

    The file is written and not memory-mapped, since changed pages of a mapped file count as memory
    of the process.

    Parameters
    ----------
    file : Path
        Overwritten.
    n_rows, n_features : int
    """

    def __init__(self, file: Path, n_rows: int, n_features: int) -> None:
        self._path = file
        self._n_features = n_features
        with writing():
            self._file = file.open("w+b")
        self._write_header(n_rows)
        self._start = self._file.tell()

    def write(self, rows: Sequence[int], values: NDArray[np.float32]) -> None:
        """Write `values`, float32 of shape (b, d), into b rows: see `RowStore`."""
        with writing():
            for row, one in zip(rows, values, strict=True):
                self._seek(row)
                self._file.write(np.ascontiguousarray(one, dtype=np.float32).tobytes())

    def copy(self, row: int, source: int) -> None:
        """Copy the row `source` to another row."""
        with writing():  # seeking flushes the buffer
            self._seek(source)
            content = self._file.read(4 * self._n_features)
            self._seek(row)
            self._file.write(content)

    def finish(self, n_rows: int) -> NDArray[np.float32]:
        """Return the first rows, float32 of shape (n_rows, d), memory-mapped and read-only."""
        with writing():
            self._file.seek(0)
            self._write_header(n_rows)  # NumPy pads the header to the same length for any n_rows
            self._file.close()
        values: NDArray[np.float32] = np.load(self._path, mmap_mode="r", allow_pickle=False)
        return values

    def close(self) -> None:
        """Close the file."""
        with writing():
            self._file.close()

    def _seek(self, row: int) -> None:
        self._file.seek(self._start + 4 * self._n_features * row)

    def _write_header(self, n_rows: int) -> None:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, self._n_features)}
        with writing():
            np.lib.format.write_array_header_1_0(self._file, header)


def open_row_store(file: str | Path | None, n_rows: int, n_features: int) -> RowStore:
    """Return a store for rows in an .npy file; without a file, in memory."""
    if file is None:
        return MemoryRowStore(n_rows, n_features)
    return FileRowStore(Path(file), n_rows, n_features)
