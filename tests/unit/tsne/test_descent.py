"""The loop alone, over a gradient that only counts."""

import numpy as np
import pytest

from featscape.tsne.descent import Phase, descend

EARLY = Phase(n_iter=250, exaggeration=12, momentum=0.5, learning_rate=10)
LATE = Phase(n_iter=500, exaggeration=1, momentum=0.8, learning_rate=120)


class CountingGradient:
    """Its divergence halves every 100 iterations; it notes every call."""

    def __init__(self, interrupt_at=None):
        self.calls, self.done, self.restarts, self.interrupt_at = [], 0, [], interrupt_at

    def advance(self, n_iter, *, exaggeration, momentum, learning_rate):
        if self.interrupt_at is not None and self.done + n_iter > self.interrupt_at:
            raise KeyboardInterrupt
        self.calls.append((n_iter, exaggeration, momentum, learning_rate))
        self.done += n_iter

    def restart(self):
        self.restarts.append(self.done)

    def embedding(self):
        return np.full((3, 2), self.done, np.float32)

    def kl_divergence(self):
        return 2.0 ** (-self.done / 100)


def test_phases_follow_one_another_with_their_parameters():
    gradient = CountingGradient()
    outcome = descend(gradient, [EARLY, LATE])
    assert (outcome.n_iter, outcome.stopped_by) == (750, "max_iter")
    assert outcome.kl_divergence == gradient.kl_divergence()
    assert gradient.restarts == [0, 250]
    assert sum(n for n, *rest in gradient.calls if rest == [12, 0.5, 10]) == 250
    assert sum(n for n, *rest in gradient.calls if rest == [1, 0.8, 120]) == 500


@pytest.mark.parametrize("every", [1, 30, 50, 70])
def test_callback_comes_every_so_many_iterations(every):
    seen = []
    descend(
        CountingGradient(),
        [EARLY, LATE],
        callback=lambda i, kl, Y: seen.append((i, kl, Y[0, 0])) and None,
        callback_every=every,
    )
    assert seen == [(i, 2.0 ** (-i / 100), i) for i in range(every, 751, every)]


def test_callback_ends_the_descent():
    outcome = descend(CountingGradient(), [EARLY, LATE], callback=lambda i, *_: i == 300)
    assert (outcome.n_iter, outcome.stopped_by) == (300, "callback")


def test_tolerance_ends_the_last_phase_only():
    # Over 50 iterations the divergence falls to 71 %: by 41 % of what is left.
    stopped = descend(CountingGradient(), [EARLY, LATE], tolerance=0.5)
    assert (stopped.n_iter, stopped.stopped_by) == (350, "tolerance")
    finished = descend(CountingGradient(), [EARLY, LATE], tolerance=0.4)
    assert (finished.n_iter, finished.stopped_by) == (750, "max_iter")


def test_interrupt_keeps_what_was_done():
    gradient = CountingGradient(interrupt_at=320)
    outcome = descend(gradient, [EARLY, LATE])
    assert (outcome.n_iter, outcome.stopped_by) == (300, "interrupt")
    assert outcome.kl_divergence == 2.0**-3


def test_stride_bounds_each_call():
    gradient = CountingGradient()
    descend(gradient, [EARLY], stride=7)
    assert max(n for n, *_ in gradient.calls) == 7
