"""The stages of a fit, in their order, on the CPU; `cuda.DeviceStages` has the same on a GPU."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from meshtsne import initial
from meshtsne.affinities import joint_probabilities
from meshtsne.forces.choice import choose_gradient
from meshtsne.reduction import Reduction, fit_reduction
from meshtsne.search.neighbors import NeighborIndex
from meshtsne.search.precomputed import check_distances, neighbors_of_distances

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from meshtsne.descent import Gradient
    from meshtsne.records import Neighbors
    from meshtsne.request import Request


class Stages(Protocol):
    """A fit, stage by stage; each keeps what the later ones need.

    Attributes
    ----------
    reduction : Reduction or None
        None where the caller gave distances; likewise `points`.
    index : NeighborIndex or None
        Which finds the neighbors of new items; None where there is none yet, or `points` is None.
    seed : int
        For the index.
    recall : float
    """

    reduction: Reduction | None
    index: NeighborIndex | None
    seed: int
    recall: float

    @property
    def points(self) -> NDArray[np.float32] | None:
        """The reduced features, float32 (n, m); on a GPU this waits until they are copied."""
        ...

    @property
    def neighbors(self) -> Neighbors:
        """The k neighbors of each item, at the scale of `points`; on a GPU this waits likewise."""
        ...

    def guard(self) -> AbstractContextManager[None]:
        """Return what explains the errors of the machine, to stand around all stages."""
        ...

    def reduce(self, X: Any) -> None:
        """Make `points` of the features, or take the caller's distances as they are."""
        ...

    def build_index(self) -> None:
        """Prepare the search."""
        ...

    def find_neighbors(self) -> None:
        """Find each item's `neighbors`."""
        ...

    def join(self) -> csr_array | None:
        """Make P; return it where it lies in the host's memory."""
        ...

    def first_positions(self) -> NDArray[np.float32]:
        """Return where the descent begins, shape (n, c)."""
        ...

    def gradient(self, start: NDArray[np.float32]) -> Gradient:
        """Return the Gradient for P that begins there."""
        ...


class HostStages:
    """The stages on the CPU: see `Stages`.

    Parameters
    ----------
    request : Request
    """

    neighbors: Neighbors

    def __init__(self, request: Request) -> None:
        self._request = request
        self._distances: Any = None
        self.reduction: Reduction | None = None
        self.points: NDArray[np.float32] | None = None
        self.index: NeighborIndex | None = None
        self.seed = 0
        self.recall = 1.0

    def guard(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()

    def reduce(self, X: Any) -> None:
        """Make `points` of the features, or take the caller's distances as they are."""
        ask = self._request
        if ask.metric == "precomputed":
            self._distances = X
            return
        self.reduction = fit_reduction(
            X,
            n_components=ask.n_pca,
            metric=ask.metric,
            generator=ask.generator,
            n_threads=ask.n_threads,
        )
        self.points = self.reduction.apply(X)

    def build_index(self) -> None:
        """Arrange the points in cells."""
        ask = self._request
        if self.points is None:
            return
        self.seed = int(ask.generator.randint(2**31 - 1))
        self.index = NeighborIndex(
            self.points, ask.n_neighbors, metric=ask.metric, seed=self.seed, n_jobs=ask.n_threads
        )
        self.recall = self.index.recall

    def find_neighbors(self) -> None:
        """Find each item's `neighbors`."""
        ask = self._request
        if self.index is None:
            check_distances(self._distances)
            self.neighbors = neighbors_of_distances(
                self._distances, ask.n_neighbors, leave_out_self=True
            )
        else:
            self.neighbors = self.index.graph(ask.n_neighbors, n_jobs=ask.n_threads)

    def join(self) -> csr_array:
        """Make P, and return it."""
        ask = self._request
        self._P = joint_probabilities(self.neighbors, ask.perplexities, n_threads=ask.n_threads)
        return self._P

    def first_positions(self) -> NDArray[np.float32]:
        """Return where the descent begins, shape (n, c)."""
        ask = self._request
        return initial.first_positions(
            ask.init, self._P, ask.n_components, points=self.points, generator=ask.generator
        )

    def gradient(self, start: NDArray[np.float32]) -> Gradient:
        """Return the Gradient for P that begins there."""
        ask = self._request
        return choose_gradient(self._P, start, method=ask.method, n_threads=ask.n_threads)


def open_stages(request: Request, device: str) -> Stages:
    """Return the stages on a device that `device.resolve_device` named.

    Raises
    ------
    DeviceError
        The GPU fails its check.
    """
    if device == "cpu":
        return HostStages(request)
    from meshtsne.cuda import DeviceStages

    return DeviceStages(request, device=device)
