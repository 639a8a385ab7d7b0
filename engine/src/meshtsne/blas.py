"""Limit the threads of BLAS, the library of the matrix products of NumPy and SciPy."""

from __future__ import annotations

import sys
from contextlib import ContextDecorator
from functools import cache
from threading import Lock
from typing import Any


class OneBlasThread(ContextDecorator):
    """Limit BLAS to one thread, because its results depend on the number of threads.

    A small product is also faster with one thread if another process uses the other cores. The
    limit applies to the whole process, until the last of several concurrent users leaves.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_users = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_users == 0:
                self._limit = _blas(is_scipy_loaded="scipy.linalg" in sys.modules).limit(limits=1)
            self._n_users += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._limit.restore_original_limits()


one_blas_thread = OneBlasThread()


@cache
def _blas(*, is_scipy_loaded: bool) -> Any:
    """Return a controller of the loaded libraries; SciPy may load one of its own."""
    del is_scipy_loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
