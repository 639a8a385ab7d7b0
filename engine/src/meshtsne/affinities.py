"""Compute the joint probabilities P from the distances of neighbors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from meshtsne.records import Neighbors


def joint_probabilities(
    neighbors: Neighbors, perplexities: Sequence[float], *, n_threads: int
) -> csr_array:
    """Return the joint probabilities P: symmetric, with sum 1.

    Several perplexities give the mean of their conditional distributions, which keeps structure at
    several scales (Lee, Peluffo-Ordonez & Verleysen 2015, "Multi-scale similarities in stochastic
    neighbour embedding", Neurocomputing 169).

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
    conditional = conditional_probabilities(neighbors, perplexities, n_threads=n_threads)
    indptr, indices, data = _native.symmetrize(
        np.ascontiguousarray(neighbors.indices), conditional, _native.Pool(n_threads)
    )
    if len(data) <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)  # otherwise SciPy converts the indices to int64
    return csr_array((data, indices, indptr), shape=(n, n))


def conditional_probabilities(
    neighbors: Neighbors, perplexities: Sequence[float], *, n_threads: int
) -> NDArray[np.float32]:
    """Return p_j|i for the neighbors of each item, the mean over the perplexities.

    Parameters
    ----------
    neighbors : Neighbors
        An index below 0 is a missing neighbor; its probability is 0.
    perplexities : sequence of float
    n_threads : int

    Returns
    -------
    ndarray of float32, shape (n, k)
        Each row sums to 1; a row without neighbors is 0.
    """
    from meshtsne import _native

    squared = np.ascontiguousarray(neighbors.distances, dtype=np.float32) ** 2
    indices = np.ascontiguousarray(neighbors.indices)
    pool = _native.Pool(n_threads)
    first, *others = perplexities
    total = _native.conditional_probabilities(squared, indices, first, pool)
    for perplexity in others:
        total += _native.conditional_probabilities(squared, indices, perplexity, pool)
    if others:
        total /= len(perplexities)
    return total
