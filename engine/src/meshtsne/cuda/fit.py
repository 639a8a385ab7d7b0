"""The stages of a fit on an NVIDIA GPU; `meshtsne.fit.stages` describes the stages."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from meshtsne.affinities import joint_probabilities as join_on_host
from meshtsne.cuda.affinities import conditional_probabilities, joint_probabilities
from meshtsne.cuda.check import check_device
from meshtsne.cuda.gradient import CudaGradient
from meshtsne.cuda.host_copy import copy_to_host
from meshtsne.cuda.memory import explained_memory, require_memory
from meshtsne.cuda.neighbors import find_neighbors
from meshtsne.cuda.reduction import reduce_features
from meshtsne.descent import initial
from meshtsne.records import Neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from meshtsne.cuda.affinities import DeviceAffinities
    from meshtsne.cuda.neighbors import DeviceNeighbors
    from meshtsne.fit.request import FitRequest
    from meshtsne.reduction import Reduction
    from meshtsne.search.neighbors import NeighborIndex


class DeviceStages:
    """The stages on an NVIDIA GPU. Each array is freed after its last use.

    The same input and seed give the same bits in every run on the same GPU and libraries, because
    each sum has a fixed order or adds integers.

    Parameters
    ----------
    request : FitRequest
    device : str
        "cuda" or "cuda:N"; "cpu" with Triton's interpreter (TRITON_INTERPRET=1), for tests.

    Raises
    ------
    DeviceError
        The GPU fails its check.
    """

    _points_copy: Future[list[NDArray[Any]]]
    _neighbors_copy: Future[list[NDArray[Any]]]
    _found: DeviceNeighbors
    _P: DeviceAffinities
    _order: Tensor  # row r of the search is row _order[r] of X
    _features: Tensor

    def __init__(self, request: FitRequest, *, device: str) -> None:
        self._request = request
        self._device = torch.device(device)
        self._shape = (0, 0)
        self.reduction: Reduction | None = None
        self.index: NeighborIndex | None = None
        self.seed = 0
        self.recall = 1.0
        with self.guard():
            check_device(device)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Raise a DeviceError with the number of points that fit, for an out-of-memory error."""
        with explained_memory(lambda: (*self._shape, self._request.n_neighbors), self._device):
            yield

    @property
    def points(self) -> NDArray[np.float32]:
        """The reduced features, float32, shape (n, m); waits for the copy from the device."""
        (points,) = self._points_copy.result()
        return points

    @property
    def neighbors(self) -> Neighbors:
        """The neighbors of each item; waits for the copy from the device."""
        return Neighbors(*self._neighbors_copy.result())

    def reduce(self, X: Any) -> None:
        """Reduce the features to `points`, in blocks.

        Raises
        ------
        DeviceError
            The GPU has too little free memory for the fit.
        """
        ask = self._request
        n, d = X.shape
        self._shape = (n, d if ask.n_pca is None else min(d, ask.n_pca))
        require_memory(*self._shape, ask.n_neighbors, self._device)
        self.reduction, self._features = reduce_features(
            X,
            n_components=ask.n_pca,
            metric=ask.metric,
            generator=ask.generator,
            n_threads=ask.n_threads,
            device=self._device,
        )
        features = self._features
        self._points_copy = copy_to_host(
            lambda rows: [features[rows]], features.shape, [torch.float32], self._device
        )
        self._wait()

    def build_index(self) -> None:
        """Draw the seed. `transform` builds the index on the CPU, on first use."""
        self.seed = int(self._request.generator.randint(2**31 - 1))

    def find_neighbors(self) -> None:
        """Find the neighbors of each item, at the scale of `points`."""
        self._found = found = find_neighbors(
            self._features, self._request.n_neighbors, seed=self.seed
        )
        del self._features
        self._order, self.recall = found.order, found.recall
        row_of = torch.empty_like(found.order)  # the row of each item in the search
        row_of[found.order] = torch.arange(len(row_of), device=self._device)

        def take(items: slice) -> tuple[Tensor, Tensor]:
            rows = row_of[items]
            indices = found.order[found.indices[rows].long()]
            return indices.int(), found.squared_distances[rows].sqrt()

        self._neighbors_copy = copy_to_host(
            take, found.indices.shape, [torch.int32, torch.float32], self._device
        )

    def compute_affinities(self) -> None:
        """Compute P, which stays on the device."""
        found = self._found
        conditional = conditional_probabilities(found.squared_distances, self._request.perplexities)
        self._P = joint_probabilities(found.indices, conditional)
        self._wait()

    def first_positions(self) -> NDArray[np.float32]:
        """Return the initial positions, shape (n, 2)."""
        ask = self._request
        found = self._found
        del self._found
        return initial.first_positions(
            ask.init,
            (len(self._P), ask.n_components),
            pca=lambda: self._pca_start(found),
            join=lambda: join_on_host(self.neighbors, ask.perplexities, n_threads=ask.n_threads),
            generator=ask.generator,
        )

    def _pca_start(self, found: DeviceNeighbors) -> NDArray[np.float32]:
        """Return the leading principal components like `initial.pca_start`, shape (n, 2)."""
        ask = self._request
        centered = found.points - found.points.mean(0)
        covariance = (centered.T @ centered).double().cpu().numpy()
        axes = initial.signed_axes(covariance, ask.n_components, generator=ask.generator)
        on_axes = (centered @ torch.from_numpy(axes).float().to(self._device)).double()
        components = torch.empty_like(on_axes)
        components[found.order] = on_axes
        return initial.scaled_start(
            components.cpu().numpy(), ask.n_components, generator=ask.generator
        )

    def gradient(self, start: NDArray[np.float32]) -> CudaGradient:
        """Return the gradient for P at the positions `start`, float32, shape (n, 2)."""
        return CudaGradient(
            self._P,
            start,
            names=self._order,
            device=self._device,
            n_jobs=self._request.n_threads,
        )

    def _wait(self) -> None:
        """Wait for the device, but not for its copies: a stage's time includes all its work."""
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
