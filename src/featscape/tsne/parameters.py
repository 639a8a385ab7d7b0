"""Checks of TSNE's parameters, made before any work: each says rule, value and remedy."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.tsne.device import DEVICES, METHODS
from featscape.tsne.initial import START_NAMES
from featscape.tsne.neighbors import canonical_metric

if TYPE_CHECKING:
    from featscape.tsne.estimator import TSNE

LEAST_ITEMS = 5  # a perplexity of 1, the least there is, stays below (n - 1)/3


def check_parameters(tsne: TSNE) -> None:
    """Raise InputError for the first parameter that no data could make right."""
    _integer("n_components", tsne.n_components, low=1, high=3)
    _integer("early_exaggeration_iter", tsne.early_exaggeration_iter, low=0)
    _integer("max_iter", tsne.max_iter, low=1)
    _integer("callback_every", tsne.callback_every, low=1)
    _number("early_exaggeration", tsne.early_exaggeration, at_least=1)
    _number("late_exaggeration", tsne.late_exaggeration, at_least=1)
    if not (isinstance(tsne.learning_rate, str) and tsne.learning_rate == "auto"):
        _number("learning_rate", tsne.learning_rate, above=0, otherwise=" or 'auto'")
    if tsne.tolerance is not None:
        _number("tolerance", tsne.tolerance, at_least=0, otherwise=" or None")
    if tsne.n_pca is not None:
        _integer("n_pca", tsne.n_pca, low=1, otherwise=" or None")
    if tsne.n_neighbors is not None:
        _integer("n_neighbors", tsne.n_neighbors, low=1, otherwise=" or None")
    _choice("method", tsne.method, METHODS)
    _choice("device", tsne.device, DEVICES)
    if isinstance(tsne.init, str) or tsne.init is None:
        _choice("init", tsne.init, (*START_NAMES, "an array of positions"))
    if tsne.callback is not None and not callable(tsne.callback):
        raise InputError(
            f"callback must be callable or None; got {tsne.callback!r}. Pass a function."
        )
    if tsne.metric != "precomputed":
        canonical_metric(tsne.metric)
    elif isinstance(tsne.init, str) and tsne.init == "pca":
        raise InputError(
            "init='pca' needs features; metric='precomputed' has distances only. "
            "Pass init='spectral' or init='random'."
        )


def _perplexities(perplexity: Any) -> tuple[float, ...]:
    """Return the perplexities that a number or a sequence of numbers names, checked."""
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
    """Return how many neighbours of each item make P, and the perplexities.

    Raises
    ------
    InputError
        The items are too few for the perplexity, or `n_neighbors` does not suit either.
    """
    if n_items < LEAST_ITEMS:
        samples = "1 sample" if n_items == 1 else f"{n_items} samples"
        raise InputError(f"t-SNE needs at least {LEAST_ITEMS} items; got {samples}. Add items.")
    scales = _perplexities(perplexity)
    largest = max(scales)
    if not 3 * largest < n_items - 1:
        raise InputError(
            f"perplexity must be below (n - 1)/3 = {(n_items - 1) / 3:.1f} for {n_items} items; "
            f"got {largest:g}. Lower perplexity or add items."
        )
    if n_neighbors is None:
        return math.ceil(3 * largest), scales
    if not largest < n_neighbors < n_items:
        raise InputError(
            f"n_neighbors must be above the perplexity {largest:g} and below the number of items "
            f"{n_items}; got {n_neighbors}. None takes three times the perplexity."
        )
    return n_neighbors, scales


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
            f"{name} must be a finite number {rule}{otherwise}; got {value!r}. Change it."
        )


def _integer(
    name: str, value: Any, *, low: int, high: int | None = None, otherwise: str = ""
) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        rule = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise InputError(f"{name} must be an integer {rule}{otherwise}; got {value!r}. Change it.")


def _choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    if not (isinstance(value, str) and value in known):
        raise InputError(
            f"{name} must be one of {', '.join(known)}; got {value!r}. Choose one of these."
        )
