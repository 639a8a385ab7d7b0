"""The optimization loop. A `Gradient` computes the forces and takes the steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meshtsne.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

# Number of iterations between two checks of the KL divergence, as in Belkina et al. (2019),
# "Automated optimized parameters for t-SNE", Nature Communications 10:5415.
CHECK_EVERY = 50

# The learning rate of Belkina et al. (2019) is n / exaggeration. For a few hundred points this rate
# is too small, so there is a minimum. The minimum decreases with n: with a rate of 50, a few dozen
# points diverge, and duplicates do not come together again.
LEAST_LEARNING_RATE = 50.0
LEAST_LEARNING_RATE_A_POINT = 0.1
EARLY_MOMENTUM = 0.5
LATE_MOMENTUM = 0.8


class Gradient(Protocol):
    """The forces on a set of points, and the state of their descent: positions, velocity, gains.

    `exact.ExactGradient` is the readable reference. `grid.GridGradient` and `cuda.CudaGradient`
    agree with the reference to the accuracy that their tests state.

    Attributes
    ----------
    n_iter : int
        Number of steps so far, also after Ctrl-C has interrupted `advance`.
    """

    n_iter: int

    def advance(
        self, n_iter: int, *, exaggeration: float, momentum: float, learning_rate: float
    ) -> None:
        """Take `n_iter` steps."""
        ...

    def restart(self) -> None:
        """Set the velocity to zero and the gains to one."""
        ...

    def embedding(self) -> NDArray[np.float32]:
        """Return a copy of the positions, shape (n, c), in the caller's order, centered at 0."""
        ...

    def kl_divergence(self) -> float:
        """Return KL(P || Q) at the current positions, in nats, without exaggeration."""
        ...


@dataclass(frozen=True)
class Phase:
    """A part of the descent with constant parameters, which begins with zero velocity."""

    n_iter: int
    exaggeration: float
    momentum: float
    learning_rate: float


def plan_phases(
    n_points: int,
    *,
    max_iter: int,
    early_exaggeration_iter: int,
    early_exaggeration: float,
    late_exaggeration: float,
    learning_rate: float | str,
) -> list[Phase]:
    """Return the phases of a descent; the parameters are those of `TSNE`."""
    n_early = min(early_exaggeration_iter, max_iter)
    least = min(LEAST_LEARNING_RATE, LEAST_LEARNING_RATE_A_POINT * n_points)
    phases = []
    for n_iter, exaggeration, momentum in (
        (n_early, early_exaggeration, EARLY_MOMENTUM),
        (max_iter - n_early, late_exaggeration, LATE_MOMENTUM),
    ):
        if n_iter:
            rate = learning_rate
            if rate == "auto":
                rate = max(n_points / exaggeration, least)
            phases.append(Phase(n_iter, exaggeration, momentum, float(rate)))
    return phases


@dataclass(frozen=True)
class Outcome:
    """The result of a descent.

    Attributes
    ----------
    n_iter : int
        Number of iterations of all phases together.
    kl_divergence : float
    stopped_by : {"max_iter", "tolerance", "callback", "interrupt"}
    """

    n_iter: int
    kl_divergence: float
    stopped_by: str


def descend(
    gradient: Gradient,
    phases: Sequence[Phase],
    *,
    stride: int = CHECK_EVERY,
    tolerance: float | None = None,
    callback: Callable[[int, float, NDArray[np.float32]], object] | None = None,
    callback_every: int = CHECK_EVERY,
    on_advance: Callable[[int], object] = lambda _n_iter: None,
) -> Outcome:
    """Run the phases in order; stop early at the tolerance or by the callback.

    Parameters
    ----------
    gradient : Gradient
        Holds the embedding; changed in place.
    phases : sequence of Phase
    stride : int
        Maximum number of iterations per call of the gradient.
    tolerance : float, optional
        End the last phase when the KL divergence has decreased by less than this share of itself
        within 50 iterations.
    callback : callable, optional
        Called as ``callback(iteration, kl_divergence, embedding)``. A true result stops the
        descent.
    callback_every : int
        Number of iterations between two calls of `callback`.
    on_advance : callable, optional
        Called with 0 when the descent begins, then with the number of iterations of each call of
        the gradient.

    Returns
    -------
    Outcome
        Also returned after Ctrl-C: the gradient then holds the embedding of the last iteration.

    Raises
    ------
    InputError
        The positions are not finite.
    """
    first = gradient.n_iter
    done = 0
    previous_kl: float | None = None
    on_advance(0)
    try:
        for phase in phases:
            gradient.restart()
            end = done + phase.n_iter
            is_last = phase is phases[-1]
            while done < end:
                step = min(stride, end - done)
                if callback is not None:
                    step = min(step, callback_every - done % callback_every)
                if tolerance is not None:
                    step = min(step, CHECK_EVERY - done % CHECK_EVERY)
                gradient.advance(
                    step,
                    exaggeration=phase.exaggeration,
                    momentum=phase.momentum,
                    learning_rate=phase.learning_rate,
                )
                done = gradient.n_iter - first
                on_advance(step)
                if (
                    callback is not None
                    and done % callback_every == 0
                    and callback(done, gradient.kl_divergence(), gradient.embedding())
                ):
                    return _outcome(gradient, done, "callback")
                if tolerance is not None and is_last and done % CHECK_EVERY == 0:
                    kl = gradient.kl_divergence()
                    if previous_kl is not None and previous_kl - kl < tolerance * kl:
                        return _outcome(gradient, done, "tolerance")
                    previous_kl = kl
    except KeyboardInterrupt:
        return _outcome(gradient, gradient.n_iter - first, "interrupt")
    return _outcome(gradient, done, "max_iter")


def _outcome(gradient: Gradient, n_iter: int, stopped_by: str) -> Outcome:
    """Return the outcome. A position that is not finite makes the KL divergence NaN."""
    kl_divergence = gradient.kl_divergence()
    if not math.isfinite(kl_divergence):
        raise InputError(
            f"the embedding must stay finite; it left the range of float32 within {n_iter} "
            "iterations. Lower learning_rate or early_exaggeration."
        )
    return Outcome(n_iter, kl_divergence, stopped_by)
