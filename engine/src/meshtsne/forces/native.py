"""The base class of the gradients on the CPU, over points in native code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from meshtsne.native import _native
from meshtsne.records import Gaussians

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


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

    def restart(self) -> None:
        """Set the velocity to zero and the gains to one."""
        self._points.restart()

    def embedding(self) -> NDArray[np.float32]:
        """Return a copy of the positions, shape (n, c), in the caller's order, centered at 0."""
        return self._points.positions()

    def kl_divergence(self) -> float:
        """Return KL(P || Q) at the current positions, in nats."""
        return self._points.kl_divergence(self._find_forces())

    def forces(self) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        """Return attraction and repulsion, each of shape (n, c), and Z, as `exact.forces` does."""
        z = self._find_forces()
        return *self._points.forces(), z
