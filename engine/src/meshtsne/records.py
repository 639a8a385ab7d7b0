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
class Gaussians:
    """The Gaussians of the conditional probabilities p_j|i, which P is computed from.

    The probabilities themselves would take as much memory as the distances.

    Attributes
    ----------
    neighbors : Neighbors
    parameters : ndarray of float32, shape (n_perplexities, n, 2)
        Precision of each Gaussian, and 1 / its sum; p_j|i is the mean over the perplexities.
    """

    neighbors: Neighbors
    parameters: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of P, (n, n)."""
        return len(self.neighbors.indices), len(self.neighbors.indices)
