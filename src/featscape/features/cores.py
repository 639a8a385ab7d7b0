"""The processor's cores, as far as this process may use them."""

from __future__ import annotations

import os


def count_cores() -> int:
    """Count the cores that this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
