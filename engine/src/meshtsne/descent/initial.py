"""Compute the initial positions, float32, shape (n, c).

Every initialization except an array of the caller is scaled so that its first axis has a standard
deviation of 1e-4: from small positions, early exaggeration orders the clusters before they separate
(Kobak & Berens 2019, "The art of using t-SNE for single-cell transcriptomics", Nature
Communications 10:5416).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne.blas import one_blas_thread
from meshtsne.checks import as_numpy, check_choice
from meshtsne.errors import InputError
from meshtsne.reduction import leading_eigenvectors

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

START_SD = 1e-4
START_NAMES = ("pca", "random", "spectral")

# Below this number of points, computing all eigenvectors is faster than iterating for a few.
_DENSE_LAPLACIAN = 200
_SPARE_VECTORS = 4
_SPECTRAL_ITERATIONS = 200

# Rows that are centered in float64 at a time: a copy of all rows takes twice the memory of the
# features.
_BLOCK_ROWS = 1 << 16


def first_positions(
    init: Any,
    shape: tuple[int, int],
    *,
    pca: Callable[[], NDArray[np.float32]] | None,
    join: Callable[[], csr_array],
    generator: np.random.RandomState,
) -> NDArray[np.float32]:
    """Return the initial positions for `init`, as in `TSNE`.

    Parameters
    ----------
    init : {"pca", "random", "spectral"} or array of shape (n, c)
    shape : tuple of int
        (n, c).
    pca : callable or None
        Returns the positions for "pca"; None if there are no features.
    join : callable
        Returns P, shape (n, n); called for "spectral".
    generator : RandomState

    Returns
    -------
    ndarray of float32, shape (n, c)

    Raises
    ------
    InputError
        `init` is an unknown name or an invalid array, or there are no features for "pca".
    """
    if not isinstance(init, str):
        return array_start(init, shape=shape)
    check_choice("init", init, START_NAMES, otherwise=" or an array of positions")
    if init == "random":
        return random_start(*shape, generator=generator)
    if init == "spectral":
        return spectral_start(join(), shape[1], generator=generator)
    if pca is None:
        raise InputError("init='pca' needs features; there are none. Pass init='spectral'.")
    return pca()


def random_start(
    n_points: int, n_components: int, *, generator: np.random.RandomState
) -> NDArray[np.float32]:
    """Return normal positions with standard deviation 1e-4, float32, shape (n, c)."""
    return generator.normal(scale=START_SD, size=(n_points, n_components)).astype(np.float32)


@one_blas_thread
def pca_start(
    X: NDArray[np.float32], n_components: int, *, generator: np.random.RandomState
) -> NDArray[np.float32]:
    """Return the leading principal components of X; the largest loading of each is positive.

    Parameters
    ----------
    X : ndarray of float32, shape (n, d)
    n_components : int
        If X varies in fewer directions, the other axes are random.
    generator : RandomState
        Draws the axes without variance.

    Returns
    -------
    ndarray of float32, shape (n, c)
    """
    mean = X.mean(axis=0, dtype=np.float64)
    d = X.shape[1]
    blocks = [slice(start, start + _BLOCK_ROWS) for start in range(0, len(X), _BLOCK_ROWS)]
    covariance = np.zeros((d, d))
    for block in blocks:
        centered = X[block] - mean
        covariance += centered.T @ centered
    axes = signed_axes(covariance, n_components, generator=generator)
    positions = np.empty((len(X), axes.shape[1]))
    for block in blocks:
        positions[block] = (X[block] - mean) @ axes
    return scaled_start(positions, n_components, generator=generator)


def signed_axes(
    covariance: NDArray[np.float64], n_axes: int, *, generator: np.random.RandomState
) -> NDArray[np.float64]:
    """Return the leading principal axes, shape (d, n_axes); each largest loading is positive."""
    axes = leading_eigenvectors(covariance, n_axes, generator=generator)
    largest = np.abs(axes).argmax(axis=0)
    return np.asarray(axes * np.sign(axes[largest, np.arange(axes.shape[1])]))


def spectral_start(
    P: csr_array, n_components: int, *, generator: np.random.RandomState
) -> NDArray[np.float32]:
    """Return the smoothest eigenvectors of the normalized Laplacian of P.

    Belkin & Niyogi (2003), "Laplacian eigenmaps for dimensionality reduction and data
    representation", Neural Computation 15:1373. Separate components of the graph get different
    positions.

    Parameters
    ----------
    P : csr_array, shape (n, n)
        Joint probabilities.
    n_components : int
    generator : RandomState
        Seeds the search for eigenvectors, and adds noise of 1 % of their standard deviation, so
        that points with equal rows in P can separate.

    Returns
    -------
    ndarray of float32, shape (n, c)
    """
    from scipy.sparse import diags_array, linalg  # noqa: F401 - loads the BLAS of SciPy for `_smoothest`

    n = P.shape[0]
    degree = np.asarray(P.sum(axis=1), dtype=np.float64).ravel()
    root = 1 / np.sqrt(np.where(degree > 0, degree, 1))
    # The eigenvectors of the largest eigenvalues of D^-1/2 P D^-1/2 are those of the smallest of
    # the Laplacian. The identity is added so that no eigenvalue is negative.
    smooth = diags_array(root) @ P.astype(np.float64) @ diags_array(root) + diags_array(np.ones(n))
    vectors = _smoothest(smooth, np.sqrt(degree), n_components + 1, generator=generator)
    positions = vectors[:, 1:] * root[:, None]  # the first is constant up to the degrees
    largest = np.abs(positions).argmax(axis=0)
    positions = positions * np.sign(positions[largest, np.arange(positions.shape[1])])
    positions = positions / np.maximum(positions.std(axis=0), np.finfo(np.float64).tiny)
    positions += generator.normal(scale=0.01, size=positions.shape)
    return scaled_start(positions, n_components, generator=generator)


@one_blas_thread  # limits the loaded libraries only
def _smoothest(
    smooth: Any, first: NDArray[np.float64], n_vectors: int, *, generator: np.random.RandomState
) -> NDArray[np.float64]:
    """Return eigenvectors of the largest eigenvalues, shape (n, n_vectors).

    The eigenvector of the largest eigenvalue is `first`, up to its length.

    A graph of several components has equal eigenvalues, which need a block method: a Lanczos method
    misses them or does not converge. Initial positions need little accuracy, so only the warnings
    that the method has not converged are ignored.
    """
    import warnings

    from scipy.sparse.linalg import lobpcg

    if len(first) <= max(_DENSE_LAPLACIAN, 4 * n_vectors):
        return np.asarray(np.linalg.eigh(smooth.toarray())[1][:, ::-1][:, :n_vectors])
    block = generator.normal(size=(len(first), n_vectors + _SPARE_VECTORS))
    block[:, 0] = first
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", r"(?s).*not reaching the requested tolerance", UserWarning
        )
        vectors = lobpcg(smooth, block, tol=1e-5, maxiter=_SPECTRAL_ITERATIONS)[1]
    return np.asarray(vectors[:, :n_vectors])


def array_start(Y: Any, *, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the positions of the caller as a copy, not scaled.

    Parameters
    ----------
    Y : array-like of numbers, shape (n, c)
    shape : tuple of int
        (n, c), which the shape of Y must be.

    Returns
    -------
    ndarray of float32, shape (n, c)

    Raises
    ------
    InputError
        The shape is wrong, or a position is not finite.
    """
    Y = as_numpy("init", Y)
    try:
        positions = np.array(Y, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"init must be an array of numbers: {error}. Pass one row per item, or init='pca'."
        ) from error
    if positions.shape != shape:
        raise InputError(
            f"init must have the shape (n_samples, n_components) = {shape}; "
            f"got {positions.shape}. Pass one row per item, or init='pca'."
        )
    if not np.isfinite(positions).all():
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        raise InputError(
            f"init must be finite; {len(bad)} rows contain NaN or infinity, the first is row "
            f"{bad[0]}. Replace these values."
        )
    if len(positions) > 1 and (positions == positions[0]).all():
        raise InputError(
            "init must have items at different positions, because equal positions never separate; "
            "all positions are equal. Add noise, or pass init='random'."
        )
    return positions


def scaled_start(
    positions: NDArray[np.float64], n_components: int, *, generator: np.random.RandomState
) -> NDArray[np.float32]:
    """Scale all axes so that the largest standard deviation is 1e-4.

    Parameters
    ----------
    positions : ndarray of float64, shape (n, at most c)
        Missing axes, and axes without extent, are drawn at random.
    n_components : int
    generator : RandomState

    Returns
    -------
    ndarray of float32, shape (n, c)
    """
    n = len(positions)
    missing = n_components - positions.shape[1]
    positions = np.hstack([positions, np.zeros((n, max(missing, 0)))])
    positions = positions - positions.mean(axis=0)
    sd = positions.std(axis=0)
    # 1e-7 of the widest axis is a rounding error of float32 features.
    flat = sd <= max(1e-7 * sd.max(), np.finfo(np.float64).tiny)
    positions[:, ~flat] *= START_SD / sd.max() if not flat.all() else 1
    positions[:, flat] = generator.normal(scale=START_SD, size=(n, int(flat.sum())))
    return positions.astype(np.float32)
