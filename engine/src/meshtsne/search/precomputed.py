"""Check distances, neighbors and affinities of the caller."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne.checks import as_numpy, is_sparse
from meshtsne.errors import InputError
from meshtsne.records import Neighbors
from meshtsne.reduction import check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

_ROWS_AT_ONCE = 1024

# Rounding errors that float32 affinities may have.
_SUM_TOLERANCE = 1e-3
_SYMMETRY_TOLERANCE = 1e-4

# Share of the largest distance: float32 distances from |x|^2 + |y|^2 - 2 x.y have errors of 2e-3.
_DISTANCE_TOLERANCE = 1e-2


def check_distances(D: Any, *, n_points: int | None = None) -> None:
    """Raise InputError unless D contains distances.

    Parameters
    ----------
    D : ndarray or csr matrix
    n_points : int, optional
        Number of columns of distances to the fitted items. None is a matrix between the fitted
        items, which must be square, zero on the diagonal and, if dense, symmetric. A graph of
        nearest neighbors is sparse and not symmetric.
    """
    wanted = D.shape[0] if n_points is None else n_points
    if D.shape[1] != wanted:
        raise InputError(
            f"X must have {wanted} columns with metric='precomputed', one per fitted item; "
            f"got shape {D.shape}. Pass distances, or choose another metric."
        )
    check_finite(D)
    values = D.data if is_sparse(D) else D
    if values.size and values.min() < 0:
        raise InputError(
            f"precomputed distances must not be negative; the smallest is {values.min():.6g}. "
            "Pass distances, not similarities."
        )
    if n_points is None and values.size:
        tolerance = _DISTANCE_TOLERANCE * float(values.max())
        _check_diagonal(D, tolerance)
        if not is_sparse(D):
            _check_symmetric(D, tolerance)


def _check_diagonal(D: Any, tolerance: float) -> None:
    """Raise InputError if a distance of an item to itself is larger than the tolerance."""
    largest = float(D.diagonal().max())
    if largest > tolerance:
        raise InputError(
            f"precomputed distances must be 0 on the diagonal; the largest there is {largest:.6g}. "
            "Pass distances, not similarities, or call np.fill_diagonal(X, 0)."
        )


def _check_symmetric(D: NDArray[Any], tolerance: float) -> None:
    """Raise InputError if D and its transpose, shape (n, n), differ by more than the tolerance."""
    largest = 0.0
    blocks = [slice(start, start + _ROWS_AT_ONCE) for start in range(0, len(D), _ROWS_AT_ONCE)]
    for i, rows in enumerate(blocks):
        for columns in blocks[i:]:
            # in float64, because differences of unsigned integers overflow
            difference = np.subtract(D[rows, columns], D[columns, rows].T, dtype=np.float64)
            largest = max(largest, float(np.abs(difference, out=difference).max()))
    if largest > tolerance:
        raise InputError(
            "precomputed distances must be symmetric; the largest difference between X and its "
            f"transpose is {largest:.6g}. Pass (X + X.T) / 2, or X + X.T for a triangle."
        )


def as_neighbors(neighbors: Any, *, n_items: int | None = None) -> Neighbors:
    """Return the caller's neighbors as a record with contiguous arrays.

    Parameters
    ----------
    neighbors : Neighbors, or tuple of array-likes (indices, distances), each of shape (n, k)
    n_items : int, optional
        Number of rows that the arrays must have.

    Raises
    ------
    InputError
        The arrays have different shapes, hold an index outside -1 .. n - 1, the item itself or an
        item twice, or their distances are negative, not finite, or not in ascending order.
    """
    if isinstance(neighbors, Neighbors):
        indices, distances = neighbors.indices, neighbors.distances
    else:
        try:
            indices, distances = neighbors
        except (TypeError, ValueError) as error:
            raise InputError(
                f"neighbors must be a pair (indices, distances); got {type(neighbors).__name__}. "
                "Pass two arrays of shape (n, k)."
            ) from error
    indices = np.asarray(as_numpy("the indices of neighbors", indices))
    distances = np.asarray(as_numpy("the distances of neighbors", distances))
    if indices.ndim != 2 or indices.shape != distances.shape or indices.shape[1] == 0:
        raise InputError(
            "neighbors must be two arrays of one shape (n, k); got indices of shape "
            f"{indices.shape} and distances of shape {distances.shape}. Pass one row per item."
        )
    n = len(indices)
    if n_items is not None and n != n_items:
        raise InputError(
            f"neighbors must have one row per item, {n_items}; got {n} rows. "
            "Pass the neighbors of the same items."
        )
    if indices.dtype.kind not in "iu" or distances.dtype.kind not in "fiu":
        raise InputError(
            "neighbors must hold integer indices and real distances; got "
            f"{indices.dtype} and {distances.dtype}. Convert the arrays."
        )
    _check_range("neighbors", indices)
    own = np.flatnonzero((indices == np.arange(n)[:, None]).any(axis=1))
    if len(own):
        raise InputError(
            f"neighbors must not contain the item itself; {len(own)} rows do, the first is row "
            f"{own[0]}. Leave out the column of the items themselves, often the first."
        )
    _check_repeated(indices)
    _check_neighbor_distances(indices, distances)
    return Neighbors(
        np.ascontiguousarray(indices, dtype=np.int32),
        np.ascontiguousarray(np.where(indices < 0, np.inf, distances), dtype=np.float32),
    )


def as_indices(name: str, rows: Any) -> NDArray[Any]:
    """Return the neighbors of each item as an array of integers, shape (n, k).

    Raises
    ------
    InputError
        The value is not such an array, is empty, or has an index outside -1 .. n - 1.
    """
    rows = as_numpy(name, rows)
    try:
        indices: NDArray[Any] = np.asarray(rows)
    except ValueError as error:
        raise InputError(
            f"{name} must be an array of integers, shape (n, k); got rows of different lengths. "
            "Fill the shorter rows with -1."
        ) from error
    if indices.ndim != 2 or indices.size == 0 or indices.dtype.kind not in "iu":
        raise InputError(
            f"{name} must be an array of integers, shape (n, k); got the dtype {indices.dtype} and "
            f"the shape {indices.shape}. Pass one row of indices per item."
        )
    _check_range(name, indices)
    return indices


def _check_range(name: str, indices: NDArray[Any]) -> None:
    """Raise InputError unless all indices, shape (n, k), are from -1 to n - 1."""
    n = len(indices)
    if indices.min() < -1 or indices.max() >= n:
        raise InputError(
            f"{name} must hold indices from -1 to n - 1 = {n - 1}; got {indices.min()} to "
            f"{indices.max()}. Number the items from 0; -1 is a missing neighbor."
        )


def _check_repeated(indices: NDArray[Any]) -> None:
    """Raise InputError if a row of indices, shape (n, k), contains an item twice."""
    for start in range(0, len(indices), _ROWS_AT_ONCE):
        ordered = np.sort(indices[start : start + _ROWS_AT_ONCE], axis=1)
        again = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
        if again.any():
            row = int(again.any(axis=1).argmax())
            twice = ordered[row, 1:][again[row]][0]
            raise InputError(
                f"neighbors must contain each item once in a row; row {start + row} contains the "
                f"item {twice} again. Leave out the repeated entries."
            )


def _check_neighbor_distances(indices: NDArray[Any], distances: NDArray[Any]) -> None:
    """Raise InputError unless present neighbors come first, in order of valid distances."""
    present = indices >= 0
    bad = np.flatnonzero((present & ~((distances >= 0) & np.isfinite(distances))).any(axis=1))
    if len(bad):
        raise InputError(
            f"distances of neighbors must be finite and not negative; {len(bad)} rows have others, "
            f"the first is row {bad[0]}. Pass distances, not similarities."
        )
    lonely = np.flatnonzero(~present[:, 0])
    if len(lonely):
        raise InputError(
            f"each item must have a neighbor in the first column; {len(lonely)} rows have -1 "
            f"there, the first is row {lonely[0]}. Put missing neighbors last, or leave those "
            "items out."
        )
    order = np.where(present, distances, np.inf)
    # inf - inf between two missing neighbors is NaN, which is not a descent
    with np.errstate(invalid="ignore"):
        unsorted = np.flatnonzero((np.diff(order, axis=1) < 0).any(axis=1))
    if len(unsorted):
        raise InputError(
            f"neighbors must be sorted by distance; {len(unsorted)} rows are not, the first is row "
            f"{unsorted[0]}. Sort each row, nearest first."
        )


def check_reach(neighbors: Neighbors, perplexity: float) -> None:
    """Raise InputError if most items have fewer neighbors than the perplexity.

    The effective number of neighbors of an item in P is at most the number of its neighbors.
    """
    indices = neighbors.indices
    last = min(math.ceil(perplexity), indices.shape[1]) - 1
    short = int((indices[:, last] < 0).sum())
    if 2 * short > len(indices):
        n_found = (indices >= 0).sum(axis=1)
        raise InputError(
            f"most items must have at least as many neighbors as the perplexity, {perplexity:g}; "
            f"{short} of {len(indices)} items have fewer, the median is {np.median(n_found):g}. "
            "Pass more neighbors, or lower perplexity."
        )


def as_affinities(P: Any, *, n_items: int | None = None, name: str = "affinities") -> csr_array:
    """Return the caller's P as a float32 CSR array with sorted int32 indices.

    Parameters
    ----------
    P : sparse matrix or array-like, shape (n, n)
        Symmetric, not negative, zero on the diagonal, sum 1.
    n_items : int, optional
        Number of rows that P must have.
    name : str
        The name of P in messages.

    Raises
    ------
    InputError
        P does not have these properties.
    """
    from scipy.sparse import csr_array

    remedy = "Pass joint probabilities, for example (C + C.T) / (C + C.T).sum()."
    P = as_numpy(name, P)
    try:
        P = csr_array(P, dtype=np.float64, copy=True)  # the calls below change P in place
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a sparse matrix of numbers: {error}. {remedy}") from error
    if P.ndim != 2 or P.shape[0] != P.shape[1] or P.shape[0] != (n_items or P.shape[0]):
        n = n_items or P.shape[0]
        raise InputError(
            f"{name} must have the shape (n, n) for n = {n} items; got {P.shape}. "
            "Pass joint probabilities of the same items."
        )
    P.sum_duplicates()
    if not np.isfinite(P.data).all() or (P.data < 0).any():
        raise InputError(f"{name} must be finite and not negative. {remedy}")
    if P.diagonal().any():
        raise InputError(
            f"{name} must be 0 on the diagonal; the largest there is {P.diagonal().max():.6g}. "
            "Call P.setdiag(0), then divide P by its sum."
        )
    total = float(P.sum())
    if not abs(total - 1) <= _SUM_TOLERANCE:
        raise InputError(f"{name} must sum to 1; the sum is {total:.6g}. {remedy}")
    difference = abs(P - P.T)
    if difference.nnz and difference.max() > _SYMMETRY_TOLERANCE * P.max():
        raise InputError(
            f"{name} must be symmetric; the largest difference between P and its transpose is "
            f"{difference.max():.6g}. {remedy}"
        )
    P.eliminate_zeros()
    return csr_array((P.data.astype(np.float32), P.indices, P.indptr), shape=P.shape)


def neighbors_of_distances(D: Any, k: int, *, leave_out_self: bool) -> Neighbors:
    """Return the k nearest columns of each row, nearest first, ties by index.

    Parameters
    ----------
    D : ndarray or csr matrix of distances, shape (m, n)
        Only the stored entries of a sparse row are neighbors, including stored zeros.
    k : int
    leave_out_self : bool
        Row i and column i are the same item, which is not its own neighbor.

    Returns
    -------
    Neighbors
        If a row of a sparse graph has fewer than k neighbors, the index -1 and the distance
        infinity fill the row.

    Raises
    ------
    InputError
        A row of the graph has no neighbors.
    """
    if is_sparse(D):
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
            f"each row of a precomputed graph needs a neighbor; {len(lonely)} rows have none, "
            f"the first is row {lonely[0]}. Add distances, or leave those items out."
        )
    rank = np.arange(len(row)) - np.repeat(np.cumsum(n_found) - n_found, n_found)
    near = rank < k
    indices = np.full((m, k), -1, dtype=np.int32)
    distances = np.full((m, k), np.inf, dtype=np.float32)
    indices[row[near], rank[near]] = column[near]
    distances[row[near], rank[near]] = distance[near]
    return Neighbors(indices, distances)
