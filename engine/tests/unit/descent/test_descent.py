"""The descent loop, with a gradient that only counts its calls."""

import signal

import numpy as np
import pytest
from scipy.sparse import csr_array

from meshtsne.descent.loop import descend
from meshtsne.descent.schedule import Phase, count_iterations, plan_phases
from meshtsne.errors import DivergenceError
from meshtsne.forces import exact
from meshtsne.forces.direct import DirectGradient
from meshtsne.forces.grid import GridGradient

EARLY = Phase(n_iter=250, exaggeration=12, momentum=0.5, learning_rate=10)
LATE = Phase(n_iter=500, exaggeration=1, momentum=0.8, learning_rate=120)


class CountingGradient:
    """Records its calls; the divergence halves every 100 iterations."""

    def __init__(self, interrupt_at=None):
        self.calls, self.n_iter, self.restarts, self.interrupt_at = [], 0, [], interrupt_at

    def advance(self, n_iter, *, exaggeration, momentum, learning_rate):
        self.calls.append((n_iter, exaggeration, momentum, learning_rate))
        for _ in range(n_iter):
            if self.n_iter == self.interrupt_at:
                raise KeyboardInterrupt
            self.n_iter += 1

    def restart(self):
        self.restarts.append(self.n_iter)

    def embedding(self):
        return np.full((3, 2), self.n_iter, np.float32)

    def kl_divergence(self):
        return 2.0 ** (-self.n_iter / 100)


def test_phases_follow_one_another_with_their_parameters():
    gradient = CountingGradient()
    outcome = descend(gradient, [EARLY, LATE])
    assert (outcome.n_iter, outcome.stopped_by) == (750, "max_iter")
    assert outcome.kl_divergence == gradient.kl_divergence()
    assert sum(n for n, *rest in gradient.calls if rest == [12, 0.5, 10]) == 250
    assert sum(n for n, *rest in gradient.calls if rest == [1, 0.8, 120]) == 500


@pytest.mark.parametrize("every", [1, 30, 50, 70])
def test_the_callback_is_called_every_n_iterations(every):
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


def test_tolerance_does_not_end_the_early_exaggeration():
    # Within 50 iterations the divergence falls to 71 %.
    stopped = descend(CountingGradient(), [EARLY, LATE], tolerance=0.5)
    assert (stopped.n_iter, stopped.stopped_by) == (350, "tolerance")
    finished = descend(CountingGradient(), [EARLY, LATE], tolerance=0.4)
    assert (finished.n_iter, finished.stopped_by) == (750, "max_iter")


@pytest.mark.parametrize(
    ("quality", "n_components"), [("draft", 2), ("standard", 2), ("best", 2), ("standard", 3)]
)
def test_tolerance_shortens_every_quality_but_not_its_last_phase(quality, n_components):
    n_iter = count_iterations(quality, None, n_points=500, n_components=n_components)
    phases = plan_phases(500, **PLAN | {"n_iter": n_iter})
    gradient = CountingGradient()
    gradient.kl_divergence = lambda: 1.0
    outcome = descend(gradient, phases, tolerance=0.01)
    assert outcome.stopped_by == "tolerance"
    assert outcome.n_iter < n_iter
    assert gradient.calls[-1][1:] == (1, phases[-1].momentum, phases[-1].learning_rate)


def test_tolerance_continues_with_the_next_phase():
    phases = [EARLY, LATE, Phase(60, exaggeration=1, momentum=0.5, learning_rate=120)]
    gradient = CountingGradient()
    outcome = descend(gradient, phases, tolerance=0.5)
    assert (outcome.n_iter, outcome.stopped_by) == (400, "tolerance")
    assert sum(n for n, *rest in gradient.calls if rest == [1, 0.8, 120]) == 100
    assert sum(n for n, *rest in gradient.calls if rest == [1, 0.5, 120]) == 50


def test_an_interrupt_keeps_the_finished_iterations():
    gradient = CountingGradient(interrupt_at=320)
    outcome = descend(gradient, [EARLY, LATE])
    assert (outcome.n_iter, outcome.stopped_by) == (320, "interrupt")
    assert outcome.kl_divergence == 2.0**-3.2


class InterruptedPoints:
    """Native points that raise SIGINT during a step."""

    def __init__(self, points, at):
        self._points, self._left = points, at

    def __getattr__(self, name):
        return getattr(self._points, name)

    def step(self, *parameters):
        self._points.step(*parameters)
        self._left -= 1
        if self._left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def interrupts_enabled():
    """Let SIGINT raise KeyboardInterrupt, even if the parent shell ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts_enabled")
@pytest.mark.parametrize("kind", [DirectGradient, GridGradient])
def test_an_interrupt_inside_advance_counts_the_finished_steps(kind):
    rng = np.random.default_rng(0)
    P = csr_array(exact.joint_probabilities(rng.normal(size=(100, 4)), 10.0).astype(np.float32))
    Y = rng.normal(size=(100, 2)).astype(np.float32)
    gradient, reference = kind(P, Y, n_jobs=1), kind(P, Y, n_jobs=1)
    gradient._points = InterruptedPoints(gradient._points, at=30)
    outcome = descend(gradient, [EARLY, LATE])
    assert (outcome.n_iter, outcome.stopped_by) == (30, "interrupt")
    reference.advance(30, exaggeration=12, momentum=0.5, learning_rate=10)
    np.testing.assert_array_equal(gradient.embedding(), reference.embedding())
    assert outcome.kl_divergence == reference.kl_divergence()


@pytest.mark.parametrize("stop", ["max_iter", "callback", "interrupt"])
def test_a_map_that_is_not_finite_is_an_error(stop):
    gradient = CountingGradient(interrupt_at=200 if stop == "interrupt" else None)
    gradient.kl_divergence = lambda: np.nan
    callback = (lambda i, *_: i == 200) if stop == "callback" else None
    n_iter = 250 if stop == "max_iter" else 200
    with pytest.raises(DivergenceError, match=f"within {n_iter} iterations. Lower learning_rate"):
        descend(gradient, [EARLY], callback=callback)


@pytest.mark.parametrize(
    ("exaggerations", "restarts"),
    [([12, 12, 1, 1], [0, 20]), ([1, 1], [0]), ([4, 1, 4], [0, 10, 20])],
)
def test_the_velocity_restarts_where_the_exaggeration_changes(exaggerations, restarts):
    gradient = CountingGradient()
    descend(gradient, [Phase(10, x, momentum=0.8, learning_rate=1) for x in exaggerations])
    assert gradient.restarts == restarts


PLAN = {
    "n_iter": 320,
    "early_exaggeration_iter": None,
    "early_exaggeration": 8,
    "late_exaggeration": 1,
    "learning_rate": "auto",
}


def test_the_standard_plan():
    assert plan_phases(4_000, **PLAN) == [
        Phase(39, 8, 0.8, learning_rate=500),
        Phase(25, pytest.approx(4), 0.8, learning_rate=pytest.approx(1_000)),
        Phase(26, pytest.approx(2), 0.8, learning_rate=pytest.approx(2_000)),
        Phase(39, 1, 0.8, learning_rate=4_000),
        Phase(30, 1, 0.9, learning_rate=4_000),
        Phase(127, 1, 0.95, learning_rate=4_000),
        Phase(34, 1, 0.8, learning_rate=4_000),
    ]


def test_the_plan_of_many_points_is_shorter():
    n_iter = count_iterations("standard", None, n_points=80_000, n_components=2)
    phases = plan_phases(80_000, **PLAN | {"n_iter": n_iter})
    assert [phase.n_iter for phase in phases] == [26, 17, 17, 14, 13, 102, 41]


@pytest.mark.parametrize("n_iter", [1, 2, 7, 100, 320, 1001])
@pytest.mark.parametrize("early", [None, 0, 3, 5000])
def test_the_phases_of_a_plan_have_the_total_number_of_iterations(n_iter, early):
    phases = plan_phases(500, **PLAN | {"n_iter": n_iter, "early_exaggeration_iter": early})
    assert sum(phase.n_iter for phase in phases) == n_iter
    assert all(phase.n_iter > 0 for phase in phases)
    n_early = sum(phase.n_iter for phase in phases if phase.exaggeration > 1)
    assert n_early == (min(90, n_iter // 2) if early is None else min(early, n_iter))


def test_the_exaggeration_falls_to_the_late_exaggeration():
    phases = plan_phases(500, **PLAN | {"early_exaggeration": 27, "late_exaggeration": 3.375})
    found = [phase.exaggeration for phase in phases]
    np.testing.assert_allclose(found, [27, 13.5, 6.75, *[3.375] * 4])


@pytest.mark.parametrize(
    ("n_points", "learning_rate", "first", "last"),
    [
        (60_000, "auto", 7_500, 60_000),
        (360, "auto", 45, 360),  # the minimum is n / 10 = 36
        (500, "auto", 62.5, 500),
        (60, "auto", 7.5, 60),
        (60, 7, 7, 7),
    ],
)
def test_learning_rates(n_points, learning_rate, first, last):
    phases = plan_phases(n_points, **PLAN | {"learning_rate": learning_rate})
    assert (phases[0].learning_rate, phases[-1].learning_rate) == (first, last)


def test_the_learning_rate_has_a_minimum():
    high = PLAN | {"early_exaggeration": 20}
    assert plan_phases(550, **high)[0].learning_rate == 50
    assert plan_phases(60, **high)[0].learning_rate == 6


def test_the_late_exaggeration_divides_the_learning_rates():
    phases = plan_phases(1_000, **PLAN | {"late_exaggeration": 4})
    assert phases[0].learning_rate == 1_000 / 8 / 4
    assert phases[-1].learning_rate == 1_000 / 4 / 4
    assert plan_phases(1_000, **PLAN | {"late_exaggeration": 4, "learning_rate": 7})[-1] == Phase(
        34, 4, 0.8, learning_rate=7
    )


def test_stride_bounds_each_call():
    gradient = CountingGradient()
    descend(gradient, [EARLY], stride=7)
    assert max(n for n, *_ in gradient.calls) == 7
