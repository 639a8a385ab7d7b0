"""New points on a finished map: each is placed on its own, and the map stays as it is.

A new item i has conditional probabilities p_j|i over its nearest fitted items j. Its place y
minimizes the KL divergence of its own row,

    L(y) = -sum_j p_j|i log w_j + log Phi(y),   w_j = 1 / (1 + |y - y_j|^2),   Phi = sum_j w_j,

in which the normalization Phi runs over the fitted points only, so that no place depends on which
other points come in the same call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ITERATIONS = 40
# Points have settled where a step is shorter than this, in the map's units.
_SETTLED = 1e-3
_POINTS_AT_ONCE = 4096
EXACT_FIELD_BELOW = 2_000


class PotentialField(Protocol):
    """Phi of a finished map and its gradient, at any points."""

    def evaluate(
        self, points: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return Phi, shape (m,), and its gradient, shape (m, c), at points, shape (m, c)."""
        ...


class ExactField:
    """Phi summed over every point of the map, in float64.

    Parameters
    ----------
    Y : ndarray, shape (n, c)
    """

    def __init__(self, Y: NDArray[np.float32]) -> None:
        self._Y = Y.astype(np.float64)

    def evaluate(
        self, points: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return Phi, shape (m,), and its gradient, shape (m, c)."""
        difference = points[:, None].astype(np.float64) - self._Y[None]
        W = 1 / (1 + (difference**2).sum(axis=2))
        gradient = -2 * ((W**2)[..., None] * difference).sum(axis=1)
        return W.sum(axis=1).astype(np.float32), gradient.astype(np.float32)


def make_field(Y: NDArray[np.float32], *, n_threads: int) -> PotentialField:
    """Return Phi of the map Y: summed over all its points where they are few, else by a grid."""
    if len(Y) < EXACT_FIELD_BELOW:
        return ExactField(Y)
    from meshtsne.forces.grid import Field

    return Field(Y, n_jobs=n_threads)


def place(
    indices: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    Y: NDArray[np.float32],
    *,
    field: PotentialField,
) -> NDArray[np.float32]:
    """Return the place of each new point on the map Y.

    Parameters
    ----------
    indices : ndarray of int32, shape (m, k)
        Fitted neighbours of each new point; below 0 is none.
    probabilities : ndarray of float32, shape (m, k)
        p_j|i, 0 where there is no neighbour.
    Y : ndarray of float32, shape (n, c)
    field : PotentialField
        Of Y.

    Returns
    -------
    ndarray of float32, shape (m, c)
    """
    places = np.empty((len(indices), Y.shape[1]), dtype=np.float32)
    for start in range(0, len(indices), _POINTS_AT_ONCE):
        rows = slice(start, start + _POINTS_AT_ONCE)
        near = Y[np.maximum(indices[rows], 0)]  # (b, k, c)
        places[rows] = _settle(near, probabilities[rows], field)
    return places


def weighted_median(
    values: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the lower weighted median on each axis: values (m, k, c), weights (m, k) -> (m, c)."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(weights[..., None], order, axis=1).cumsum(axis=1)
    middle = (ordered >= ordered[:, -1:] / 2).argmax(axis=1)[:, None]
    return np.take_along_axis(np.take_along_axis(values, order, axis=1), middle, axis=1)[:, 0]


def _settle(
    near: NDArray[np.float32], p: NDArray[np.float32], field: PotentialField
) -> NDArray[np.float32]:
    """Descend L from the weighted median of the neighbours, each point with its own step.

    The step is the gradient over the attraction's weight sum_j p_j|i w_j, which alone would be a
    mean shift; where it does not lower L it is halved, so L never grows.
    """
    y = weighted_median(near, p)
    step = np.ones(len(y), dtype=np.float32)
    loss, direction = _slope(y, near, p, field)
    moving = np.arange(len(y))
    for _ in range(_ITERATIONS):
        tried = y[moving] + step[moving, None] * direction[moving]
        tried_loss, tried_direction = _slope(tried, near[moving], p[moving], field)
        better = tried_loss < loss[moving]
        won = moving[better]
        y[won], loss[won], direction[won] = (
            tried[better],
            tried_loss[better],
            tried_direction[better],
        )
        step[moving[~better]] /= 2
        step[won] = np.minimum(step[won] * np.float32(1.2), 1)
        length = step[moving] * np.sqrt((direction[moving] ** 2).sum(axis=1))
        moving = moving[length > _SETTLED]
        if not len(moving):
            break
    return y


def _slope(
    y: NDArray[np.float32],
    near: NDArray[np.float32],
    p: NDArray[np.float32],
    field: PotentialField,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return L, shape (b,), and the full step downhill, shape (b, c)."""
    difference = y[:, None] - near  # (b, k, c)
    log_w = -np.log1p((difference**2).sum(axis=2))
    attraction = p * np.exp(log_w)  # (b, k)
    phi, phi_gradient = field.evaluate(y)
    half_gradient = (attraction[..., None] * difference).sum(axis=1) + phi_gradient / (
        2 * phi[:, None]
    )
    loss = np.log(phi) - (p * log_w).sum(axis=1)
    return loss, -half_gradient / attraction.sum(axis=1)[:, None]
