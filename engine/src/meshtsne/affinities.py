"""Compute the joint probabilities P from the distances of neighbors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtsne.records import Gaussians, Neighbors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array


def joint_probabilities(
    neighbors: Neighbors, perplexities: Sequence[float], *, n_threads: int
) -> csr_array:
    """Return the joint probabilities P: symmetric, with sum 1.

    Parameters
    ----------
    neighbors : Neighbors
        An index below 0 is a missing neighbor.
    perplexities : sequence of float
    n_threads : int

    Returns
    -------
    csr_array of float32, shape (n, n)
        Sorted int32 indices; no entries on the diagonal.
    """
    from scipy.sparse import csr_array

    from meshtsne import _native

    n = len(neighbors.indices)
    p = conditional_probabilities(neighbors, perplexities, n_threads=n_threads)
    indptr, indices, data = _native.symmetrize(
        np.ascontiguousarray(neighbors.indices), p, _native.Pool(n_threads)
    )
    if len(data) <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)  # otherwise SciPy converts the indices to int64
    return csr_array((data, indices, indptr), shape=(n, n))


def conditional_probabilities(
    neighbors: Neighbors, perplexities: Sequence[float], *, n_threads: int
) -> NDArray[np.float32]:
    """Return p_j|i for the neighbors of each item, float32, shape (n, k).

    Several perplexities give the mean of their conditional distributions, which keeps structure at
    several scales (Lee, Peluffo-Ordonez & Verleysen 2015, "Multi-scale similarities in stochastic
    neighbour embedding", Neurocomputing 169).

    Parameters
    ----------
    neighbors : Neighbors
        An index below 0 is a missing neighbor; its probability is 0.
    perplexities : sequence of float
    n_threads : int
    """
    from meshtsne import _native

    gaussians = find_gaussians(neighbors, perplexities, n_threads=n_threads)
    return _native.conditional_probabilities(
        gaussians.neighbors.distances,
        gaussians.neighbors.indices,
        gaussians.parameters,
        _native.Pool(n_threads),
    )


def find_gaussians(
    neighbors: Neighbors, perplexities: Sequence[float], *, n_threads: int
) -> Gaussians:
    """Return the Gaussians whose values are the conditional probabilities.

    The arguments are those of `conditional_probabilities`.
    """
    from meshtsne import _native

    contiguous = Neighbors(
        np.ascontiguousarray(neighbors.indices),
        np.ascontiguousarray(neighbors.distances, dtype=np.float32),
    )
    parameters = _native.find_gaussians(
        contiguous.distances, contiguous.indices, list(perplexities), _native.Pool(n_threads)
    )
    return Gaussians(contiguous, parameters)
