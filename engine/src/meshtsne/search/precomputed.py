"""Distances that the caller has computed: a dense matrix, or a sparse graph of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from meshtsne.errors import InputError
from meshtsne.records import Neighbors
from meshtsne.reduction import check_finite

_ROWS_AT_ONCE = 1024


def check_distances(D: Any, *, n_points: int | None = None) -> None:
    """Raise InputError unless D holds distances, and is square where `n_points` is None.

    Parameters
    ----------
    D : ndarray or sparse matrix
    n_points : int, optional
    """
    from scipy.sparse import issparse

    wanted = D.shape[0] if n_points is None else n_points
    if D.shape[1] != wanted:
        raise InputError(
            f"X must have {wanted} columns with metric='precomputed', one a fitted item; "
            f"got shape {D.shape}. Pass distances, or choose another metric."
        )
    check_finite(D)
    values = D.data if issparse(D) else D
    if values.size and values.min() < 0:
        raise InputError(
            f"precomputed distances must not be negative; the least is {values.min():.6g}. "
            "Pass distances, not similarities."
        )


def neighbors_of_distances(D: Any, k: int, *, leave_out_self: bool) -> Neighbors:
    """Return the k nearest columns of each row, nearest first, ties by index.

    Parameters
    ----------
    D : ndarray or csr matrix of distances, shape (m, n)
        A sparse row's missing entries are no neighbours; its stored zeros are.
    k : int
    leave_out_self : bool
        Row i is the same item as column i, and not its own neighbour.

    Returns
    -------
    Neighbors
        Index -1 and distance infinity where a row of a sparse graph has fewer than k.

    Raises
    ------
    InputError
        A row of the graph has no neighbour.
    """
    from scipy.sparse import issparse

    if issparse(D):
        return _of_graph(D.tocsr(), k, leave_out_self=leave_out_self)
    m = D.shape[0]
    indices = np.empty((m, k), dtype=np.int32)
    distances = np.empty((m, k), dtype=np.float32)
    for start in range(0, m, _ROWS_AT_ONCE):
        rows = np.array(D[start : start + _ROWS_AT_ONCE], dtype=np.float64)
        if leave_out_self:
            own = np.arange(len(rows))
            rows[own, start + own] = np.inf
        order = np.argsort(rows, axis=1, kind="stable")[:, :k]
        indices[start : start + len(rows)] = order
        distances[start : start + len(rows)] = np.take_along_axis(rows, order, axis=1)
    return Neighbors(indices, distances)


def _of_graph(D: Any, k: int, *, leave_out_self: bool) -> Neighbors:
    m = D.shape[0]
    row = np.repeat(np.arange(m), np.diff(D.indptr))
    column, distance = D.indices, D.data
    if leave_out_self:
        others = column != row
        row, column, distance = row[others], column[others], distance[others]
    order = np.lexsort((column, distance, row))
    row, column, distance = row[order], column[order], distance[order]
    n_found = np.bincount(row, minlength=m)
    if not n_found.all():
        lonely = np.flatnonzero(n_found == 0)
        raise InputError(
            f"each row of a precomputed graph needs a neighbour; {len(lonely)} rows have none, "
            f"the first is row {lonely[0]}. Add distances, or leave those items out."
        )
    rank = np.arange(len(row)) - np.repeat(np.cumsum(n_found) - n_found, n_found)
    near = rank < k
    indices = np.full((m, k), -1, dtype=np.int32)
    distances = np.full((m, k), np.inf, dtype=np.float32)
    indices[row[near], rank[near]] = column[near]
    distances[row[near], rank[near]] = distance[near]
    return Neighbors(indices, distances)
