"""The stages of a fit on the CPU, in their order; `cuda.DeviceStages` runs them on a GPU."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from meshtsne.affinities import find_gaussians, joint_probabilities
from meshtsne.descent import initial
from meshtsne.forces.choice import choose_gradient
from meshtsne.records import Gaussians
from meshtsne.reduction import Reduction, fit_reduction
from meshtsne.search.neighbors import FIT_RECALL_GOAL, NeighborIndex, out_of_metric
from meshtsne.search.precomputed import check_distances, check_reach, neighbors_of_distances

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from meshtsne.descent.gradient import Gradient
    from meshtsne.fit.log import FitLog
    from meshtsne.fit.request import FitRequest
    from meshtsne.records import Neighbors


class Stages(Protocol):
    """The stages of a fit. Each stage keeps what the later stages need.

    Attributes
    ----------
    reduction : Reduction or None
        None if there are no features. The same holds for `points`.
    index : NeighborIndex or None
        Search index for new items. None if it has not been built, or if `points` is None.
    seed : int
        Seed of the index.
    recall : float
        Share of the true neighbors that the search found.
    """

    reduction: Reduction | None
    index: NeighborIndex | None
    seed: int
    recall: float

    @property
    def points(self) -> NDArray[np.float32] | None:
        """Reduced features, float32 (n, m). On a GPU, wait until they have been copied."""
        ...

    @property
    def neighbors(self) -> Neighbors:
        """The k neighbors of each item, at the scale of `points`. On a GPU, wait for the copy."""
        ...

    def guard(self) -> AbstractContextManager[None]:
        """Return a context for all stages that translates the errors of the device."""
        ...

    def reduce(self, X: Any) -> None:
        """Compute `points` from the features; keep distances as they are."""
        ...

    def build_index(self) -> None:
        """Build the search index."""
        ...

    def find_neighbors(self) -> None:
        """Find the `neighbors` of each item, int32 and float32, shape (n, k)."""
        ...

    def compute_affinities(self) -> None:
        """Compute the probabilities of the neighbors, or take the affinities of the caller."""
        ...

    def first_positions(self) -> NDArray[np.float32]:
        """Return the initial positions, float32, shape (n, c)."""
        ...

    def gradient(self, start: NDArray[np.float32]) -> Gradient:
        """Return the gradient for P at the positions `start`, float32, shape (n, c)."""
        ...


class HostStages:
    """The stages on the CPU: see `Stages`.

    Parameters
    ----------
    request : FitRequest
    """

    neighbors: Neighbors  # set by `find_neighbors`, unless the caller gave affinities
    _P: csr_array | Gaussians  # set by `join`, and deleted by `gradient`

    def __init__(self, request: FitRequest) -> None:
        self._request = request
        self._distances: Any = None
        self.reduction: Reduction | None = None
        self.points: NDArray[np.float32] | None = None
        self.index: NeighborIndex | None = None
        self.seed = 0
        self._is_given = request.neighbors is not None or request.affinities is not None
        self.recall = math.nan if self._is_given else 1.0

    def guard(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()

    def reduce(self, X: Any) -> None:
        """Compute `points` from the features; keep distances as they are.

        Parameters
        ----------
        X : array or sparse matrix, shape (n, d) or (n, n); or None
        """
        request = self._request
        if X is None:
            return
        if request.metric == "precomputed":
            self._distances = X
            return
        self.reduction = fit_reduction(
            X,
            n_components=request.n_pca,
            metric=request.metric,
            generator=request.generator,
            n_threads=request.n_threads,
        )
        self.points = self.reduction.apply(X)

    def build_index(self) -> None:
        """Arrange the points in cells, unless the caller gave neighbors or affinities."""
        request = self._request
        if self.points is None:
            return
        self.seed = int(request.generator.randint(2**31 - 1))
        if self._is_given:
            return
        self.index = NeighborIndex(
            self.points,
            request.n_neighbors,
            metric=request.metric,
            seed=self.seed,
            n_jobs=request.n_threads,
            recall_goal=FIT_RECALL_GOAL,
        )
        self.recall = self.index.recall

    def find_neighbors(self) -> None:
        """Find the `neighbors` of each item, or take the neighbors of the caller.

        Raises
        ------
        InputError
            The caller's distances or neighbors are invalid, or too few for the perplexity.
        """
        request = self._request
        if request.affinities is not None:
            return
        if request.neighbors is not None:
            self.neighbors = out_of_metric(request.neighbors, request.metric)
        elif self.index is None:
            check_distances(self._distances)
            self.neighbors = neighbors_of_distances(
                self._distances, request.n_neighbors, leave_out_self=True
            )
        else:
            self.neighbors = self.index.graph(request.n_neighbors, n_jobs=request.n_threads)
            return
        check_reach(self.neighbors, max(request.perplexities))

    def compute_affinities(self) -> None:
        """Find the Gaussians of the neighbors, or take the affinities of the caller."""
        request = self._request
        if request.affinities is not None:
            self._P = request.affinities
        else:
            self._P = find_gaussians(
                self.neighbors, request.perplexities, n_threads=request.n_threads
            )

    def first_positions(self) -> NDArray[np.float32]:
        """Return the initial positions, float32, shape (n, c)."""
        request = self._request
        P, points = self._P, self.points
        start = partial(
            initial.pca_start, n_components=request.n_components, generator=request.generator
        )

        def join() -> csr_array:
            if not isinstance(P, Gaussians):
                return P
            return joint_probabilities(
                self.neighbors, request.perplexities, n_threads=request.n_threads
            )

        return initial.first_positions(
            request.init,
            (P.shape[0], request.n_components),
            pca=None if points is None else partial(start, points),
            join=join,
            generator=request.generator,
        )

    def gradient(self, start: NDArray[np.float32]) -> Gradient:
        """Return the gradient for P at the positions `start`, float32, shape (n, c)."""
        request = self._request
        P = self._P
        del self._P
        return choose_gradient(P, start, method=request.method, n_threads=request.n_threads)


def open_stages(request: FitRequest, device: str) -> Stages:
    """Return the stages on a device.

    Parameters
    ----------
    request : FitRequest
    device : str
        From `fit.device.resolve_device`.

    Raises
    ------
    DeviceError
        The GPU fails its check.
    """
    if device == "cpu":
        return HostStages(request)
    from meshtsne.cuda import DeviceStages

    return DeviceStages(request, device=device)


def arrange(stages: Stages, X: Any, log: FitLog) -> None:
    """Reduce the features X, shape (n, d), and build the search index."""
    with log.timed("pca"):
        stages.reduce(X)
    with log.timed("index"):
        stages.build_index()


def prepare(stages: Stages, X: Any, log: FitLog) -> Gradient:
    """Run all stages before the descent.

    Parameters
    ----------
    stages : Stages
    X : array or sparse matrix, shape (n, d) or (n, n); or None
    log : FitLog

    Returns
    -------
    Gradient
        At the initial positions.
    """
    arrange(stages, X, log)
    with log.timed("neighbors"):
        stages.find_neighbors()
    with log.timed("affinities"):
        stages.compute_affinities()
    with log.timed("initial"):
        return stages.gradient(stages.first_positions())
