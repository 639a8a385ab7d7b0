"""The log of a fit: lines on standard output, and the seconds of each stage."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Callback = Callable[[int, float, NDArray[np.float32]], object]


class FitLog:
    """Report a fit and measure the time of its stages.

    Parameters
    ----------
    verbose : int
        As in `TSNE`.

    Attributes
    ----------
    timings : dict of str to float
        Seconds of each stage.
    """

    def __init__(self, verbose: int) -> None:
        self._verbose = verbose
        self.timings: dict[str, float] = {}

    def report(self, line: str) -> None:
        """Print a line, unless `verbose` is 0."""
        if self._verbose:
            sys.stdout.write(f"[TSNE] {line}\n")

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure and report the time of a stage."""
        began = time.perf_counter()
        yield
        self.timings[stage] = time.perf_counter() - began
        self.report(f"{stage}: {self.timings[stage]:.2f} s")

    def watch(self, callback: Callback | None) -> Callback | None:
        """Return the caller's callback; with verbose=2 the result also prints the KL divergence."""
        if self._verbose < 2:
            return callback

        def report(iteration: int, kl_divergence: float, embedding: NDArray[np.float32]) -> object:
            self.report(f"iteration {iteration}: KL divergence {kl_divergence:.4f}")
            return callback and callback(iteration, kl_divergence, embedding)

        return report
