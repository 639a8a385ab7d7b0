"""Work in threads, and limit the threads of BLAS, which computes the matrix products of NumPy."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

T = TypeVar("T")
R = TypeVar("R")


def map_parts(work: Callable[[T], R], parts: Iterable[T], *, n_threads: int) -> list[R]:
    """Return the results of `work` for each part, computed in threads with one BLAS thread each."""
    with one_blas_thread(), ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, parts))  # raises an error of a thread


def one_blas_thread() -> AbstractContextManager[None]:
    """Limit the loaded BLAS libraries to one thread.

    The rounding of a product depends on the number of threads. Small products and eigenvectors of
    small matrices take several times as long if BLAS divides them into threads.
    """
    blas = _blas(is_scipy_loaded="scipy.linalg" in sys.modules)
    return blas.limit(limits=1)  # type: ignore[no-any-return]  # no types


@cache
def _blas(*, is_scipy_loaded: bool) -> Any:
    """Return a controller of the loaded BLAS libraries; SciPy may load a library of its own.

    The search for the loaded libraries takes milliseconds.
    """
    del is_scipy_loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
