"""Progress reports. Every library call prints nothing unless the caller passes a `Progress`.

A line that needs the caller's attention is then a warning of Python: see `note_or_warn`.
"""

from __future__ import annotations

import time
import warnings
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import rich.progress
    from rich.console import Console
    from rich.text import Text


_RATE_WINDOW_S = 30.0  # the estimate of the time left uses the rate over this period
_SAMPLE_PERIOD_S = 1.0
_PERIOD_S = 2.0  # minimum time between two lines of a step in a log file, except its last line
_WIDE = 100  # minimum number of columns for a long bar
_WIDEST = 116  # minimum number of columns for the remark of a task


@dataclass(frozen=True)
class Task:
    """A step of known length.

    Attributes
    ----------
    description : str
        The name of the step, for example "Features".
    total : int
        Number of units.
    unit : str
        Name of the units, in the plural.
    remark : callable or None
        Returns a text to show beside the rate, or "".
    work : callable or None
        For steps in which some units take no work, because their result is cached. Returns the
        number of units that took work so far, and the number of units that will still take work.
        The rate and the time left are computed from these numbers.
    n_before : int
        Number of units that took work before the step, and that `work` does not count.
    """

    description: str
    total: int
    unit: str
    remark: Callable[[], str] | None = None
    work: Callable[[], tuple[int, int]] | None = None
    n_before: int = 0


class Progress(Protocol):
    """A receiver of progress reports."""

    def task(self, task: Task) -> AbstractContextManager[Callable[[int], None]]:
        """Start a step.

        Parameters
        ----------
        task : Task

        Returns
        -------
        context manager
            Its value is a function to call with the number of finished units, after each advance.
        """
        ...

    def note(self, text: str) -> None:
        """Show one line between steps."""
        ...


class SilentProgress:
    """Report nothing. This is the default of every library call."""

    @contextmanager
    def task(self, task: Task) -> Iterator[Callable[[int], None]]:
        """Start a step that is not shown."""
        del task
        yield lambda _advance: None

    def note(self, text: str) -> None:
        """Ignore the line."""


def note_or_warn(progress: Progress, text: str) -> None:
    """Show a line that needs the caller's attention; a warning if no reports are shown."""
    if type(progress) is SilentProgress:
        warnings.warn(text, UserWarning, stacklevel=2)
    else:
        progress.note(text)


class RichProgress:
    """Show a bar in the terminal, with the rate and the time left.

    Parameters
    ----------
    console : rich.console.Console
        The console to draw on. Use the standard error, so that the redirected output of a command
        contains no bars.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(self, task: Task) -> Iterator[Callable[[int], None]]:
        """Start a step. Its bar stays on screen when the step is done."""
        from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
        from rich.progress import Progress as Bars
        from rich.text import Text

        pace = _Pace(task, time.monotonic)
        width = self._console.width

        class PaceColumn(ProgressColumn):
            """The rate and the time left, or the time taken once the step is done."""

            def render(self, task: rich.progress.Task) -> Text:
                del task
                text = pace.describe() or pace.task.unit
                if width >= _WIDEST:
                    text += _format_remark(pace.task)
                return Text(text, style="dim", no_wrap=True, overflow="ellipsis")

        columns = (
            TextColumn("{task.description:<20}"),
            BarColumn(bar_width=20 if width >= _WIDE else 8),
            MofNCompleteColumn(),
            PaceColumn(),
        )
        with Bars(*columns, console=self._console) as bars:
            bar = bars.add_task(task.description, total=task.total)

            def advance(amount: int) -> None:
                pace.add(amount)
                bars.update(bar, advance=amount)

            yield advance

    def note(self, text: str) -> None:
        """Print the line above the next bar."""
        self._console.print(text, markup=False, highlight=False)


class PlainProgress:
    """Write plain lines for a log file: one line per tenth of a step, and one line at its end.

    Parameters
    ----------
    write : callable
        Receives one line, without its newline.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._clock = clock

    @contextmanager
    def task(self, task: Task) -> Iterator[Callable[[int], None]]:
        """Start a step. Lines are written while the step runs, and one when the step is done."""
        written_at, tenth_written = self._clock(), 0
        pace = _Pace(task, self._clock)

        def write() -> None:
            rate = pace.describe()
            details = rate and f" ({rate}{_format_remark(task)})"
            self._write(f"{task.description}: {pace.done}/{task.total} {task.unit}{details}")

        def advance(amount: int) -> None:
            nonlocal written_at, tenth_written
            pace.add(amount)
            now = self._clock()
            tenth = 10 * pace.done // task.total if task.total else 10
            is_due = tenth > tenth_written and now - written_at >= _PERIOD_S
            if is_due and pace.done < task.total:
                write()
                written_at, tenth_written = now, tenth

        yield advance
        write()

    def note(self, text: str) -> None:
        """Write the line."""
        self._write(text)


class Stopwatch:
    """Measure the time of the stages of a run.

    Attributes
    ----------
    timings_s : dict of str to float
        Seconds of each finished stage, in the order of the stages.
    """

    def __init__(self) -> None:
        self.timings_s: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the time of the block. The time of a block that raises is not recorded."""
        started = time.perf_counter()
        yield
        self.timings_s[name] = round(time.perf_counter() - started, 3)


def choose_progress(console: Console) -> Progress:
    """Return bars if `console` is a terminal, and plain lines if it is a file or a pipe."""
    if console.is_terminal and not console.is_dumb_terminal:
        return RichProgress(console)
    return PlainProgress(
        lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)
    )


class _Pace:
    """The rate of a step: the recent rate while the step runs, and the mean rate at its end.

    Parameters
    ----------
    task : Task
    clock : callable
        Returns the time in seconds.
    """

    def __init__(self, task: Task, clock: Callable[[], float]) -> None:
        self.task, self._clock = task, clock
        self.done = 0
        self._work = task.work or (lambda: (self.done, task.total - self.done))
        self._began = clock()
        self._samples = deque([(self._began, 0)])  # (time, units that took work), recent samples

    def add(self, amount: int) -> None:
        self.done += amount
        now, (worked, _) = self._clock(), self._work()
        if not worked:  # the rate is measured from now on
            self._samples.clear()
        elif len(self._samples) > 1 and now - self._samples[-2][0] < _SAMPLE_PERIOD_S:
            self._samples.pop()
        self._samples.append((now, worked))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _RATE_WINDOW_S:
            self._samples.popleft()

    def describe(self) -> str:
        """Return for example "31 images/s, 12 s left", or the time taken once all is done."""
        worked, left = self._work()
        elapsed_s = self._clock() - self._began
        if self.done >= self.task.total:
            took = format_seconds(elapsed_s)
            if not worked or elapsed_s <= 0:
                return took
            n_computed = worked + self.task.n_before
            some = f"{n_computed:,} computed, " if n_computed < self.task.total else ""
            return f"{some}{self._rate(worked / elapsed_s)}, {took}"
        (then, before), (now, after) = self._samples[0], self._samples[-1]
        if after == before or now <= then:
            return ""
        rate = (after - before) / (now - then)
        return f"{self._rate(rate)}, {format_seconds(left / rate)} left"

    def _rate(self, rate: float) -> str:
        unit = self.task.unit
        return f"{rate:.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s"


def _format_remark(task: Task) -> str:
    """Return ", " and the remark of a task; "" without a remark."""
    remark = "" if task.remark is None else task.remark()
    return remark and f", {remark}"


def format_seconds(seconds: float) -> str:
    """Return a duration in words: "0.4 s", "12 s", "3 min 05 s", "2 h 10 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
