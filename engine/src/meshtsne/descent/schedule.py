"""The schedule of the descent: phases with constant parameters.

The exaggeration decreases in three steps. Then the momentum increases in three steps, so that the
points first settle and then move fast, and falls again for the last iterations, in which the points
come to rest. docs/schedule.md compares this schedule with others.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

# Number of iterations for each value of the parameter `quality`.
MAX_ITER = {"draft": 180, "standard": 320, "best": 1000}

# In three dimensions the KL divergence decreases more slowly.
MORE_IN_THREE_DIMENSIONS = 1.25
# An iteration of many points takes ten times as long in three dimensions as in two, so "draft" and
# "standard" have 144 and 184 iterations from MANY_POINTS on (docs/schedule.md).
FEWER_OF_MANY_IN_THREE_DIMENSIONS = 0.8

# Number of iterations before the late exaggeration, but at most half of all iterations.
EARLY_ITER = 90

# From MANY_POINTS on, "standard" has MAX_ITER_OF_MANY iterations, every quality has
# EARLY_ITER_OF_MANY iterations before the late exaggeration, and the momentum increases sooner
# (LATE_STEPS_OF_MANY). The KL divergence is lower than that of 320 iterations of the schedule for
# fewer points at 5,000 points, and than that of 250 at 70,000 (docs/schedule.md).
MANY_POINTS = 5_000
MAX_ITER_OF_MANY = 230
EARLY_ITER_OF_MANY = 60

# The learning rate of Belkina et al. (2019), "Automated optimized parameters for t-SNE", Nature
# Communications 10:5415, is n / exaggeration. For a few hundred points this rate is too small, so
# there is a minimum. The minimum decreases with n: with a rate of 50, a few dozen points diverge,
# and duplicates do not come together again.
LEAST_LEARNING_RATE = 50.0
LEAST_LEARNING_RATE_A_POINT = 0.1

# Points come to rest in this number of iterations at the automatic learning rate.
LEAST_SETTLED = 100


@dataclass(frozen=True)
class Step:
    """A part of the early or of the late iterations.

    Attributes
    ----------
    share : float
        Share of the early, or of the late, iterations.
    exponent : float
        The exaggeration is late * (early / late) ** exponent.
    momentum : float
    """

    share: float
    exponent: float
    momentum: float


# By default, the exaggerations are 12, 5.2, 2.3 and 1.
EARLY_STEPS = (Step(3 / 7, 1, 0.8), Step(2 / 7, 2 / 3, 0.8), Step(2 / 7, 1 / 3, 0.8))
# A momentum of 0.95 needs the fewest iterations, but from the start it throws small clusters far
# outside, so the momentum increases in steps from 0.8. The last iterations at 0.8 bring the points
# to rest: the KL divergence is 3 to 7 % lower than with 0.95 to the end (docs/schedule.md).
LATE_STEPS = (Step(0.17, 0, 0.8), Step(0.13, 0, 0.9), Step(0.55, 0, 0.95), Step(0.15, 0, 0.8))
LATE_STEPS_OF_MANY = (
    Step(0.08, 0, 0.8),
    Step(0.08, 0, 0.9),
    Step(0.60, 0, 0.95),
    Step(0.24, 0, 0.8),
)


@dataclass(frozen=True)
class Phase:
    """A part of the descent with constant parameters.

    A phase begins with zero velocity if its exaggeration differs from that of the phase before.
    """

    n_iter: int
    exaggeration: float
    momentum: float
    learning_rate: float


def count_iterations(
    quality: str, max_iter: int | None, *, n_points: int, n_components: int
) -> int:
    """Return the total number of iterations for the parameters of `TSNE`."""
    if max_iter is not None:
        return max_iter
    many = n_points >= MANY_POINTS
    n_iter = MAX_ITER_OF_MANY if many and quality == "standard" else MAX_ITER[quality]
    if n_components < 3:
        return n_iter
    fewer = many and quality != "best"
    factor = FEWER_OF_MANY_IN_THREE_DIMENSIONS if fewer else MORE_IN_THREE_DIMENSIONS
    return round(n_iter * factor)


def plan_phases(
    n_points: int,
    *,
    n_iter: int,
    early_exaggeration_iter: int | None,
    early_exaggeration: float,
    late_exaggeration: float,
    learning_rate: float | str,
) -> list[Phase]:
    """Return the phases of a descent.

    Parameters
    ----------
    n_points : int
    n_iter : int
        Total number of iterations.
    early_exaggeration_iter, early_exaggeration, late_exaggeration, learning_rate
        As in `TSNE`.

    Returns
    -------
    list of Phase
        At least one; no phase is empty.
    """
    many = n_points >= MANY_POINTS
    n_early = min(EARLY_ITER_OF_MANY if many else EARLY_ITER, n_iter // 2)
    late_steps = LATE_STEPS_OF_MANY if many else LATE_STEPS
    if early_exaggeration_iter is not None:
        n_early = min(early_exaggeration_iter, n_iter)
    ratio = early_exaggeration / late_exaggeration
    least = min(LEAST_LEARNING_RATE, LEAST_LEARNING_RATE_A_POINT * n_points)
    phases = []
    for steps, total in ((EARLY_STEPS, n_early), (late_steps, n_iter - n_early)):
        for step, n in zip(steps, _split(total, [step.share for step in steps]), strict=True):
            exaggeration = late_exaggeration * ratio**step.exponent
            rate = learning_rate
            if rate == "auto":
                # A late exaggeration makes the clusters so dense that groups of points leave the
                # map at the rates without the division (docs/schedule.md).
                rate = max(n_points / exaggeration, least) / late_exaggeration
            if n:
                phases.append(Phase(n, exaggeration, step.momentum, float(rate)))
    return phases


def _split(total: int, shares: list[float]) -> list[int]:
    """Return integers in the proportion of the shares, with the sum `total`."""
    ends = [round(total * end) for end in accumulate(shares, initial=0.0)]
    return [end - begin for begin, end in pairwise(ends)]
