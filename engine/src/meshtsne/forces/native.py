"""The base class of the gradients on the CPU, over points in native code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from meshtsne.errors import DivergenceError
from meshtsne.forces import exact
from meshtsne.native import _native
from meshtsne.records import Gaussians

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

# Below this mean over the points of sum_j w_ij, the sum over all pairs in float32 has a relative
# error above about 1e-5. The points of usual embeddings have a mean of 1 to 50.
LEAST_MEAN_KERNEL = 0.01

# The largest extent of an embedding, or its number of points if that is more. The widest known
# embeddings, of a perplexity of 1.01 and quality "best", have an extent of 14,000. Where all points
# are farther apart, the forces are too weak to bring the points together again.
WIDEST = 20_000


def extent_text(extent: float) -> str:
    """Return an extent for a message."""
    return f"{extent:,.0f}" if extent < 1e9 else f"{extent:.3g}"


class NativeGradient(ABC):
    """A `Gradient` over native points; subclasses compute the forces.

    Parameters
    ----------
    P : csr_array of float32, shape (n, n), or Gaussians
        Joint probabilities: symmetric, sum 1. `Gaussians` give the same forces as its P, and the
        matrix takes no memory.
    Y : ndarray of float32, shape (n, c), c = 1, 2 or 3
        Initial positions.
    n_jobs : int
        Maximum number of threads. The results do not depend on this number.

    Attributes
    ----------
    n_iter : int
        Number of steps so far.
    """

    def __init__(self, P: csr_array | Gaussians, Y: NDArray[np.float32], *, n_jobs: int) -> None:
        self._pool = _native.Pool(min(n_jobs, self._useful_threads(len(Y))))
        Y = np.ascontiguousarray(Y, dtype=np.float32)
        if isinstance(P, Gaussians):
            self._points = _native.Points.from_gaussians(
                self._pool, P.neighbors.indices, P.neighbors.distances, P.parameters, Y
            )
        else:
            self._points = _native.Points(
                self._pool,
                P.indptr.astype(np.int64, copy=False),
                P.indices.astype(np.int32, copy=False),
                P.data.astype(np.float32, copy=False),
                Y,
            )
        self.n_iter = 0

    @staticmethod
    @abstractmethod
    def _useful_threads(n_points: int) -> int:
        """Return the largest number of threads that makes an iteration faster."""

    @abstractmethod
    def _find_forces(self) -> float:
        """Compute both forces at the current positions and return Z."""

    def advance(
        self, n_iter: int, *, exaggeration: float, momentum: float, learning_rate: float
    ) -> None:
        """Take `n_iter` steps."""
        for _ in range(n_iter):
            z = self._find_forces()
            # Counted before the call: Python raises Ctrl-C after the call, when the step is done.
            self.n_iter += 1
            self._points.step(z, exaggeration, momentum, learning_rate)
        self._check_extent()

    def _check_extent(self) -> None:
        """Raise DivergenceError if the embedding is far wider than the embeddings of its size."""
        low, high = self._points.extent()
        widest = max(WIDEST, self._points.size)
        span = float((high.astype(np.float64) - low).max())
        if span > widest:
            raise DivergenceError(
                f"the embedding must have an extent of at most {widest:,}; it reached "
                f"{extent_text(span)} within {self.n_iter} iterations. Lower learning_rate or "
                "early_exaggeration, or scale the init array down."
            )

    def restart(self) -> None:
        """Set the velocity to zero and the gains to one."""
        self._points.restart()

    def embedding(self) -> NDArray[np.float32]:
        """Return a copy of the positions, shape (n, c), in the caller's order, centered at 0."""
        return self._points.positions()

    def kl_divergence(self) -> float:
        """Return KL(P || Q) at the current positions, in nats."""
        # The KL divergence is not negative; the rounding of P to 16 bits may make the sum negative.
        return max(self._points.kl_divergence(self.normalization()), 0.0)

    def normalization(self) -> float:
        """Return Z at the current positions, for the KL divergence."""
        return self._exact_if_small(self._find_forces())

    def _exact_if_small(self, z: float) -> float:
        """Return Z; in float64 if the points are so far from one another that float32 loses Z."""
        if z < LEAST_MEAN_KERNEL * self._points.size:
            return exact.normalization(self.embedding())
        return z

    def forces(self) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        """Return attraction and repulsion, each of shape (n, c), and Z, as `exact.forces` does."""
        z = self._find_forces()
        return *self._points.forces(), z
