"""How long steps report themselves; a library call is silent unless it is given one of these."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.progress import Task
    from rich.text import Text


_LATELY_S = 30.0  # the time left is told by the pace over so many seconds
_SAMPLED_S = 1.0
_WIDE = 100  # columns of a terminal in which a long bar leaves room for the words beside it
_WIDEST = 116  # and in which there is room for what a step says of itself


class Progress(Protocol):
    """Something that shows how far a step has come."""

    def task(
        self,
        description: str,
        *,
        total: int,
        unit: str,
        remark: Callable[[], str] | None = None,
        work: Callable[[], tuple[int, int]] | None = None,
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Open a step of `total` units; the context's value is called with each advance.

        What `remark` returns, if anything, is shown beside the rate. Where some units take no work,
        `work` tells how many have taken some so far, and how many are still about to: the rate and
        the time left are of these.
        """
        ...

    def note(self, text: str) -> None:
        """Say one line between steps."""
        ...


class SilentProgress:
    """Reports nothing: the default of every library call."""

    @contextmanager
    def task(
        self,
        description: str,
        *,
        total: int,
        unit: str,
        remark: Callable[[], str] | None = None,
        work: Callable[[], tuple[int, int]] | None = None,
    ) -> Iterator[Callable[[int], None]]:
        """Open a step that is not shown."""
        del description, total, unit, remark, work
        yield lambda _advance: None

    def note(self, text: str) -> None:
        """Drop the line."""


class RichProgress:
    """A bar in the terminal, with the rate and the time left.

    Parameters
    ----------
    console : rich.console.Console
        Where to draw; the standard error, so that a redirected summary stays clean.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(
        self,
        description: str,
        *,
        total: int,
        unit: str,
        remark: Callable[[], str] | None = None,
        work: Callable[[], tuple[int, int]] | None = None,
    ) -> Iterator[Callable[[int], None]]:
        """Open a step that is drawn as a bar and stays on screen when it is done."""
        from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
        from rich.progress import Progress as Bars
        from rich.text import Text

        pace = _Pace(total, unit, work, time.monotonic)
        width = self._console.width

        class PaceColumn(ProgressColumn):
            """The rate and the time left; the time taken once the step is done."""

            def render(self, task: Task) -> Text:
                del task
                told = pace.describe() or unit
                if width >= _WIDEST:
                    told += _beside(remark)
                return Text(told, style="dim", no_wrap=True, overflow="ellipsis")

        columns = (
            TextColumn("{task.description:<20}"),
            BarColumn(bar_width=20 if width >= _WIDE else 8),
            MofNCompleteColumn(),
            PaceColumn(),
        )
        with Bars(*columns, console=self._console) as bars:
            step = bars.add_task(description, total=total)

            def advance(amount: int) -> None:
                pace.add(amount)
                bars.update(step, advance=amount)

            yield advance

    def note(self, text: str) -> None:
        """Print the line above whatever comes next."""
        self._console.print(text, markup=False, highlight=False)


class PlainProgress:
    """Plain lines for a log file: one a tenth of the way, though not more than one every `every_s`.

    Parameters
    ----------
    write : callable
        Takes one line, without its newline.
    every_s : float
        Least time between two lines of one step, in seconds. The last line always comes.
    clock : callable
        The time in seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        every_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._every_s = every_s
        self._clock = clock

    @contextmanager
    def task(
        self,
        description: str,
        *,
        total: int,
        unit: str,
        remark: Callable[[], str] | None = None,
        work: Callable[[], tuple[int, int]] | None = None,
    ) -> Iterator[Callable[[int], None]]:
        """Open a step that writes a line now and then, and one when it is done."""
        written_at, tenth_written = self._clock(), 0
        pace = _Pace(total, unit, work, self._clock)

        def write() -> None:
            told = pace.describe()
            told = told and f" ({told}{_beside(remark)})"
            self._write(f"{description}: {pace.done}/{total} {unit}{told}")

        def advance(amount: int) -> None:
            nonlocal written_at, tenth_written
            pace.add(amount)
            now = self._clock()
            tenth = 10 * pace.done // total if total else 10
            if tenth > tenth_written and pace.done < total and now - written_at >= self._every_s:
                write()
                written_at, tenth_written = now, tenth

        yield advance
        write()

    def note(self, text: str) -> None:
        """Write the line."""
        self._write(text)


class Stopwatch:
    """Times the stages of a run.

    Attributes
    ----------
    timings_s : dict of str to float
        Seconds of each finished stage, in their order.
    """

    def __init__(self) -> None:
        self.timings_s: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block; one that fails is not noted."""
        started = time.perf_counter()
        yield
        self.timings_s[name] = round(time.perf_counter() - started, 3)


def choose_progress(console: Console) -> Progress:
    """Return bars where `console` is a terminal, plain lines where it is a file or a pipe."""
    if console.is_terminal and not console.is_dumb_terminal:
        return RichProgress(console)
    return PlainProgress(
        lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)
    )


class _Pace:
    """How fast a step goes: of late, and in the end in all.

    Parameters
    ----------
    total : int
    unit : str
    work : callable, optional
        See `Progress.task`; by default every unit takes work.
    clock : callable
        The time in seconds.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        work: Callable[[], tuple[int, int]] | None,
        clock: Callable[[], float],
    ) -> None:
        self._total, self._unit, self._clock = total, unit, clock
        self.done = 0
        self._work = work or (lambda: (self.done, total - self.done))
        self._began = clock()
        self._seen = deque([(self._began, 0)])  # when how much work was done, of late

    def add(self, amount: int) -> None:
        self.done += amount
        now, (worked, _) = self._clock(), self._work()
        if not worked:  # it begins from here
            self._seen.clear()
        elif len(self._seen) > 1 and now - self._seen[-2][0] < _SAMPLED_S:
            self._seen.pop()
        self._seen.append((now, worked))
        while len(self._seen) > 2 and self._seen[1][0] <= now - _LATELY_S:
            self._seen.popleft()

    def describe(self) -> str:
        """Return for example "31 images/s, 12 s left", or the time taken once all is done."""
        worked, left = self._work()
        elapsed_s = self._clock() - self._began
        if self.done >= self._total:
            took = format_seconds(elapsed_s)
            return f"{self._rate(worked / elapsed_s)}, {took}" if worked and elapsed_s > 0 else took
        (then, before), (now, after) = self._seen[0], self._seen[-1]
        if after == before or now <= then:
            return ""
        rate = (after - before) / (now - then)
        return f"{self._rate(rate)}, {format_seconds(left / rate)} left"

    def _rate(self, rate: float) -> str:
        return f"{rate:.0f} {self._unit}/s" if rate >= 10 else f"{rate:.1f} {self._unit}/s"


def _beside(remark: Callable[[], str] | None) -> str:
    """Return ", " and what a step says of itself, if it says anything."""
    said = "" if remark is None else remark()
    return said and f", {said}"


def format_seconds(seconds: float) -> str:
    """Return a duration as a person says it: "0.4 s", "12 s", "3 min 05 s", "2 h 10 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
