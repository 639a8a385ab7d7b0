"""The checked parameters of one fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Request:
    """The checked parameters of one fit.

    Attributes
    ----------
    n_neighbors : int
        Number of neighbors of each item in P.
    perplexities : tuple of float
    metric : str
        Canonical name, or "precomputed".
    n_pca, n_components, init, method
        As in `TSNE`.
    generator : RandomState
    n_threads : int
    """

    n_neighbors: int
    perplexities: tuple[float, ...]
    metric: str
    n_pca: int | None
    n_components: int
    init: Any
    method: str
    generator: np.random.RandomState
    n_threads: int
