"""The processor's cores, as far as this process may use them."""

from __future__ import annotations

import os

_limit: int | None = None


def limit_cores(n_cores: int) -> None:
    """Let the networks of this process use no more cores: it is one of several on its machine."""
    import torch

    global _limit  # noqa: PLW0603 - of the process, as PyTorch's own number of threads is
    _limit = n_cores
    torch.set_num_threads(n_cores)


def count_cores() -> int:
    """Count the cores that this process may use, where the system tells."""
    if _limit is not None:
        return _limit
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
