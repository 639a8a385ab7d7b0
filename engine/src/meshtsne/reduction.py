"""What happens to features before the search: checked, centred, and reduced to a few dimensions.

The input is read in blocks of rows, so a memory-mapped array never has to fit in memory; only the
reduced features, float32, are held.
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
from meshtsne.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

# Numbers in one block of rows: 16 MB of float32.
_BLOCK_SIZE = 1 << 22

# Up to this width all eigenvectors of the covariance are found; above, the leading ones are
# iterated for.
DENSE_EIGEN_WIDTH = 256
_SPARE_AXES = 10
_LEAST_LENGTH = 1e-6  # of an axis, against the longest: below are float32's roundings
_MAX_SUBSPACE_ITERATIONS = 60

# Distances between features up to this size stay within float32.
LARGEST = 1e37

# Distances on the sphere are Euclidean after this: rows of length one.
SPHERICAL = ("cosine", "correlation")


@dataclass(frozen=True, eq=False)
class Reduction:
    """How a row of features becomes a row of the search: ``((x - mean) * scale) @ axes``.

    Attributes
    ----------
    metric : str
        For "cosine" and "correlation" each row is brought to length one first.
    mean : ndarray of float64, shape (d,)
    scale : float
        A power of two, so that it loses nothing; keeps squares within float32's range.
    axes : ndarray of float32, shape (d, m), or None
        None keeps all dimensions.
    """

    metric: str
    mean: NDArray[np.float64]
    scale: float
    axes: NDArray[np.float32] | None

    @one_blas_thread
    def apply(self, X: Any, *, alone: bool = False) -> NDArray[np.float32]:
        """Return the reduced features, C-contiguous.

        Parameters
        ----------
        X : array or sparse matrix of numbers, shape (n, d)
        alone : bool
            One product a row instead of one a block: slower, but a row's bits do not depend on
            which other rows come with it (BLAS rounds by a row's place in the block).

        Returns
        -------
        ndarray of float32, shape (n, m)

        Raises
        ------
        InputError
            X holds NaN, infinity, or values far outside of the fitted range.
        """
        n, d = X.shape
        reduced = np.empty((n, d if self.axes is None else self.axes.shape[1]), dtype=np.float32)
        for start, rows in row_blocks(X, metric=self.metric):
            reduced[start : start + len(rows)] = self.project(rows, alone=alone)
        if not np.isfinite(reduced).all():
            check_finite(X)
            raise InputError(
                "X must be within the range of the fitted features; some values are larger than "
                "float32 holds. Scale them as the fitted ones."
            )
        return reduced

    def project(
        self, rows: NDArray[np.floating[Any]], *, alone: bool = False
    ) -> NDArray[np.float32]:
        """Return the reduced features of one block as `row_blocks` gives it; see `apply`."""
        with np.errstate(over="ignore"):  # looked for by `apply`
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
    """Learn centre, scale and principal axes of X.

    Parameters
    ----------
    X : array or sparse matrix of numbers, shape (n, d)
    n_components : int or None
        Principal axes to keep where X is wider, in the metrics that a rotation leaves alone
        (euclidean, cosine, correlation); None keeps all dimensions. Sparse X is not centred then:
        its singular vectors are used (truncated SVD).
    metric : str
    generator : RandomState
        Starts the search for axes.
    n_threads : int
        The result does not depend on it.

    Returns
    -------
    Reduction

    Raises
    ------
    InputError
        X holds NaN or infinity, or a row without direction in a spherical metric.
    """
    from scipy.sparse import issparse

    d = X.shape[1]
    mean, largest = _survey(X, metric=metric)
    narrow = n_components is None or d <= n_components or metric in ("manhattan", "chebyshev")
    if issparse(X) and not narrow:
        return _singular_reduction(X, n_components=n_components, metric=metric, generator=generator)
    reduction = Reduction(metric, mean, power_of_two(largest), None)
    if narrow:
        return reduction
    axes = _principal_axes(
        X, reduction, n_components or d, generator=generator, n_threads=n_threads
    )
    return Reduction(metric, mean, reduction.scale, axes.astype(np.float32))


def row_blocks(X: Any, *, metric: str) -> Iterator[tuple[int, NDArray[np.floating[Any]]]]:
    """Yield (first row, block) with dense floating rows, of length one in a spherical metric."""
    from scipy.sparse import issparse

    step = max(1, _BLOCK_SIZE // max(1, X.shape[1]))
    sparse = issparse(X)
    for start in range(0, X.shape[0], step):
        rows = X[start : start + step]
        rows = rows.toarray() if sparse else np.asarray(rows)
        if rows.dtype not in (np.float32, np.float64):
            rows = rows.astype(np.float32 if rows.dtype == np.float16 else np.float64)
        yield start, _on_sphere(rows, metric=metric, start=start) if metric in SPHERICAL else rows
        _let_go(X)


def _let_go(X: Any) -> None:
    """Give back the pages of a memory-mapped array that were read, which count as our memory.

    Only of one that is mapped for reading: what was written into others could be lost.
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
    """Return the rows at length one, centred each on its own mean first for correlation."""
    if metric == "correlation":
        rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    if not (length > 0).all():
        first = start + int(np.argmin(length > 0))
        kind = "a constant row" if metric == "correlation" else "a row of zeros"
        raise InputError(
            f"{metric} distance is not defined for {kind}; row {first} is one. "
            "Leave such rows out, or choose metric='euclidean'."
        )
    return np.asarray(rows / length[:, None])


def check_finite(X: Any) -> None:
    """Raise InputError where X, dense or sparse, holds NaN or infinity: how many, and where."""
    from scipy.sparse import issparse

    if X.dtype.kind != "f":
        return
    n_bad, first = 0, -1
    if issparse(X):
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
            "Replace them or leave those rows out."
        )


def _survey(X: Any, *, metric: str) -> tuple[NDArray[np.float64], float]:
    """Return the mean row and the largest distance of a value from its column's mean."""
    n, d = X.shape
    mean = np.zeros(d)
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):  # looked for below
        for _, rows in row_blocks(X, metric=metric):
            mean += rows.sum(axis=0, dtype=np.float64) / n
            np.minimum(low, rows.min(axis=0), out=low)
            np.maximum(high, rows.max(axis=0), out=high)
        largest = float(max((high - mean).max(), (mean - low).max()))
    if not largest < LARGEST:
        check_finite(X)
        raise InputError(
            f"X must be within float32's range; its values run from {low.min():.3g} to "
            f"{high.max():.3g}. Scale the features down."
        )
    return mean, largest


def power_of_two(largest: float) -> float:
    """Return the power of two that brings `largest` to between .5 and 1; 1 for 0."""
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
) -> NDArray[np.float64]:
    """Return the leading principal axes, shape (d, n_axes) or fewer, widest first.

    Where there are more rows than columns the covariance is summed block by block; else the
    rows' products with one another are fewer, and their eigenvectors tell the axes: as many as have
    any variance, for the direction of the others is rounding's.
    """
    n, d = X.shape
    blocks = (rows for _, rows in row_blocks(X, metric=reduction.metric))
    if n >= d:
        covariance = _covariance(blocks, reduction, d, n_threads=n_threads)
        return leading_eigenvectors(covariance, n_axes, generator=generator)
    # n < d: no larger than (d, d)
    centered = np.concatenate([reduction.project(rows) for rows in blocks]).astype(np.float64)
    of_rows = leading_eigenvectors(centered @ centered.T, n_axes, generator=generator)
    axes, upper = np.linalg.qr(centered.T @ of_rows)  # orthogonal already, but for rounding
    lengths = np.abs(np.diag(upper))
    n_wide = max(1, int((lengths > _LEAST_LENGTH * lengths[0]).sum()))
    return np.ascontiguousarray(axes[:, :n_wide])


def _covariance(
    blocks: Iterator[NDArray[np.floating[Any]]], reduction: Reduction, d: int, *, n_threads: int
) -> NDArray[np.float64]:
    """Return sum of x x^T over the centred rows of all blocks, shape (d, d), in their order."""

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
    """Return leading eigenvectors, shape (d, n_axes), by subspace iteration with a few to spare.

    Halko, Martinsson & Tropp (2011), "Finding structure with randomness", SIAM Review 53:217,
    algorithm 4.4; it ends when the variance that the axes hold grows by less than one part in
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
    """Reduce sparse X to its leading right singular vectors without making it dense."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    if metric == "correlation":
        raise InputError(
            f"metric='correlation' centers each row, which makes sparse X dense; got {X.shape[1]} "
            "columns. Pass metric='cosine', or a dense array."
        )
    if metric == "cosine":
        X = normalize(X)
    d = X.shape[1]
    svd = TruncatedSVD(n_components, random_state=generator).fit(X)
    axes = svd.components_.T
    scale = power_of_two(float(abs(X).max()))
    return Reduction(metric, np.zeros(d), scale, np.ascontiguousarray(axes, dtype=np.float32))
