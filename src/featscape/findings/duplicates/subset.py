"""Some rows of a large array, without a copy of the array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


class Subset(Generic[T]):
    """The rows of an array with given indices.

    Parameters
    ----------
    rows : ndarray, shape (n, ...)
        May be memory-mapped.
    indices : ndarray of intp, shape (m,), optional
        All rows by default.
    """

    def __init__(self, rows: NDArray[T], indices: NDArray[np.intp] | None = None) -> None:
        self._rows = rows
        self._indices = np.arange(len(rows)) if indices is None else indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, which: slice | NDArray[np.integer[Any]]) -> NDArray[T]:
        return self._rows[self._indices[which]]


# an array, or some of its rows
Grays: TypeAlias = "NDArray[np.uint8] | Subset[np.uint8]"
FeatureRows: TypeAlias = "NDArray[np.floating[Any]] | Subset[np.floating[Any]]"
