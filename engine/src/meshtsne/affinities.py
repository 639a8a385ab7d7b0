"""Compute the joint probabilities P from the distances of neighbors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtsne.records import Conditional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy.sparse import csr_array

    from meshtsne.records import Neighbors


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
    conditional = conditional_probabilities(neighbors, perplexities, n_threads=n_threads)
    return symmetrized(conditional, n_threads=n_threads)


def symmetrized(conditional: Conditional, *, n_threads: int) -> csr_array:
    """Return p_ij = (p_j|i + p_i|j) / 2n as `joint_probabilities` does."""
    from scipy.sparse import csr_array

    from meshtsne import _native

    n = len(conditional.indices)
    indptr, indices, data = _native.symmetrize(
        conditional.indices, conditional.probabilities, _native.Pool(n_threads)
    )
    if len(data) <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)  # otherwise SciPy converts the indices to int64
    return csr_array((data, indices, indptr), shape=(n, n))


def conditional_probabilities(
    neighbors: Neighbors, perplexities: Sequence[float], *, n_threads: int
) -> Conditional:
    """Return p_j|i for the neighbors of each item.

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

    distances = np.ascontiguousarray(neighbors.distances, dtype=np.float32)
    indices = np.ascontiguousarray(neighbors.indices)
    pool = _native.Pool(n_threads)
    first, *others = perplexities
    total = _native.conditional_probabilities(distances, indices, first, pool)
    for perplexity in others:
        total += _native.conditional_probabilities(distances, indices, perplexity, pool)
    if others:
        total /= len(perplexities)
    return Conditional(indices, total)
