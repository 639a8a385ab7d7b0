"""The records of a neighbor search and of its conditional probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The k nearest neighbors of each item, nearest first, without the item itself.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, k)
        -1 marks a missing neighbor.
    distances : ndarray of float32, shape (n, k)
        In the metric of the search (Euclidean distances are not squared). The distance of a missing
        neighbor is infinite.
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Conditional:
    """The probability of each neighbor of each item: P before it is made symmetric.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, k)
        -1 marks a missing neighbor.
    probabilities : ndarray of float32, shape (n, k)
        p_j|i; each row sums to 1, or is 0 if all its neighbors are missing.
    """

    indices: NDArray[np.int32]
    probabilities: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of P, (n, n)."""
        return len(self.indices), len(self.indices)
