"""The number of CPU cores that this process may use."""

from __future__ import annotations

import os

_core_limit: int | None = None


def limit_cores(n_cores: int) -> None:
    """Limit the networks of this process to `n_cores` cores, and PyTorch to as many threads."""
    import torch

    global _core_limit  # noqa: PLW0603 - per process, like PyTorch's number of threads
    _core_limit = n_cores
    torch.set_num_threads(n_cores)


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if _core_limit is not None:
        return _core_limit
    if hasattr(os, "sched_getaffinity"):  # only on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
