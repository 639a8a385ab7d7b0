"""How long steps report themselves; a library call is silent unless it is given one of these."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


class Progress(Protocol):
    """Something that shows how far a step has come."""

    def task(
        self, description: str, *, total: int, unit: str
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Open a step of `total` units; the context's value is called with each advance."""
        ...

    def note(self, text: str) -> None:
        """Say one line between steps."""
        ...


class SilentProgress:
    """Reports nothing: the default of every library call."""

    @contextmanager
    def task(self, description: str, *, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Open a step that is not shown."""
        del description, total, unit
        yield lambda _advance: None

    def note(self, text: str) -> None:
        """Drop the line."""
