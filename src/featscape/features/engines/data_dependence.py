"""Detect networks whose Python code reads the values that the network computes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Iterator

# The first two call the last one, but inference mode dispatches them directly.
_VALUE_READS = {"aten::item", "aten::is_nonzero", "aten::_local_scalar_dense"}


@contextmanager
def record_value_reads(reads: list[str]) -> Iterator[None]:
    """Append to `reads` each operation that returns a tensor's value to Python: `if`, `.item()`.

    A tracer treats results that depend on such a value as constants. PyTorch's own tracer warnings
    are no substitute: they also appear for an `if` on a shape, which is harmless.
    """

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch lacks its types
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            """Return False: PyTorch imports its compiler otherwise, which takes a second."""
            return False

        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            del types
            if func.name() in _VALUE_READS:
                reads.append(func.name())
            return func(*args, **(kwargs or {}))

    with Watch():  # type: ignore[no-untyped-call]  # as above
        yield
