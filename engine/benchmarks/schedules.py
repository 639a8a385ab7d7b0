"""Compare schedules and optimizers of the descent; README.md describes the table."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from meshtsne.descent.loop import descend
from meshtsne.descent.schedule import MAX_ITER, Phase, count_iterations, plan_phases
from meshtsne.estimator import TSNE
from optimizers import OPTIMIZERS, Objective
from problems import Problem, make_points

Outcome = tuple[NDArray[np.float32], float, int]  # positions, KL divergence, iterations
Run = Callable[[Problem], Outcome]

FORMER = "250@.5x12 500@.8"
SCHEDULES = {
    "former: 250 + 500": FORMER,
    "short early": "100@.5x12 500@.8",
    "momentum .95": "100@.5x12 80@.95 80@.8",
    "exaggerations 12, 4, 1": "100@.5x12 60@.8x4 80@.95 80@.8",
    "exaggerations 12, 4, 2, 1": "60@.8x12 40@.8x4 40@.8x2 80@.95 80@.8",
    "momentum .8 only": "60@.8x12 40@.8x5.24 40@.8x2.29 200@.8",
    "momentum .95 to the end": "60@.8x12 40@.8x5.24 40@.8x2.29 200@.95",
}
FEWEST_IN_SAMPLE = 300  # coarse to fine: the embedding of a tenth of the points, at least these
GAIN = 0.002  # a phase ends when 20 iterations decrease the KL divergence by less than this share


def run_phases(problem: Problem, phases: list[Phase]) -> Outcome:
    """Run the phases as the engine does."""
    gradient = problem.gradient(problem.start)
    outcome = descend(gradient, phases)
    return gradient.embedding(), outcome.kl_divergence, outcome.n_iter


def schedule(text: str) -> Run:
    """Return the run of a schedule such as "60@.8x12 40@.8x4 80@.95 80@.8".

    A phase is n_iter@momentum, with x and an exaggeration other than 1. The learning rate is
    n / exaggeration, as in the engine.
    """
    parts = []
    for word in text.split():
        n_iter, rest = word.split("@")
        momentum, _, exaggeration = rest.partition("x")
        parts.append((int(n_iter), float(momentum), float(exaggeration or 1)))

    def run(problem: Problem) -> Outcome:
        least = min(50, problem.n / 10)
        phases = [Phase(i, x, m, max(problem.n / x, least)) for i, m, x in parts]
        return run_phases(problem, phases)

    return run


def planned(problem: Problem, n_iter: int, early: int | None = None) -> list[Phase]:
    """Return the phases of the engine for this number of iterations."""
    return plan_phases(
        problem.n,
        n_iter=n_iter,
        early_exaggeration_iter=early,
        early_exaggeration=12,
        late_exaggeration=1,
        learning_rate="auto",
    )


def quality(name: str) -> Run:
    """Return the run of the engine with this `quality`."""

    def run(problem: Problem) -> Outcome:
        n, n_components = problem.start.shape
        n_iter = count_iterations(name, None, n_points=n, n_components=n_components)
        return run_phases(problem, planned(problem, n_iter))

    return run


def optimizer(name: str) -> Run:
    """Return a run whose late phase is another optimizer, with as many gradients as standard."""

    def run(problem: Problem) -> Outcome:
        phases = planned(problem, MAX_ITER["standard"])
        early = [phase for phase in phases if phase.exaggeration > 1]
        Y, _, n_early = run_phases(problem, early)
        objective = Objective(problem.P, n_threads=problem.n_threads)
        n_late = MAX_ITER["standard"] - n_early
        Y = OPTIMIZERS[name](objective, Y.astype(np.float64), n_late).astype(np.float32)
        return Y, problem.gradient(Y).kl_divergence(), n_early + objective.n_evaluations

    return run


def until_the_gain_falls(problem: Problem) -> Outcome:
    """Run the engine's phases, each until the KL divergence hardly decreases."""
    gradient = problem.gradient(problem.start)
    exaggeration = np.nan
    for phase in planned(problem, MAX_ITER["standard"]):
        if phase.exaggeration != exaggeration:
            gradient.restart()
        exaggeration, kl = phase.exaggeration, gradient.kl_divergence()
        for _ in range(10):
            gradient.advance(
                20,
                exaggeration=phase.exaggeration,
                momentum=phase.momentum,
                learning_rate=phase.learning_rate,
            )
            before, kl = kl, gradient.kl_divergence()
            if before - kl < GAIN * before:
                break
    return gradient.embedding(), gradient.kl_divergence(), gradient.n_iter


def coarse_to_fine(problem: Problem) -> Outcome:
    """Embed a tenth of the points, place the others, and run 100 late iterations for all.

    An iteration of the sample counts as a tenth.
    """
    n, rng = problem.n, np.random.default_rng(0)
    rows = np.sort(rng.choice(n, size=min(n, max(n // 10, FEWEST_IN_SAMPLE)), replace=False))
    perplexity = min(problem.perplexity, (len(rows) - 1) / 3)
    sample = TSNE(problem.start.shape[1], perplexity=perplexity, random_state=0)
    sample.fit(problem.points[rows])
    Y = np.sqrt(n / len(rows)) * sample.transform(problem.points)
    Y += rng.normal(size=Y.shape)
    gradient = problem.gradient(Y)
    outcome = descend(gradient, planned(problem, 100, early=0))
    return gradient.embedding(), outcome.kl_divergence, 100 + sample.n_iter_ * len(rows) // n


def list_runs() -> dict[str, Run]:
    """Return all runs by name; the first is the baseline."""
    return {
        **{name: schedule(text) for name, text in SCHEDULES.items()},
        **{f'quality "{name}"': quality(name) for name in MAX_ITER},
        "phases that end when the gain falls": until_the_gain_falls,
        "coarse to fine": coarse_to_fine,
        **{name: optimizer(name) for name in OPTIMIZERS},
    }


def main() -> None:
    """Print one table: each run on several samples of a data set, compared with the first run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="fashion, digits, clusters, or a .npy file of features")
    parser.add_argument("n", type=int, help="number of points")
    parser.add_argument("--seeds", type=int, default=3, help="number of samples")
    parser.add_argument("--perplexity", type=float, default=30.0)
    parser.add_argument("--dimensions", type=int, default=2)
    parser.add_argument("--only", nargs="+", help="names of runs, or schedules")
    options = parser.parse_args()
    runs = list_runs()
    baseline = next(iter(runs))
    names = [baseline, *(name for name in options.only or runs if name != baseline)]
    found = defaultdict(list)
    for seed in range(options.seeds):
        problem = Problem(
            make_points(options.data, options.n, seed),
            seed=seed,
            perplexity=options.perplexity,
            n_components=options.dimensions,
        )
        for name in names:
            began = time.perf_counter()
            run = runs[name] if name in runs else schedule(name)
            Y, kl, n_iter = run(problem)
            seconds = time.perf_counter() - began
            measured = {"kl": kl, "n_iter": n_iter, "seconds": seconds, **problem.measure(Y)}
            found[name].append(measured)
            print(f"sample {seed}, {name}: KL {kl:.4f}", file=sys.stderr)
    print(
        f"{options.data}, {problem.n:,} points, perplexity {problem.perplexity:g}, "
        f"{options.dimensions} dimensions, {options.seeds} samples, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| run | iterations | time | KL | change | worst | recall | correlation | far | span |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name in names:
        print(format_row(name, found[name], found[baseline]))


def format_row(name: str, rows: list[dict[str, float]], baseline: list[dict[str, float]]) -> str:
    """Return a line of the table; time and KL are relative to the baseline on the same samples."""
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    change = np.array(
        [row["kl"] / other["kl"] - 1 for row, other in zip(rows, baseline, strict=True)]
    )
    time_ratio = mean["seconds"] / float(np.mean([row["seconds"] for row in baseline]))
    return (
        f"| {name} | {mean['n_iter']:.0f} | {time_ratio:.2f} | {mean['kl']:.4f} "
        f"| {change.mean():+.1%} | {change.max():+.1%} | {mean['recall']:.3f} "
        f"| {mean['correlation']:.3f} | {mean['far']:.2%} | {mean['span']:.0f} |"
    )


if __name__ == "__main__":
    main()
