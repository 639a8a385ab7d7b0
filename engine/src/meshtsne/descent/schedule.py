"""The schedule of the descent: phases with constant parameters."""

from __future__ import annotations

from dataclasses import dataclass

# The learning rate of Belkina et al. (2019), "Automated optimized parameters for t-SNE", Nature
# Communications 10:5415, is n / exaggeration. For a few hundred points this rate is too small, so
# there is a minimum. The minimum decreases with n: with a rate of 50, a few dozen points diverge,
# and duplicates do not come together again.
LEAST_LEARNING_RATE = 50.0
LEAST_LEARNING_RATE_A_POINT = 0.1
EARLY_MOMENTUM = 0.5
LATE_MOMENTUM = 0.8


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
