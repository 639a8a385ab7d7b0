"""How many threads share a matrix product of NumPy and SciPy."""

from __future__ import annotations

from contextlib import ContextDecorator
from functools import cache
from threading import Lock
from typing import Any


class OneBlasThread(ContextDecorator):
    """Lets BLAS work in the thread that calls it: its bits depend on how many share a product.

    A small product is also quicker so, where another process has the second core. The setting is
    the whole process's: it lasts until the last of those that asked for it is done.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_users = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_users == 0:
                self._limit = _blas().limit(limits=1)
            self._n_users += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._limit.restore_original_limits()


one_blas_thread = OneBlasThread()


@cache
def _blas() -> Any:
    import scipy.linalg  # noqa: F401  # the controller finds what is loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
