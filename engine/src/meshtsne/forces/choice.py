"""Choose the gradient of a fit on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from meshtsne.forces.native import NativeGradient
    from meshtsne.records import Gaussians

METHODS = ("auto", "direct", "grid")

# Below this number of points the sum over all pairs is faster than a grid. The key is the number of
# dimensions of the embedding.
DIRECT_BELOW = {1: 1_500, 2: 1_500, 3: 6_000}


def choose_gradient(
    P: csr_array | Gaussians, Y: NDArray[np.float32], *, method: str, n_threads: int
) -> NativeGradient:
    """Return the gradient for P at the positions Y.

    Parameters
    ----------
    P : csr_array of float32, shape (n, n), or Gaussians
        Joint probabilities, or what P is computed from.
    Y : ndarray of float32, shape (n, c)
        First positions.
    method : {"auto", "direct", "grid"}
    n_threads : int
    """
    n, n_components = Y.shape
    if method == "direct" or (method == "auto" and n < DIRECT_BELOW[n_components]):
        from meshtsne.forces.direct import DirectGradient

        return DirectGradient(P, Y, n_jobs=n_threads)
    from meshtsne.forces.grid import GridGradient

    return GridGradient(P, Y, n_jobs=n_threads)
