"""Reference implementation in NumPy and float64, O(n^2); the tests compare faster code with it.

Notation of van der Maaten & Hinton (2008), "Visualizing Data using t-SNE", JMLR 9:

    p_j|i = exp(-beta_i d_ij^2) / sum_k exp(-beta_i d_ik^2)       (eq. 1, beta = 1 / 2 sigma^2)
    P = (p_j|i + p_i|j) / 2n
    w_ij = 1 / (1 + |y_i - y_j|^2),  Z = sum_{i != j} w_ij,  q_ij = w_ij / Z      (eq. 4)
    KL = sum_ij p_ij log(p_ij / q_ij)
    dKL/dy_i = 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)             (eq. 5)
             = 4 (A_i - F_i / Z)
        with A_i = sum_j p_ij w_ij (y_i - y_j)  and  F_i = sum_j w_ij^2 (y_i - y_j)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

# The largest change of a coordinate in one step; the kernel is 1 / (1 + distance^2). The curvature
# at a point is in proportion to the sum of its row of P. At the learning rates of
# descent/schedule.py, steps without a limit throw points with a large sum, the near neighbors of
# many others, far outside the map (docs/schedule.md).
LARGEST_STEP = 5.0

# Of a point whose row of n P has a larger sum, the gradient is multiplied by this number / the sum.
# The mean of the sums is 1.
LARGEST_MASS = 2.0

_ROWS_AT_ONCE = 256


class Forces(NamedTuple):
    """The two forces on each point, and the normalization Z.

    `attraction` (A) and `repulsion` (F) have the shape of the embedding; the gradient of the KL
    divergence is ``4 * (attraction - repulsion / z)``.
    """

    attraction: NDArray[np.float64]
    repulsion: NDArray[np.float64]
    z: float


def conditional_probabilities(
    squared_distances: NDArray[np.float64], perplexity: float
) -> NDArray[np.float64]:
    """Return p_j|i for each row of squared distances, by bisection on its precision beta.

    Parameters
    ----------
    squared_distances : ndarray, shape (n, k)
        To the k candidates of each point, without the point itself.
    perplexity : float
        A row that cannot reach the perplexity (k equal distances) is uniform.

    Returns
    -------
    ndarray, shape (n, k), each row summing to 1
    """
    D = squared_distances - squared_distances.min(axis=1, keepdims=True)
    beta = np.ones((len(D), 1))
    low, high = np.zeros_like(beta), np.full_like(beta, np.inf)
    for _ in range(200):
        P = np.exp(-beta * D)
        total = P.sum(axis=1, keepdims=True)
        entropy = np.log(total) + beta * (P * D).sum(axis=1, keepdims=True) / total
        too_wide = entropy > np.log(perplexity)
        low, high = np.where(too_wide, beta, low), np.where(too_wide, high, beta)
        beta = np.where(np.isinf(high), np.minimum(2 * beta, 1e300), (low + high) / 2)
    P = np.exp(-beta * D)
    return np.asarray(P / P.sum(axis=1, keepdims=True))


def joint_probabilities(X: NDArray[np.float64], perplexity: float) -> NDArray[np.float64]:
    """Return P, shape (n, n): symmetric, diagonal 0, sum 1; from points X, shape (n, d)."""
    n = len(X)
    D = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    others = ~np.eye(n, dtype=bool)
    P = np.zeros((n, n))
    P[others] = conditional_probabilities(D[others].reshape(n, n - 1), perplexity).ravel()
    return (P + P.T) / (2 * n)


def forces(P: NDArray[np.float64], Y: NDArray[np.floating[Any]]) -> Forces:
    """Return both forces and Z for P, shape (n, n), at the embedding Y, shape (n, c)."""
    difference = Y[:, None].astype(np.float64) - Y[None].astype(np.float64)
    W = 1 / (1 + (difference**2).sum(axis=2))
    np.fill_diagonal(W, 0)
    return Forces(
        attraction=((P * W)[..., None] * difference).sum(axis=1),
        repulsion=((W**2)[..., None] * difference).sum(axis=1),
        z=float(W.sum()),
    )


def kl_divergence(P: NDArray[np.float64], Y: NDArray[np.floating[Any]]) -> float:
    """Return KL(P || Q) in nats for P, shape (n, n), at the embedding Y, shape (n, c)."""
    D = ((Y[:, None].astype(np.float64) - Y[None].astype(np.float64)) ** 2).sum(axis=2)
    W = 1 / (1 + D)
    np.fill_diagonal(W, 0)
    linked = P > 0
    return float((P[linked] * np.log(P[linked] * W.sum() / W[linked])).sum())


def normalization(Y: NDArray[np.floating[Any]]) -> float:
    """Return Z of the embedding Y, shape (n, c), in blocks of rows.

    The sum leaves out the points themselves rather than subtract n, so that Z is as exact for
    distant points, whose kernels are far below 1.
    """
    Y = Y.astype(np.float64)
    total = 0.0
    for start in range(0, len(Y), _ROWS_AT_ONCE):
        block = Y[start : start + _ROWS_AT_ONCE]
        squared = np.ones((len(block), len(Y)))
        for along, of_block in zip(Y.T, block.T, strict=True):
            difference = of_block[:, None] - along
            squared += np.multiply(difference, difference, out=difference)
        own = np.arange(len(block))
        squared[own, start + own] = np.inf
        total += float(np.divide(1, squared, out=squared).sum())
    return total


def sparse_kl_divergence(P: csr_array, Y: NDArray[np.floating[Any]], *, z: float) -> float:
    """Return KL(P || Q) in nats for a sparse P, shape (n, n), at the embedding Y, shape (n, c)."""
    Y = Y.astype(np.float64)
    total, log_z = 0.0, math.log(z)
    for start in range(0, len(Y), _ROWS_AT_ONCE):
        entries = P[start : start + _ROWS_AT_ONCE].tocoo()
        linked = entries.data > 0
        p = entries.data[linked].astype(np.float64)
        difference = Y[start + entries.row[linked]] - Y[entries.col[linked]]
        log_w = -np.log1p((difference**2).sum(axis=1))
        total += float((p * (np.log(p) + log_z - log_w)).sum())
    return total


class ExactGradient:
    """The reference implementation of `Gradient`: a dense P, NumPy, float64.

    Parameters
    ----------
    P : ndarray, shape (n, n)
        Joint probabilities.
    Y : ndarray, shape (n, c)
        Initial positions.

    Attributes
    ----------
    n_iter : int
        Number of steps so far.
    """

    def __init__(self, P: NDArray[np.float64], Y: NDArray[np.floating[Any]]) -> None:
        self.P = P
        mass = len(P) * P.sum(axis=1, keepdims=True)
        self.damping = LARGEST_MASS / np.maximum(mass, LARGEST_MASS)
        self.Y = Y.astype(np.float64)
        self.n_iter = 0
        self.restart()

    def restart(self) -> None:
        """Set the velocity to zero and the gains to one."""
        self.velocity = np.zeros_like(self.Y)
        self.gains = np.ones_like(self.Y)

    def advance(
        self, n_iter: int, *, exaggeration: float, momentum: float, learning_rate: float
    ) -> None:
        """Take `n_iter` steps of gradient descent with momentum and gains (Jacobs 1988)."""
        for _ in range(n_iter):
            A, F, Z = forces(self.P, self.Y)
            gradient = 4 * (exaggeration * A - F / Z) * self.damping
            onward = (gradient > 0) != (self.velocity > 0)
            self.gains = np.maximum(np.where(onward, self.gains + 0.2, self.gains * 0.8), 0.01)
            velocity = momentum * self.velocity - learning_rate * self.gains * gradient
            self.velocity = np.clip(velocity, -LARGEST_STEP, LARGEST_STEP)
            self.Y += self.velocity
            self.Y -= self.Y.mean(axis=0)
            self.n_iter += 1

    def embedding(self) -> NDArray[np.float32]:
        """Return the positions, shape (n, c), float32."""
        return self.Y.astype(np.float32)

    def kl_divergence(self) -> float:
        """Return KL(P || Q) at the current positions, in nats."""
        return kl_divergence(self.P, self.Y)
