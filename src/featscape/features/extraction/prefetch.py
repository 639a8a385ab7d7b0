"""Read images ahead in threads, run several batches at the same time, and find the bottleneck."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_MAX_TOGETHER = 8  # images that a thread reads as one task
_MIN_S = 1.0  # waiting time below which the bottleneck is not reported


def read_ahead(
    read: Callable[[int], _Item], n_items: int, *, n_workers: int, n_ahead: int
) -> Generator[_Item, None, None]:
    """Yield ``read(0)``, ``read(1)``, ... in order, computed in threads at most `n_ahead` ahead.

    Exceptions of `read` are raised in the caller. When the generator is closed, reads that have
    started are finished, and the others are canceled.
    """
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="featscape-decode")
    # A task reads several images if enough tasks are left for all threads: starting a task costs as
    # much as opening a file.
    n_together = min(_MAX_TOGETHER, max(1, n_ahead // (4 * n_workers)))
    pending: deque[Future[list[_Item]]] = deque()
    stopped = False

    def read_some(start: int) -> list[_Item]:
        indices = range(start, min(start + n_together, n_items))
        return [read(index) for index in indices if not stopped]

    try:
        for start in range(0, n_items, n_together):
            pending.append(pool.submit(read_some, start))
            if len(pending) == max(1, n_ahead // n_together):
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        stopped = True
        pool.shutdown(cancel_futures=True)


def map_ahead(
    work: Callable[[_Item], _Result], items: Iterable[_Item], *, n_concurrent: int
) -> Generator[tuple[_Item, _Result], None, None]:
    """Yield each item with the result of `work`, in order, `n_concurrent` items at the same time.

    If `n_concurrent` is 1, `work` runs in the caller's thread. Otherwise the next item is taken
    from `items` while earlier items are processed, so that a GPU receives the next batch before it
    finishes the current batch. Exceptions of `work` are raised in the caller.
    """
    if n_concurrent == 1:
        for item in items:
            yield item, work(item)
        return
    pool = ThreadPoolExecutor(n_concurrent, thread_name_prefix="featscape-batch")
    pending: deque[tuple[_Item, Future[_Result]]] = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(work, item)))
            if len(pending) > n_concurrent:
                first, result = pending.popleft()
                yield first, result.result()
        while pending:
            first, result = pending.popleft()
            yield first, result.result()
    finally:
        pool.shutdown(cancel_futures=True)


class BottleneckMeter:
    """Measure which of two nested stages of a loop takes longer.

    Parameters
    ----------
    inner, outer : str
        Descriptions of the bottleneck, if the inner or the outer stage takes longer.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self, *, inner: str, outer: str, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._inner, self._outer, self._clock = inner, outer, clock
        self._inner_s = self._total_s = 0.0

    def time_inner(self, items: Iterable[_Item]) -> Generator[_Item, None, None]:
        """Yield the items of the inner stage, and measure the time to wait for each item."""
        start_s = self._clock()
        for item in items:
            self._inner_s += self._clock() - start_s
            yield item
            start_s = self._clock()

    def time_outer(self, items: Iterable[_Item]) -> Generator[_Item, None, None]:
        """Yield the items of the outer stage, which consumes the items of the inner stage."""
        start_s = self._clock()
        for item in items:
            self._total_s += self._clock() - start_s
            yield item
            start_s = self._clock()

    def describe(self) -> str:
        """Return the description of the bottleneck; "" if too little time was measured."""
        if self._total_s < _MIN_S:
            return ""
        return self._inner if 2 * self._inner_s > self._total_s else self._outer
