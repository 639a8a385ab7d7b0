"""Whether a network looks at the numbers that it computes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch.utils._python_dispatch import TorchDispatchMode  # loads torch

if TYPE_CHECKING:
    from collections.abc import Iterator

# The last is what the others come to; in inference mode they are seen themselves.
_LOOKS = {"aten::item", "aten::is_nonzero", "aten::_local_scalar_dense"}


@contextmanager
def looking_at_numbers(looks: list[str]) -> Iterator[None]:
    """Append to `looks` each operation that gives Python a tensor's value: `if`, `.item()`.

    What hangs on one of them a tracer takes for the same with every image. (Its own warnings come
    of an `if` on a shape too, which is harmless.)
    """

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch lacks its types
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            del types
            if func.name() in _LOOKS:
                looks.append(func.name())
            return func(*args, **(kwargs or {}))

    with Watch():  # type: ignore[no-untyped-call]
        yield
