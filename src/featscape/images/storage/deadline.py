"""A time limit for all requests that one task sends to servers.

The code between the task and the requests, such as `zipfile` or Arrow, accepts no timeout. The
limit is therefore a context variable, which `Remote` reads before each request.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS_AT_S: ContextVar[float | None] = ContextVar("ends_at_s", default=None)


@contextmanager
def time_limit(within_s: float) -> Iterator[None]:
    """Limit the total time of all requests in the block, in this thread, to `within_s` seconds."""
    token = _ENDS_AT_S.set(time.monotonic() + within_s)
    try:
        yield
    finally:
        _ENDS_AT_S.reset(token)


def remaining_s() -> float | None:
    """Return the remaining seconds of the time limit, at least 0; None without a limit."""
    ends_at_s = _ENDS_AT_S.get()
    return None if ends_at_s is None else max(0.0, ends_at_s - time.monotonic())


def is_expired() -> bool:
    """Return whether the time limit has passed."""
    return remaining_s() == 0
