"""Check values of callers. Each message has the rule, the value and the remedy."""

from __future__ import annotations

import math
import os
from numbers import Integral, Real
from typing import Any, Literal, Protocol

import numpy as np

from meshtsne.errors import InputError

# The names that parameters accept, for type checkers; the functions below check the values.
Metric = Literal[
    "euclidean", "l2", "cosine", "correlation", "manhattan", "l1", "cityblock", "chebyshev"
]
Quality = Literal["draft", "standard", "best"]
Method = Literal["auto", "direct", "grid"]
Init = Literal["pca", "random", "spectral"]

METRICS = ("euclidean", "cosine", "correlation", "manhattan", "chebyshev")
SYNONYMS = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}


class HasArray(Protocol):
    """An object that NumPy converts to an array, other than a list or a string."""

    def __array__(self, *args: Any, **options: Any) -> Any:
        """Return the array."""


# More threads than cores of current machines; some systems cannot start more.
MOST_THREADS = 256


def canonical_metric(metric: Any, *, known: tuple[str, ...] = METRICS) -> str:
    """Return the canonical name of a metric; raise InputError with all names."""
    name = SYNONYMS.get(metric, metric) if isinstance(metric, str) else None
    if name not in known:
        check_choice("metric", metric, (*known, *SYNONYMS))
    return str(name)


def count_threads(n_jobs: Any) -> int:
    """Return the number of threads for `n_jobs`.

    None and -1 are all cores, -2 is all but one, as in joblib. The largest number is 256; the
    results do not depend on the number of threads.

    Raises
    ------
    InputError
        `n_jobs` is 0 or not an integer.
    """
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    n_cores = n_cores or 1
    if n_jobs is None:
        return min(n_cores, MOST_THREADS)
    if not is_integer(n_jobs) or n_jobs == 0:
        raise InputError(
            f"n_jobs must be an integer other than 0, or None; got {n_jobs!r}. "
            "Pass 1 for one thread, None for all cores."
        )
    return min(int(n_jobs) if n_jobs > 0 else max(1, n_cores + 1 + int(n_jobs)), MOST_THREADS)


def random_generator(random_state: Any) -> np.random.RandomState:
    """Return the generator for `random_state`; None is NumPy's global generator.

    Raises
    ------
    InputError
        `random_state` is neither a seed nor a generator.
    """
    if random_state is None:
        return np.random.mtrand._rand  # noqa: SLF001 - the generator of numpy.random's functions
    if isinstance(random_state, np.random.RandomState):
        return random_state
    if is_integer(random_state) and 0 <= random_state < 2**32:
        return np.random.RandomState(random_state)
    raise InputError(
        "random_state must be an integer from 0 to 2**32 - 1, a RandomState or None; "
        f"got {random_state!r}. Pass for example 0."
    )


def as_numpy(name: str, values: Any) -> Any:
    """Return a tensor of PyTorch as an array of NumPy, and every other value unchanged.

    In a list or tuple, each tensor is replaced by its array.

    Raises
    ------
    InputError
        NumPy cannot represent the tensor: it needs a gradient, is on a GPU, or has a type that
        NumPy does not have.
    """
    if isinstance(values, list | tuple) and any(hasattr(value, "detach") for value in values):
        return [as_numpy(f"each item of {name}", value) for value in values]
    if not hasattr(values, "detach"):
        return values
    try:
        return np.asarray(values)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"{name} must be a tensor that NumPy can convert: {str(error).rstrip('.')}. "
            "Pass tensor.detach().cpu(), with .float() for bfloat16."
        ) from error


def is_plain_matrix(X: Any) -> bool:
    """Return whether X is an array that scikit-learn's checks return unchanged."""
    return (
        type(X) in (np.ndarray, np.memmap) and X.ndim == 2 and X.size > 0 and X.dtype.kind in "fiu"
    )


def as_matrix(name: str, X: Any) -> Any:
    """Return X, array-like or sparse, as an array or canonical CSR matrix with one item per row.

    Raises
    ------
    InputError
        X does not contain numbers, is empty, or is not two-dimensional.
    """
    X = as_numpy(name, X)
    if is_plain_matrix(X):
        return np.asarray(X)
    from sklearn.utils import check_array

    try:
        return canonical(check_array(X, accept_sparse="csr", ensure_all_finite=False))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} must be an array of numbers with one row per item: {error} Pass such an array."
        ) from error


def is_sparse(X: Any) -> bool:
    """Return whether the result of `as_matrix` is sparse, without an import of SciPy."""
    return not isinstance(X, np.ndarray)


def canonical(X: Any) -> Any:
    """Return a CSR matrix with sorted indices and each entry once; return an array unchanged.

    Repeated entries of a row and column are added, as SciPy does in ``toarray`` and scikit-learn
    in the conversion of a COO matrix, so the storage format does not change the result. The matrix
    of the caller is unchanged.
    """
    if not is_sparse(X):
        return X
    # a new object, because the caller may have changed the arrays after X cached its format
    X = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def is_integer(value: Any) -> bool:
    """Return whether the type of a value is an integer type other than bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_number(
    name: str,
    value: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    otherwise: str = "",
) -> None:
    """Raise InputError unless the value is a finite number that is not below the limit."""
    low = at_least if at_least is not None else above
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if (
        not real
        or (above is not None and value <= above)
        or (at_least is not None and value < at_least)
    ):
        rule = f"of at least {low:g}" if at_least is not None else f"above {low:g}"
        raise InputError(
            f"{name} must be a finite number {rule}{otherwise}; got {value!r}. Pass such a number."
        )


def check_integer(
    name: str, value: Any, *, low: int, high: int | None = None, otherwise: str = ""
) -> None:
    """Raise InputError unless the value is an integer from `low` to `high`, both included."""
    if not is_integer(value) or value < low or (high is not None and value > high):
        rule = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise InputError(f"{name} must be an integer {rule}{otherwise}; got {value!r}. Pass one.")


def check_choice(name: str, value: Any, known: tuple[str, ...], *, otherwise: str = "") -> None:
    """Raise InputError unless the value is one of the known strings."""
    if not (isinstance(value, str) and value in known):
        raise InputError(
            f"{name} must be one of {', '.join(known)}{otherwise}; got {value!r}. "
            "Choose one of these."
        )
