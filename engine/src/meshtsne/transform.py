"""Place new points on a finished embedding, each independently of the others.

A new item i has conditional probabilities p_j|i over its nearest fitted items j. Its position y
minimizes the KL divergence of its own row,

    L(y) = -sum_j p_j|i log w_j + log Phi(y),   w_j = 1 / (1 + |y - y_j|^2),   Phi = sum_j w_j.

The normalization Phi sums over the fitted points only, so that a position does not depend on the
other points of the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_ITERATIONS = 40
# A point stops when its step is shorter than this, in units of the embedding.
_SHORTEST_STEP = 1e-3
_POINTS_AT_ONCE = 4096
EXACT_POTENTIAL_BELOW = 2_000


class Potential(Protocol):
    """Phi of a finished embedding and its gradient, at any positions."""

    def evaluate(
        self, positions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return Phi, shape (m,), and its gradient, shape (m, c), at positions (m, c)."""
        ...


class ExactPotential:
    """Phi as the sum over all points of the embedding, in float64.

    Parameters
    ----------
    Y : ndarray, shape (n, c)
    """

    def __init__(self, Y: NDArray[np.float32]) -> None:
        self._Y = Y.astype(np.float64)

    def evaluate(
        self, positions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return Phi, shape (m,), and its gradient, shape (m, c), at positions (m, c)."""
        difference = positions[:, None].astype(np.float64) - self._Y[None]
        W = 1 / (1 + (difference**2).sum(axis=2))
        gradient = -2 * ((W**2)[..., None] * difference).sum(axis=1)
        return W.sum(axis=1).astype(np.float32), gradient.astype(np.float32)


def make_potential(Y: NDArray[np.float32], *, n_threads: int) -> Potential:
    """Return Phi of the embedding Y, shape (n, c): the exact sum for few points, else a grid."""
    if len(Y) < EXACT_POTENTIAL_BELOW:
        return ExactPotential(Y)
    from meshtsne.forces.grid import GridPotential

    return GridPotential(Y, n_jobs=n_threads)


def place(
    indices: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    Y: NDArray[np.float32],
    *,
    potential: Potential,
) -> NDArray[np.float32]:
    """Return the position of each new point on the embedding Y.

    Parameters
    ----------
    indices : ndarray of int32, shape (m, k)
        Fitted neighbors of each new point; -1 is a missing neighbor.
    probabilities : ndarray of float32, shape (m, k)
        p_j|i, 0 for a missing neighbor.
    Y : ndarray of float32, shape (n, c)
    potential : Potential
        Phi of Y.

    Returns
    -------
    ndarray of float32, shape (m, c)
    """
    positions = np.empty((len(indices), Y.shape[1]), dtype=np.float32)
    for start in range(0, len(indices), _POINTS_AT_ONCE):
        rows = slice(start, start + _POINTS_AT_ONCE)
        near = Y[np.maximum(indices[rows], 0)]  # (b, k, c)
        positions[rows] = _minimize(near, probabilities[rows], potential)
    return positions


def weighted_median(
    values: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the lower weighted median on each axis: values (m, k, c), weights (m, k) -> (m, c)."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(weights[..., None], order, axis=1).cumsum(axis=1)
    middle = (ordered >= ordered[:, -1:] / 2).argmax(axis=1)[:, None]
    return np.take_along_axis(np.take_along_axis(values, order, axis=1), middle, axis=1)[:, 0]


def _minimize(
    near: NDArray[np.float32], p: NDArray[np.float32], potential: Potential
) -> NDArray[np.float32]:
    """Minimize L from the weighted median of the neighbors, with a step size for each point.

    The full step is the gradient divided by the weight of the attraction, sum_j p_j|i w_j; without
    repulsion this step is a mean shift. A step that does not decrease L is rejected and halved.

    Parameters
    ----------
    near : ndarray, shape (b, k, c)
        Positions of the neighbors.
    p : ndarray, shape (b, k)
    potential : Potential

    Returns
    -------
    ndarray, shape (b, c)
    """
    y = weighted_median(near, p)
    step = np.ones(len(y), dtype=np.float32)
    loss, direction = _slope(y, near, p, potential)
    moving = np.arange(len(y))
    for _ in range(_MAX_ITERATIONS):
        tried = y[moving] + step[moving, None] * direction[moving]
        tried_loss, tried_direction = _slope(tried, near[moving], p[moving], potential)
        better = tried_loss < loss[moving]
        accepted = moving[better]
        y[accepted], loss[accepted], direction[accepted] = (
            tried[better],
            tried_loss[better],
            tried_direction[better],
        )
        step[moving[~better]] /= 2
        step[accepted] = np.minimum(step[accepted] * np.float32(1.2), 1)
        length = step[moving] * np.sqrt((direction[moving] ** 2).sum(axis=1))
        moving = moving[length > _SHORTEST_STEP]
        if not len(moving):
            break
    return y


def _slope(
    y: NDArray[np.float32],
    near: NDArray[np.float32],
    p: NDArray[np.float32],
    potential: Potential,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return L, shape (b,), and the full step that decreases L, shape (b, c)."""
    difference = y[:, None] - near  # (b, k, c)
    # einsum is several times faster than a sum over an axis of two or three values
    log_w = -np.log1p(np.einsum("bkc,bkc->bk", difference, difference))
    attraction = p * np.exp(log_w)  # (b, k)
    phi, phi_gradient = potential.evaluate(y)
    half_gradient = np.einsum("bk,bkc->bc", attraction, difference)
    half_gradient += phi_gradient / (2 * phi[:, None])
    loss = np.log(phi) - np.einsum("bk,bk->b", p, log_w)
    return loss, -half_gradient / attraction.sum(axis=1)[:, None]
