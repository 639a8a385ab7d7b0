"""Other optimizers for the phase after the exaggeration, in NumPy, for schedules.py.

Each function takes the problem, the positions after the exaggeration, and a number of gradient
evaluations, and returns the new positions. The engine's own steps are in engine/native.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg

from meshtsne.forces.choice import choose_gradient

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[np.float64]


class Objective:
    """KL(P || Q) and its gradient for P, shape (n, n).

    Attributes
    ----------
    n_evaluations : int
        Number of evaluations of the gradient so far.
    """

    def __init__(self, P: csr_array, *, n_threads: int) -> None:
        self.P = P
        self.n_threads = n_threads
        self.n_evaluations = 0

    def gradient(self, Y: Positions) -> Positions:
        """Return the gradient of the KL divergence at Y, shape (n, c)."""
        return self._evaluate(Y, with_kl=False)[1]

    def kl_and_gradient(self, Y: Positions) -> tuple[float, Positions]:
        """Return the KL divergence and its gradient at Y, shape (n, c)."""
        return self._evaluate(Y, with_kl=True)

    def _evaluate(self, Y: Positions, *, with_kl: bool) -> tuple[float, Positions]:
        self.n_evaluations += 1
        points: Any = choose_gradient(
            self.P, Y.astype(np.float32), method="auto", n_threads=self.n_threads
        )
        A, F, z = points.forces()
        kl = points.kl_divergence() if with_kl else np.nan
        return kl, 4 * (A.astype(np.float64) - F.astype(np.float64) / z)


def nesterov(objective: Objective, Y: Positions, n_evaluations: int) -> Positions:
    """Momentum .95 with the gradient at the point ahead (Nesterov 1983), with gains."""
    return _momentum(objective, Y, n_evaluations, ahead=True)


def restarted(objective: Objective, Y: Positions, n_evaluations: int) -> Positions:
    """Momentum .95; a point that moves uphill loses its velocity (O'Donoghue & Candès 2015)."""
    return _momentum(objective, Y, n_evaluations, restart=True)


def _momentum(
    objective: Objective,
    Y: Positions,
    n_evaluations: int,
    *,
    ahead: bool = False,
    restart: bool = False,
    momentum: float = 0.95,
) -> Positions:
    velocity, gains, rate = np.zeros_like(Y), np.ones_like(Y), float(len(Y))
    for _ in range(n_evaluations):
        G = objective.gradient(Y + momentum * velocity if ahead else Y)
        gains = np.where((G > 0) != (velocity > 0), gains + 0.2, gains * 0.8).clip(0.01)
        if restart:
            velocity[(G * velocity).sum(axis=1) > 0] = 0
        velocity = momentum * velocity - rate * gains * G
        Y = Y + velocity
    return Y


def fire(objective: Objective, Y: Positions, n_evaluations: int) -> Positions:
    """FIRE: molecular dynamics that stops when it moves uphill (Bitzek et al. 2006, PRL 97)."""
    unit = np.sqrt(len(Y))  # the gradient has the order 1 / n
    dt, alpha, uphill_free = unit, 0.1, 0
    velocity = np.zeros_like(Y)
    for _ in range(n_evaluations):
        force = -objective.gradient(Y)
        if (force * velocity).sum() > 0:
            uphill_free += 1
            if uphill_free > 5:
                dt, alpha = min(1.1 * dt, 10 * unit), 0.99 * alpha
        else:
            dt, alpha, uphill_free = 0.5 * dt, 0.1, 0
            velocity[:] = 0
        velocity += dt * force
        speed, strength = np.linalg.norm(velocity), np.linalg.norm(force)
        velocity = (1 - alpha) * velocity + alpha * force * speed / max(strength, 1e-300)
        Y = Y + dt * velocity
    return Y


def l_bfgs(objective: Objective, Y: Positions, n_evaluations: int) -> Positions:
    """Limited-memory BFGS with ten pairs and SciPy's line search."""

    def evaluate(y: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        kl, G = objective.kl_and_gradient(y.reshape(Y.shape))
        return len(Y) * kl, len(Y) * G.ravel()

    options = {"maxfun": n_evaluations, "maxiter": n_evaluations, "maxcor": 10, "maxls": 10}
    found = minimize(evaluate, Y.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x, dtype=np.float64).reshape(Y.shape)


def spectral_direction(objective: Objective, Y: Positions, n_evaluations: int) -> Positions:
    """Newton steps with the Laplacian of P (Vladymyrov & Carreira-Perpinan 2012), backtracking."""
    P = objective.P.astype(np.float64)
    degree = np.asarray(P.sum(axis=1)).ravel()
    hessian = 4 * (diags_array(degree) - P) + diags_array(np.full(len(Y), 1e-10 + 1e-3 / len(Y)))
    inverse_diagonal = diags_array(1 / hessian.diagonal())
    last = objective.n_evaluations + n_evaluations
    kl, G = objective.kl_and_gradient(Y)
    step = 1.0
    while objective.n_evaluations < last:
        direction = np.column_stack(
            [cg(hessian, -g, rtol=0.1, maxiter=50, M=inverse_diagonal)[0] for g in G.T]
        )
        while objective.n_evaluations < last:
            tried = Y + step * direction
            tried_kl, tried_gradient = objective.kl_and_gradient(tried)
            if tried_kl < kl:
                Y, kl, G = tried, tried_kl, tried_gradient
                step = min(1.0, 2 * step)
                break
            step /= 2
    return Y


OPTIMIZERS = {
    "Nesterov, momentum .95": nesterov,
    "momentum .95, restart of points that move uphill": restarted,
    "FIRE": fire,
    "L-BFGS": l_bfgs,
    "spectral direction": spectral_direction,
}
