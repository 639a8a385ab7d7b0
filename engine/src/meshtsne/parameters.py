"""Check the parameters of callers. Each message has the rule, the value and the remedy."""

from __future__ import annotations

import math
import os
import re
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne.errors import InputError
from meshtsne.forces.choice import METHODS
from meshtsne.initial import START_NAMES

if TYPE_CHECKING:
    from meshtsne.estimator import TSNE
    from meshtsne.records import Neighbors

METRICS = ("euclidean", "cosine", "correlation", "manhattan", "chebyshev")
DEVICES = ("auto", "cpu", "cuda")
_SYNONYMS = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}

# More threads than cores of current machines; some systems cannot start more.
MOST_THREADS = 256

LEAST_ITEMS = 2


def check_parameters(tsne: TSNE) -> None:
    """Raise InputError for the first parameter that is invalid for any data."""
    check_integer("n_components", tsne.n_components, low=1, high=3)
    check_integer("early_exaggeration_iter", tsne.early_exaggeration_iter, low=0)
    check_integer("max_iter", tsne.max_iter, low=1)
    check_integer("callback_every", tsne.callback_every, low=1)
    _number("early_exaggeration", tsne.early_exaggeration, at_least=1)
    _number("late_exaggeration", tsne.late_exaggeration, at_least=1)
    if not (isinstance(tsne.learning_rate, str) and tsne.learning_rate == "auto"):
        _number("learning_rate", tsne.learning_rate, above=0, otherwise=" or 'auto'")
    if tsne.tolerance is not None:
        _number("tolerance", tsne.tolerance, at_least=0, otherwise=" or None")
    if tsne.n_pca is not None:
        check_integer("n_pca", tsne.n_pca, low=1, otherwise=" or None")
    if tsne.n_neighbors is not None:
        check_integer("n_neighbors", tsne.n_neighbors, low=1, otherwise=" or None")
    _choice("method", tsne.method, METHODS)
    if not is_device(tsne.device):
        _choice("device", tsne.device, DEVICES, otherwise=" or cuda:N")
    if isinstance(tsne.init, str) or tsne.init is None:
        _choice("init", tsne.init, START_NAMES, otherwise=" or an array of positions")
    if tsne.callback is not None and not callable(tsne.callback):
        raise InputError(
            f"callback must be callable or None; got {tsne.callback!r}. Pass a function."
        )
    verbose = int(tsne.verbose) if isinstance(tsne.verbose, bool) else tsne.verbose
    check_integer("verbose", verbose, low=0)
    count_threads(tsne.n_jobs)
    random_generator(tsne.random_state)
    metric = canonical_metric(tsne.metric, known=(*METRICS, "precomputed"))
    if metric == "precomputed" and isinstance(tsne.init, str) and tsne.init == "pca":
        raise InputError(
            "init='pca' needs features; with metric='precomputed' there are only distances. "
            "Pass init='spectral' or init='random'."
        )


def canonical_metric(metric: Any, *, known: tuple[str, ...] = METRICS) -> str:
    """Return the canonical name of a metric; raise InputError with all names."""
    name = _SYNONYMS.get(metric, metric) if isinstance(metric, str) else None
    if name not in known:
        _choice("metric", metric, (*known, *_SYNONYMS))
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
    from sklearn.utils import check_random_state

    try:
        generator: np.random.RandomState = check_random_state(random_state)
    except ValueError as error:
        raise InputError(
            "random_state must be an integer from 0 to 2**32 - 1, a RandomState or None; "
            f"got {random_state!r}. Pass for example 0."
        ) from error
    return generator


def as_matrix(name: str, X: Any) -> Any:
    """Return X, array-like or sparse, as an array or CSR matrix with one item per row.

    Raises
    ------
    InputError
        X does not contain numbers, is empty, or is not two-dimensional.
    """
    from sklearn.utils import check_array

    try:
        return check_array(X, accept_sparse="csr", ensure_all_finite=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} must be an array of numbers with one row per item: {error} Pass such an array."
        ) from error


def is_device(device: object) -> bool:
    """Return whether a value is a valid `device` of `TSNE`."""
    return isinstance(device, str) and (
        device in DEVICES or re.fullmatch(r"cuda:\d+", device) is not None
    )


def is_integer(value: Any) -> bool:
    """Return whether the type of a value is an integer type other than bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _perplexities(perplexity: Any) -> tuple[float, ...]:
    """Return the perplexities, checked, of a number or a sequence of numbers."""
    values = (perplexity,) if isinstance(perplexity, Real) else perplexity
    if isinstance(values, str) or not np.iterable(values) or len(tuple(values)) == 0:
        raise InputError(
            f"perplexity must be a number or a sequence of numbers; got {perplexity!r}. "
            "Pass for example 30 or (10, 100)."
        )
    for value in values:
        _number("perplexity", value, at_least=1)
    return tuple(float(value) for value in values)


def count_neighbors(
    perplexity: Any, *, n_items: int, n_neighbors: int | None
) -> tuple[int, tuple[float, ...]]:
    """Return the number of neighbors per item in P, and the perplexities.

    Parameters
    ----------
    perplexity : float or sequence of float
        As in `TSNE`.
    n_items : int
    n_neighbors : int, optional
        As in `TSNE`. The default is three times the largest perplexity, rounded up, or all n - 1
        other items if there are fewer.

    Returns
    -------
    n_neighbors : int
    perplexities : tuple of float

    Raises
    ------
    InputError
        A perplexity is not less than the number of items, or `n_neighbors` is out of its range.
    """
    if n_items < LEAST_ITEMS:
        samples = "1 sample" if n_items == 1 else f"{n_items} samples"
        raise InputError(f"t-SNE needs at least {LEAST_ITEMS} items; got {samples}. Add items.")
    scales = _perplexities(perplexity)
    largest = max(scales)
    if not largest < n_items:
        raise InputError(
            f"perplexity must be less than the number of items, {n_items}; got {largest:g}. "
            "Lower perplexity or add items."
        )
    if n_neighbors is None:
        return min(usual_neighbors(scales), n_items - 1), scales
    if not largest < n_neighbors < n_items:
        raise InputError(
            f"n_neighbors must be greater than the perplexity {largest:g} and less than the number "
            f"of items {n_items}; got {n_neighbors}. None uses three times the perplexity."
        )
    return n_neighbors, scales


def usual_neighbors(perplexities: tuple[float, ...]) -> int:
    """Return three times the largest perplexity, rounded up."""
    return math.ceil(3 * max(perplexities))


def check_neighbors(neighbors: Neighbors, *, shape: tuple[int, int]) -> None:
    """Raise InputError unless both arrays of the neighbors have this shape."""
    for name, values in (("indices", neighbors.indices), ("distances", neighbors.distances)):
        if values.shape != shape:
            raise InputError(
                f"neighbors.{name} must have the shape {shape} for these parameters; got "
                f"{values.shape}. Pass the neighbors of the restored embedding."
            )


def _number(
    name: str,
    value: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    otherwise: str = "",
) -> None:
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


def _choice(name: str, value: Any, known: tuple[str, ...], *, otherwise: str = "") -> None:
    if not (isinstance(value, str) and value in known):
        raise InputError(
            f"{name} must be one of {', '.join(known)}{otherwise}; got {value!r}. "
            "Choose one of these."
        )
