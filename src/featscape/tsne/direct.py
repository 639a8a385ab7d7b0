"""Both forces by the plain sum over all pairs, in native code: the quickest way for few points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.tsne import _native

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

# An iteration over fewer pairs ends before another thread has begun.
PAIRS_PER_THREAD = 500_000


class DirectGradient:
    """The `descent.Gradient` for few points: O(n^2) an iteration, exact but for rounding.

    Parameters
    ----------
    P : csr_array of float32, shape (n, n)
        Joint probabilities: symmetric, their sum 1.
    Y : ndarray of float32, shape (n, c), c = 1, 2 or 3
        Where the descent begins.
    n_jobs : int
        Threads at most. The results do not depend on it.
    """

    def __init__(self, P: csr_array, Y: NDArray[np.float32], *, n_jobs: int) -> None:
        n_threads = min(n_jobs, max(1, len(Y) ** 2 // PAIRS_PER_THREAD))
        self._points = _native.Points(
            _native.Pool(n_threads),
            P.indptr.astype(np.int64, copy=False),
            P.indices.astype(np.int32, copy=False),
            P.data.astype(np.float32, copy=False),
            np.ascontiguousarray(Y, dtype=np.float32),
        )

    def advance(
        self, n_iter: int, *, exaggeration: float, momentum: float, learning_rate: float
    ) -> None:
        """Take `n_iter` steps."""
        for _ in range(n_iter):
            z = self._points.direct_forces()
            self._points.step(z, exaggeration, momentum, learning_rate)

    def restart(self) -> None:
        """Set the velocity to zero and the gains to one."""
        self._points.restart()

    def embedding(self) -> NDArray[np.float32]:
        """Return a copy of the positions, shape (n, c), in the caller's order, centred on 0."""
        return self._points.positions()

    def kl_divergence(self) -> float:
        """Return KL(P || Q) at the present positions, in nats."""
        return self._points.kl_divergence(self._points.direct_forces())

    def forces(self) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        """Return attraction, repulsion, each (n, c), and Z, as `exact.forces` does."""
        z = self._points.direct_forces()
        return *self._points.forces(), z
