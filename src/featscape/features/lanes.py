"""Batches under way at once, and what the loop around them waits for."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

_LEAST_S = 1.0  # waited before a word about it is more than chance


def in_lanes(
    work: Callable[[_Item], _Made], items: Iterable[_Item], *, n_lanes: int
) -> Generator[tuple[_Item, _Made], None, None]:
    """Yield each item with what `work` makes of it, in order, `n_lanes` of them under way at once.

    With one lane all is done in the caller's thread. With more, an item is taken from `items` while
    those before it are worked on, so that a GPU has the next batch before it is done with the last.
    What `work` raises is raised here.
    """
    if n_lanes == 1:
        for item in items:
            yield item, work(item)
        return
    pool = ThreadPoolExecutor(n_lanes, thread_name_prefix="featscape-lane")
    pending: deque[tuple[_Item, Future[_Made]]] = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(work, item)))
            if len(pending) > n_lanes:
                first, made = pending.popleft()
                yield first, made.result()
        while pending:
            first, made = pending.popleft()
            yield first, made.result()
    finally:
        pool.shutdown(cancel_futures=True)


class Waits:
    """Tells from where a loop waits which of two stages bounds it, one inside the other.

    Parameters
    ----------
    inner, outer : str
        What to say where the one or the other takes longer.
    clock : callable
        The time in seconds.
    """

    def __init__(
        self, *, inner: str, outer: str, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._inner, self._outer, self._clock = inner, outer, clock
        self._inner_s = self._all_s = 0.0

    def of_inner(self, items: Iterable[_Item]) -> Generator[_Item, None, None]:
        """Yield the items of the inner stage, and count the time that each took to come."""
        began = self._clock()
        for item in items:
            self._inner_s += self._clock() - began
            yield item
            began = self._clock()

    def of_outer(self, items: Iterable[_Item]) -> Generator[_Item, None, None]:
        """Yield the items of the outer stage, which takes those of the inner one."""
        began = self._clock()
        for item in items:
            self._all_s += self._clock() - began
            yield item
            began = self._clock()

    def told(self) -> str:
        """Return what bounds the loop so far; nothing while that is chance."""
        if self._all_s < _LEAST_S:
            return ""
        return self._inner if 2 * self._inner_s > self._all_s else self._outer
