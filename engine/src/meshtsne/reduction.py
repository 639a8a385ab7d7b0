"""Check, center and reduce the features before the search.

The features are read in blocks of rows, so a memory-mapped array may be larger than the memory;
only the reduced features, float32, are kept.
"""

from __future__ import annotations

import mmap
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne.blas import one_blas_thread
from meshtsne.checks import is_sparse
from meshtsne.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

# Number of values in one block of rows: 16 MB of float32.
_BLOCK_SIZE = 1 << 22

# Up to this width all eigenvectors of the covariance are computed; above, the leading ones by
# subspace iteration.
DENSE_EIGEN_WIDTH = 256
_SPARE_AXES = 10
_LEAST_LENGTH = 1e-6  # of an axis relative to the longest; shorter axes are rounding errors
_MAX_SUBSPACE_ITERATIONS = 60

# Distances between features do not overflow float32 if each value differs by less than this number
# from the mean of its column.
LARGEST = 1e37

# Metrics that are Euclidean distances between rows of length one.
SPHERICAL = ("cosine", "correlation")


@dataclass(frozen=True, eq=False)
class Reduction:
    """The map from a row of features to a row of the search: ``((x - mean) * scale) @ axes``.

    Attributes
    ----------
    metric : str
        "cosine" and "correlation" first scale each row to length one.
    mean : ndarray of float64, shape (d,)
    scale : float
        A power of two, which causes no rounding errors; squares then do not exceed float32.
    axes : ndarray of float32, shape (d, m), or None
        None keeps all columns.
    explained_variance : float
        The share of the variance of X along the axes; of the rows scaled to length one for the
        metrics `SPHERICAL`.
    """

    metric: str
    mean: NDArray[np.float64]
    scale: float
    axes: NDArray[np.float32] | None
    explained_variance: float = 1.0

    @one_blas_thread
    def apply(self, X: Any, *, alone: bool = False) -> NDArray[np.float32]:
        """Return the reduced features, C-contiguous.

        Parameters
        ----------
        X : array or sparse matrix of numbers, shape (n, d)
        alone : bool
            Multiply each row separately instead of a block. This is slower, but the result of a row
            then does not depend on the other rows (the rounding of BLAS depends on the block).

        Returns
        -------
        ndarray of float32, shape (n, m)

        Raises
        ------
        InputError
            X contains NaN, infinity, or values far outside the fitted range.
        """
        n, d = X.shape
        reduced = np.empty((n, d if self.axes is None else self.axes.shape[1]), dtype=np.float32)
        for start, rows in row_blocks(X, metric=self.metric):
            reduced[start : start + len(rows)] = self.project(rows, alone=alone)
        if not np.isfinite(reduced).all():
            check_finite(X)
            raise InputError(
                "X must be within the range of the fitted features; some values exceed float32. "
                "Scale X in the same way as the fitted features."
            )
        return reduced

    def project(
        self, rows: NDArray[np.floating[Any]], *, alone: bool = False
    ) -> NDArray[np.float32]:
        """Return the reduced features, float32, shape (b, m), of one block of `row_blocks`.

        Parameters
        ----------
        rows : ndarray of float32 or float64, shape (b, d)
        alone : bool
            As in `apply`.
        """
        with np.errstate(over="ignore"):  # `apply` checks the result
            centered = ((rows - self.mean) * self.scale).astype(np.float32)
        if self.axes is None:
            return centered
        if alone:
            return np.asarray(np.matmul(centered[:, None], self.axes)[:, 0])
        return centered @ self.axes


@one_blas_thread
def fit_reduction(
    X: Any,
    *,
    n_components: int | None,
    metric: str,
    generator: np.random.RandomState,
    n_threads: int,
) -> Reduction:
    """Compute the center, scale and principal axes of X.

    Parameters
    ----------
    X : array or sparse matrix of numbers, shape (n, d)
    n_components : int or None
        Number of principal axes if X is wider and the metric is invariant under rotations
        (euclidean, cosine, correlation); None keeps all columns. Sparse X is not centered: its axes
        are singular vectors (truncated SVD).
    metric : str
    generator : RandomState
        Seeds the search for the axes.
    n_threads : int
        The result does not depend on it.

    Returns
    -------
    Reduction

    Raises
    ------
    InputError
        X contains NaN or infinity, or a row of zeros (cosine) or a constant row (correlation).
    """
    d = X.shape[1]
    mean, largest = _survey(X, metric=metric)
    narrow = n_components is None or d <= n_components or metric in ("manhattan", "chebyshev")
    if is_sparse(X) and not narrow:
        return _singular_reduction(X, n_components=n_components, metric=metric, generator=generator)
    reduction = Reduction(metric, mean, power_of_two(largest), None)
    if narrow:
        return reduction
    axes, explained = _principal_axes(
        X, reduction, n_components or d, generator=generator, n_threads=n_threads
    )
    return Reduction(metric, mean, reduction.scale, axes.astype(np.float32), explained)


def row_blocks(X: Any, *, metric: str) -> Iterator[tuple[int, NDArray[np.floating[Any]]]]:
    """Yield the rows of X in dense blocks, scaled to length one for the metrics `SPHERICAL`.

    Parameters
    ----------
    X : array or sparse matrix of numbers, shape (n, d)
    metric : str

    Yields
    ------
    start : int
        Index of the first row of the block.
    rows : ndarray of float32 or float64, shape (b, d)
    """
    step = max(1, _BLOCK_SIZE // max(1, X.shape[1]))
    sparse = is_sparse(X)
    for start in range(0, X.shape[0], step):
        rows = X[start : start + step]
        rows = rows.toarray() if sparse else np.asarray(rows)
        if rows.dtype not in (np.float32, np.float64):
            rows = rows.astype(np.float32 if rows.dtype == np.float16 else np.float64)
        yield start, _on_sphere(rows, metric=metric, start=start) if metric in SPHERICAL else rows
        _let_go(X)


def _let_go(X: Any) -> None:
    """Release the pages of a memory-mapped array, which count as memory of this process.

    Pages of a writable array are kept, because changes in them could be lost.
    """
    while isinstance(X, np.ndarray) and not isinstance(X, np.memmap):
        X = X.base
    if isinstance(X, np.memmap) and X.mode == "r":
        mapped = X.base
        if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def _on_sphere(
    rows: NDArray[np.floating[Any]], *, metric: str, start: int
) -> NDArray[np.floating[Any]]:
    """Return the rows scaled to length one, each minus its own mean for correlation."""
    if metric == "correlation":
        rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    if not (length > 0).all():
        first = start + int(np.argmin(length > 0))
        row = "a constant row" if metric == "correlation" else "a row of zeros"
        raise InputError(
            f"{metric} distance is not defined for {row}; row {first} is such a row. "
            "Leave such rows out, or pass metric='euclidean'."
        )
    return np.asarray(rows / length[:, None])


def check_finite(X: Any) -> None:
    """Raise InputError if X, dense or sparse, contains NaN or infinity."""
    if X.dtype.kind != "f":
        return
    n_bad, first = 0, -1
    if is_sparse(X):
        bad = np.flatnonzero(~np.isfinite(X.data))
        n_bad = len(bad)
        first = int(np.searchsorted(X.indptr, bad[0], side="right")) - 1 if n_bad else -1
    else:
        step = max(1, _BLOCK_SIZE // max(1, X.shape[1]))
        for start in range(0, X.shape[0], step):
            finite = np.isfinite(X[start : start + step])
            if finite.all():
                continue
            if first < 0:
                first = start + int(np.argmin(finite.all(axis=1)))
            n_bad += int(finite.size - np.count_nonzero(finite))
    if n_bad:
        raise InputError(
            f"X must be finite; {n_bad} values are NaN or infinity, the first in row {first}. "
            "Replace these values, or leave out the rows."
        )


def _survey(X: Any, *, metric: str) -> tuple[NDArray[np.float64], float]:
    """Return the mean row and the largest distance of a value from the mean of its column."""
    n, d = X.shape
    mean = np.zeros(d)
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        for _, rows in row_blocks(X, metric=metric):
            mean += rows.sum(axis=0, dtype=np.float64) / n
            np.minimum(low, rows.min(axis=0), out=low)
            np.maximum(high, rows.max(axis=0), out=high)
        largest = float(max((high - mean).max(), (mean - low).max()))
    if not largest < LARGEST:
        check_finite(X)
        raise InputError(
            f"the values of X must differ by less than {LARGEST:g} from the mean of their column, "
            f"so that distances do not exceed float32; X ranges from {low.min():.3g} to "
            f"{high.max():.3g}. Scale the features down."
        )
    return mean, largest


def power_of_two(largest: float) -> float:
    """Return the power of two that scales `largest` to between .5 and 1; 1 for 0."""
    if largest == 0:
        return 1.0
    return float(2.0 ** -np.frexp(largest)[1])


def _principal_axes(
    X: Any,
    reduction: Reduction,
    n_axes: int,
    *,
    generator: np.random.RandomState,
    n_threads: int,
) -> tuple[NDArray[np.float64], float]:
    """Return the leading principal axes, (d, n_axes) or fewer, and their share of the variance.

    With at least as many rows as columns, the axes are eigenvectors of the covariance, which is
    summed over blocks. Otherwise the axes come from the eigenvectors of the smaller matrix of the
    products of rows. Axes without variance are dropped: rounding errors determine their directions.
    The axis of the largest variance is the first.
    """
    n, d = X.shape
    blocks = (rows for _, rows in row_blocks(X, metric=reduction.metric))
    if n >= d:
        covariance = _covariance(blocks, reduction, d, n_threads=n_threads)
        axes = leading_eigenvectors(covariance, n_axes, generator=generator)
        along = float(np.vdot(axes, covariance @ axes))
        return axes, share_of_variance(along, float(np.trace(covariance)))
    # for n < d, the products of rows, (n, n), are smaller than the covariance, (d, d)
    centered = np.concatenate([reduction.project(rows) for rows in blocks]).astype(np.float64)
    of_rows = leading_eigenvectors(centered @ centered.T, n_axes, generator=generator)
    axes, upper = np.linalg.qr(centered.T @ of_rows)  # orthogonal up to rounding errors
    lengths = np.abs(np.diag(upper))
    n_wide = max(1, int((lengths > _LEAST_LENGTH * lengths[0]).sum()))
    axes = np.ascontiguousarray(axes[:, :n_wide])
    along = float(np.square(centered @ axes).sum())
    return axes, share_of_variance(along, float(np.square(centered).sum()))


def share_of_variance(along_axes: float, total: float) -> float:
    """Return the share of the variance along some axes; 1 if all rows are equal."""
    return min(1.0, along_axes / total) if total > 0 else 1.0


def _covariance(
    blocks: Iterator[NDArray[np.floating[Any]]], reduction: Reduction, d: int, *, n_threads: int
) -> NDArray[np.float64]:
    """Return the sum of x x^T over the centered rows of all blocks, in order, shape (d, d)."""

    def product(rows: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        block = reduction.project(rows)
        return block.T @ block

    covariance = np.zeros((d, d))
    with ThreadPoolExecutor(n_threads) as pool:
        pending = deque(pool.submit(product, rows) for rows in islice(blocks, n_threads))
        while pending:
            covariance += pending.popleft().result()
            pending.extend(pool.submit(product, rows) for rows in islice(blocks, 1))
    return covariance


def leading_eigenvectors(
    covariance: NDArray[np.float64], n_axes: int, *, generator: np.random.RandomState
) -> NDArray[np.float64]:
    """Return the eigenvectors of the largest eigenvalues, largest first, shape (d, n_axes)."""
    d = len(covariance)
    if d <= DENSE_EIGEN_WIDTH:
        return np.ascontiguousarray(np.linalg.eigh(covariance)[1][:, ::-1][:, :n_axes])
    return iterate_subspace(lambda Q: covariance @ Q, d, n_axes, generator=generator)


def iterate_subspace(
    covariance: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    d: int,
    n_axes: int,
    *,
    generator: np.random.RandomState,
) -> NDArray[np.float64]:
    """Return leading eigenvectors, shape (d, n_axes), by subspace iteration with spare vectors.

    Halko, Martinsson & Tropp (2011), "Finding structure with randomness", SIAM Review 53:217,
    algorithm 4.4. The iteration stops when the variance of the axes grows by less than one part in
    a million.
    """
    n_tried = min(d, n_axes + _SPARE_AXES)
    Q = np.linalg.qr(generator.normal(size=(d, n_tried)))[0]
    held = 0.0
    for _ in range(_MAX_SUBSPACE_ITERATIONS):
        CQ = covariance(Q)
        variances, rotation = np.linalg.eigh(Q.T @ CQ)
        previous, held = held, float(variances[-n_axes:].sum())
        if held - previous <= 1e-6 * held:
            break
        Q = np.linalg.qr(CQ)[0]
    return np.ascontiguousarray((Q @ rotation)[:, ::-1][:, :n_axes])


def _singular_reduction(
    X: Any, *, n_components: int | None, metric: str, generator: np.random.RandomState
) -> Reduction:
    """Return the reduction of sparse X to its leading right singular vectors."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize
    from sklearn.utils.sparsefuncs import mean_variance_axis

    if metric == "correlation":
        raise InputError(
            f"metric='correlation' centers each row, so sparse X would become dense; got "
            f"{X.shape[1]} columns. Pass metric='cosine', or a dense array."
        )
    if metric == "cosine":
        X = normalize(X)
    d = X.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):  # for equal rows, in an unused ratio
        svd = TruncatedSVD(n_components, random_state=generator).fit(X)
    axes = svd.components_.T
    scale = power_of_two(float(abs(X).max()))
    variances = mean_variance_axis(X, axis=0)[1]
    explained = share_of_variance(float(svd.explained_variance_.sum()), float(variances.sum()))
    return Reduction(
        metric, np.zeros(d), scale, np.ascontiguousarray(axes, dtype=np.float32), explained
    )
