"""Check the parameters of the estimator."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from meshtsne.checks import (
    METRICS,
    canonical_metric,
    check_choice,
    check_integer,
    check_number,
    count_threads,
    random_generator,
)
from meshtsne.descent.initial import START_NAMES
from meshtsne.descent.schedule import MAX_ITER
from meshtsne.errors import InputError
from meshtsne.forces.choice import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from meshtsne.checks import HasArray, Init, Method, Metric, Quality
    from meshtsne.records import Neighbors

DEVICES = ("auto", "cpu", "cuda")

LEAST_ITEMS = 2

# the replacements of scikit-learn's values of `method`
_SCIKIT_LEARN_METHODS = {
    "exact": "'direct', which also sums the forces over all pairs",
    "barnes_hut": "'auto', which approximates the forces of many items on a grid",
}


class Parameters(Protocol):
    """The parameters of `TSNE`, which an estimator keeps as the caller passed them.

    The types are those of valid parameters; `check_parameters` checks the values.
    """

    n_components: int
    perplexity: float | Sequence[float]
    early_exaggeration: float
    early_exaggeration_iter: int | None
    late_exaggeration: float
    learning_rate: float | Literal["auto"]
    quality: Quality
    max_iter: int | None
    tolerance: float | None
    metric: Metric | Literal["precomputed"]
    init: Init | HasArray | Sequence[Sequence[float]]
    n_pca: int | None
    n_neighbors: int | None
    method: Method
    device: str
    random_state: int | np.random.RandomState | None
    n_jobs: int | None
    verbose: int
    callback: Callable[[int, float, NDArray[np.float32]], object] | None
    callback_every: int


def check_parameters(tsne: Parameters) -> None:
    """Raise InputError for the first parameter that is invalid for any data."""
    _check_descent(tsne)
    check_integer("n_components", tsne.n_components, low=1, high=3)
    for name, value in (("n_pca", tsne.n_pca), ("n_neighbors", tsne.n_neighbors)):
        if value is not None:
            check_integer(name, value, low=1, otherwise=" or None")
    _check_method(tsne.method)
    if not is_device(tsne.device):
        check_choice("device", tsne.device, DEVICES, otherwise=" or cuda:N")
    if isinstance(tsne.init, str) or tsne.init is None:
        check_choice("init", tsne.init, START_NAMES, otherwise=" or an array of positions")
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


def _check_method(method: object) -> None:
    """Raise InputError unless `method` is valid; name the replacements of scikit-learn's."""
    instead = _SCIKIT_LEARN_METHODS.get(method) if isinstance(method, str) else None
    if instead is not None:
        raise InputError(
            f"method must be one of {', '.join(METHODS)}; got {method!r}, which only scikit-learn "
            f"has. Pass {instead}."
        )
    check_choice("method", method, METHODS)


def _check_descent(tsne: Parameters) -> None:
    """Raise InputError for the first invalid parameter of the descent."""
    check_choice("quality", tsne.quality, tuple(MAX_ITER))
    if tsne.early_exaggeration_iter is not None:
        early = tsne.early_exaggeration_iter
        check_integer("early_exaggeration_iter", early, low=0, otherwise=" or None")
    if tsne.max_iter is not None:
        check_integer("max_iter", tsne.max_iter, low=1, otherwise=" or None")
    check_integer("callback_every", tsne.callback_every, low=1)
    check_number("early_exaggeration", tsne.early_exaggeration, at_least=1)
    check_number("late_exaggeration", tsne.late_exaggeration, at_least=1)
    if not (isinstance(tsne.learning_rate, str) and tsne.learning_rate == "auto"):
        check_number("learning_rate", tsne.learning_rate, above=0, otherwise=" or 'auto'")
    if tsne.tolerance is not None:
        check_number("tolerance", tsne.tolerance, at_least=0, otherwise=" or None")


def check_early_iterations(early: int | None, n_iter: int) -> None:
    """Raise InputError if all `n_iter` iterations of a fit would be exaggerated."""
    if early is not None and early >= n_iter:
        raise InputError(
            "early_exaggeration_iter must be less than the number of iterations, "
            f"{n_iter}; got {early}. Lower early_exaggeration_iter, or pass a larger max_iter."
        )


def is_device(device: object) -> bool:
    """Return whether a value is a valid `device` of `TSNE`."""
    return isinstance(device, str) and (
        device in DEVICES or re.fullmatch(r"cuda:\d+", device) is not None
    )


def _perplexities(perplexity: Any) -> tuple[float, ...]:
    """Return the perplexities, checked, of a number or a sequence of numbers.

    An iterator is invalid, because a second fit would find it empty.
    """
    values = (perplexity,) if isinstance(perplexity, Real) else perplexity
    if (
        not np.iterable(values)  # np.array(30) is a Collection, too
        or not isinstance(values, Collection)
        or isinstance(values, str)
        or len(values) == 0
    ):
        raise InputError(
            f"perplexity must be a number or a sequence of numbers; got {perplexity!r}. "
            "Pass for example 30 or (10, 100)."
        )
    for value in values:
        check_number("perplexity", value, at_least=1)
    return tuple(float(value) for value in values)


def count_neighbors(
    perplexity: Any, *, n_items: int, n_neighbors: int | None, n_given: int | None = None
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
    n_given : int, optional
        Number of columns of the caller's neighbors, which replaces `n_neighbors`.

    Returns
    -------
    n_neighbors : int
    perplexities : tuple of float

    Raises
    ------
    InputError
        A perplexity is not less than the number of items, or the number of neighbors is less than
        a perplexity or not less than the number of items.
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
    if n_given is not None:
        if not largest <= n_given < n_items:
            raise InputError(
                f"neighbors must have at least as many columns as the perplexity, {largest:g}, and "
                f"fewer than the number of items, {n_items}; got {n_given}. Pass three times as "
                "many neighbors as the perplexity."
            )
        return n_given, scales
    if n_neighbors is None:
        return min(usual_neighbors(scales), n_items - 1), scales
    if not largest <= n_neighbors < n_items:
        raise InputError(
            f"n_neighbors must be at least the perplexity {largest:g} and less than the number "
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
