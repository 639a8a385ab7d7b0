"""The loop of the descent. A `Gradient` computes the forces and takes the steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtsne.errors import DivergenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from meshtsne.descent.gradient import Gradient
    from meshtsne.descent.schedule import Phase

# Number of iterations between two checks of the KL divergence, as in Belkina et al. (2019),
# "Automated optimized parameters for t-SNE", Nature Communications 10:5415.
CHECK_EVERY = 50

# Share of the points. In the last iteration of a descent that converges, few points move by more
# than 1, the width of the kernel; after a divergence, more than this share.
_MOST_MOVING = 0.05


@dataclass(frozen=True)
class Outcome:
    """The result of a descent.

    Attributes
    ----------
    n_iter : int
        Number of iterations of all phases together.
    kl_divergence : float
    stopped_by : {"max_iter", "tolerance", "callback", "interrupt"}
        "tolerance" if the tolerance ended at least one phase.
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
    check_convergence: bool = False,
) -> Outcome:
    """Run the phases in order, with fewer iterations at the tolerance or by the callback.

    Parameters
    ----------
    gradient : Gradient
        Holds the embedding; changed in place.
    phases : sequence of Phase
    stride : int
        Maximum number of iterations per call of the gradient.
    tolerance : float, optional
        End each phase with the exaggeration of the last phase when the KL divergence has decreased
        by less than this share of itself within 50 iterations.
    callback : callable, optional
        Called as ``callback(iteration, kl_divergence, embedding)``. A true result stops the
        descent.
    callback_every : int
        Number of iterations between two calls of `callback`.
    on_advance : callable, optional
        Called with 0 when the descent begins, then with the number of iterations of each call of
        the gradient.
    check_convergence : bool
        Whether to raise DivergenceError if many points still move in the last iteration.

    Returns
    -------
    Outcome
        Also returned after Ctrl-C: the gradient then holds the embedding of the last iteration.

    Raises
    ------
    DivergenceError
        The embedding is too large for the forces, a position is not finite, or many points still
        move in the last iteration.
    """
    first = gradient.n_iter
    checks = _Checks(gradient, tolerance, callback, callback_every)
    on_advance(0)
    try:
        stopped_by = _run(
            gradient,
            phases,
            checks,
            stride=stride,
            on_advance=on_advance,
            check_convergence=check_convergence,
        )
    except KeyboardInterrupt:
        stopped_by = "interrupt"
    n_iter, kl_divergence = gradient.n_iter - first, gradient.kl_divergence()
    if not math.isfinite(kl_divergence):  # a position is not finite
        raise DivergenceError(
            f"the embedding must stay finite; it left the range of float32 within {n_iter} "
            "iterations. Lower learning_rate or early_exaggeration."
        )
    return Outcome(n_iter, kl_divergence, stopped_by)


def _run(
    gradient: Gradient,
    phases: Sequence[Phase],
    checks: _Checks,
    *,
    stride: int,
    on_advance: Callable[[int], object],
    check_convergence: bool,
) -> str:
    """Run the phases and return why the descent stopped.

    The tolerance ends only the phase, not the descent: the next phase may have a higher momentum,
    which decreases the KL divergence further, and the last phase brings the points to rest.
    """
    done, exaggeration, stopped_by = 0, math.nan, "max_iter"
    for phase in phases:
        if phase.exaggeration != exaggeration:
            gradient.restart()
        exaggeration = phase.exaggeration
        end = done + phase.n_iter
        is_watched = check_convergence and phase is phases[-1]
        before = None
        while done < end:
            n_iter = int(min(stride, end - done, checks.iterations_to_next(done)))
            if is_watched and done + n_iter == end:
                if n_iter > 1:
                    n_iter -= 1
                else:
                    before = gradient.embedding()
            gradient.advance(
                n_iter,
                exaggeration=phase.exaggeration,
                momentum=phase.momentum,
                learning_rate=phase.learning_rate,
            )
            done += n_iter
            on_advance(n_iter)
            if checks.callback_stops(done):
                return "callback"
            if exaggeration == phases[-1].exaggeration and checks.has_converged(done):
                stopped_by = "tolerance"
                break
        if before is not None:
            _check_convergence(before, gradient.embedding(), learning_rate=phase.learning_rate)
    return stopped_by


def _check_convergence(
    before: NDArray[np.float32], after: NDArray[np.float32], *, learning_rate: float
) -> None:
    """Raise DivergenceError if many points have moved in an iteration."""
    moving = float((abs(after - before).max(axis=1) > 1).mean())
    if moving > _MOST_MOVING:
        raise DivergenceError(
            f"learning_rate={learning_rate:g} is too high for these items: {100 * moving:.0f} % of "
            "the points moved by more than 1 in the last iteration. Lower learning_rate or "
            "early_exaggeration, or use learning_rate='auto'."
        )


class _Checks:
    """Call the callback and check the tolerance; the parameters are those of `descend`."""

    def __init__(
        self,
        gradient: Gradient,
        tolerance: float | None,
        callback: Callable[[int, float, NDArray[np.float32]], object] | None,
        callback_every: int,
    ) -> None:
        self.gradient = gradient
        self.tolerance = tolerance
        self.callback = callback
        self.callback_every = callback_every
        self._last_kl = math.inf  # at the last check

    def iterations_to_next(self, done: int) -> float:
        """Return the number of iterations from iteration `done` to the next call or check."""
        return min(
            self.callback_every - done % self.callback_every if self.callback else math.inf,
            CHECK_EVERY - done % CHECK_EVERY if self.tolerance is not None else math.inf,
        )

    def callback_stops(self, done: int) -> bool:
        """Return whether the callback is due after iteration `done` and stops the descent."""
        if self.callback is None or done % self.callback_every:
            return False
        return bool(self.callback(done, self.gradient.kl_divergence(), self.gradient.embedding()))

    def has_converged(self, done: int) -> bool:
        """Return whether a check is due after iteration `done` and finds the tolerance reached."""
        if self.tolerance is None or done % CHECK_EVERY:
            return False
        last, self._last_kl = self._last_kl, self.gradient.kl_divergence()
        return last - self._last_kl < self.tolerance * self._last_kl
