"""The checked parameters of one fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtsne.checks import METRICS, canonical_metric, count_threads, random_generator
from meshtsne.descent.initial import array_start
from meshtsne.errors import InputError
from meshtsne.fit.parameters import Parameters, count_neighbors
from meshtsne.search.precomputed import as_affinities, as_neighbors

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_array

    from meshtsne.records import Neighbors


@dataclass(frozen=True, eq=False)
class FitRequest:
    """The checked parameters of one fit.

    Attributes
    ----------
    n_items : int
    n_neighbors : int
        Number of neighbors of each item in P; 0 if the caller passed P.
    perplexities : tuple of float
    metric : str
        Canonical name, or "precomputed".
    n_pca, n_components, method
        As in `TSNE`.
    init : str or ndarray of float32, shape (n, c)
    generator : RandomState
    n_threads : int
    neighbors : Neighbors, optional
        Neighbors that the caller passed instead of a search.
    affinities : csr_array, optional
        P that the caller passed.
    """

    n_items: int
    n_neighbors: int
    perplexities: tuple[float, ...]
    metric: str
    n_pca: int | None
    n_components: int
    init: Any
    method: str
    generator: np.random.RandomState
    n_threads: int
    neighbors: Neighbors | None = None
    affinities: csr_array | None = None


def check_inputs(tsne: Parameters, X: Any, *, neighbors: Any, affinities: Any) -> None:
    """Raise InputError if inputs of `TSNE.fit` conflict or are not a matrix."""
    if neighbors is None and affinities is None:
        if tsne.metric == "precomputed" and getattr(X, "ndim", 2) == 1:
            raise InputError(
                "metric='precomputed' takes a matrix of shape (n, n); got an array of shape "
                f"{X.shape}. Pass scipy.spatial.distance.squareform(X) if X is a result of pdist."
            )
        return
    if neighbors is not None and affinities is not None:
        raise InputError("fit takes neighbors or affinities; got both. Pass one of the two.")
    given = "neighbors" if neighbors is not None else "affinities"
    if tsne.metric == "precomputed":
        raise InputError(
            f"metric='precomputed' takes distances as X; got {given} too. Leave {given} out, or "
            "pass the metric of the neighbors."
        )
    if X is None and isinstance(tsne.init, str) and tsne.init == "pca":
        raise InputError(
            f"init='pca' needs features; got {given} without X. Pass X too, or init='spectral'."
        )


def make_request(
    tsne: Parameters, n_items: int | None, *, neighbors: Any = None, affinities: Any = None
) -> FitRequest:
    """Return the request of a fit of this estimator, whose parameters have been checked.

    Parameters
    ----------
    tsne : Parameters
        The estimator.
    n_items : int or None
        Number of rows of X; None if there is no X.
    neighbors, affinities : optional
        As in `TSNE.fit`.

    Raises
    ------
    InputError
        There is no data, the perplexity or `n_neighbors` does not suit the number of items, or
        `neighbors`, `affinities` or the array `init` are invalid.
    """
    k, n_given = 0, None
    perplexities: tuple[float, ...] = ()
    if neighbors is not None:
        neighbors = as_neighbors(neighbors, n_items=n_items)
        n_items, n_given = neighbors.indices.shape
    if affinities is not None:
        affinities = as_affinities(affinities, n_items=n_items)
        n_items = int(affinities.shape[0])
    if n_items is None:
        raise InputError(
            "fit needs data; X, neighbors and affinities are None. Pass one of the three."
        )
    if affinities is None:
        k, perplexities = count_neighbors(
            tsne.perplexity, n_items=n_items, n_neighbors=tsne.n_neighbors, n_given=n_given
        )
    init = tsne.init
    if not isinstance(init, str):
        init = array_start(init, shape=(n_items, tsne.n_components))
    return FitRequest(
        n_items=n_items,
        n_neighbors=k,
        perplexities=perplexities,
        metric=canonical_metric(tsne.metric, known=(*METRICS, "precomputed")),
        n_pca=tsne.n_pca,
        n_components=tsne.n_components,
        init=init,
        method=tsne.method,
        generator=random_generator(tsne.random_state),
        n_threads=count_threads(tsne.n_jobs),
        neighbors=neighbors,
        affinities=affinities,
    )
