"""The record of a neighbor search."""

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
