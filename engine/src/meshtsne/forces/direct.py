"""Both forces as the sum over all pairs, in native code: the fastest method for few points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtsne.forces.native import NativeGradient

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Starting another thread takes longer than an iteration over fewer pairs.
PAIRS_PER_THREAD = 500_000


class DirectGradient(NativeGradient):
    """The `Gradient` for few points: O(n^2) per iteration, exact up to rounding.

    The parameters are those of `NativeGradient`.
    """

    @staticmethod
    def _useful_threads(n_points: int) -> int:
        return max(1, n_points**2 // PAIRS_PER_THREAD)

    def _find_forces(self) -> float:
        return self._points.direct_forces()


def normalization(Y: NDArray[np.float32], *, n_threads: int) -> float:
    """Return Z of the embedding Y, shape (n, c), as the sum over all pairs."""
    from scipy.sparse import csr_array

    no_edges = csr_array((len(Y), len(Y)), dtype=np.float32)
    return DirectGradient(no_edges, Y, n_jobs=n_threads).normalization()
