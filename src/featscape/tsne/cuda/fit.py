"""A whole t-SNE on the device: neighbors, affinities, descent."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featscape.tsne.descent import descend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from featscape.tsne.cuda.neighbors import DeviceNeighbors
    from featscape.tsne.descent import Outcome, Phase

# Standard deviation of the first axis at the start (Kobak & Berens 2019, Nat. Commun. 10:5416).
_START_SD = 1e-4


@dataclass(frozen=True, eq=False)
class DeviceFit:
    """A finished map, and what it was made from.

    Attributes
    ----------
    embedding : ndarray of float32, shape (n, 2)
    outcome : descent.Outcome
        Iterations, KL divergence, and why the descent ended.
    recall : float
        The share of true neighbors found by the search, at least, from a sample.
    seconds : dict of str to float
        The time of each stage: "neighbors", "affinities", "descent".
    """

    embedding: NDArray[np.float32]
    outcome: Outcome
    recall: float
    seconds: dict[str, float]
    _found: DeviceNeighbors = field(repr=False)

    def neighbors(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Copy the neighbors from the device: indices and euclidean distances, both (n, k)."""
        import torch

        found = self._found
        indices = torch.empty_like(found.indices)
        indices[found.order] = found.order[found.indices.long()].int()
        distances = torch.empty_like(found.squared_distances)
        distances[found.order] = found.squared_distances.sqrt()
        return indices.cpu().numpy(), distances.cpu().numpy()


def fit_on_device(
    X: NDArray[np.float32] | torch.Tensor,
    *,
    perplexity: float | Sequence[float],
    n_neighbors: int,
    phases: Sequence[Phase],
    init: NDArray[np.float32] | None = None,
    seed: int = 0,
    tolerance: float | None = None,
    callback: Callable[[int, float, NDArray[np.float32]], object] | None = None,
    callback_every: int = 50,
    device: str = "cuda",
) -> DeviceFit:
    """Embed X in two dimensions, wholly on the device.

    The same input and seed give the same bits at every run on the same card and libraries.

    Parameters
    ----------
    X : ndarray or Tensor of float32, shape (n, d)
        Finite; compared by euclidean distance. Reduce it to some 50 columns first.
    perplexity : float or sequence of float
        Several are averaged.
    n_neighbors : int
        Of each point, below n; three times the perplexity is usual.
    phases : sequence of descent.Phase
    init : ndarray, shape (n, 2), optional
        Where the descent begins. By default the first two principal axes, scaled to a standard
        deviation of 1e-4.
    seed : int
        Of the neighbor search.
    tolerance, callback, callback_every
        As for `descent.descend`.
    device : str

    Returns
    -------
    DeviceFit

    Raises
    ------
    DeviceError
        There is no such GPU, or its memory is too small for the work.
    """
    import torch

    from featscape.tsne.cuda.affinities import conditional_probabilities, joint_probabilities
    from featscape.tsne.cuda.gradient import CudaGradient
    from featscape.tsne.cuda.memory import explained_memory, find_device, require_memory
    from featscape.tsne.cuda.neighbors import find_neighbors

    place = find_device(device)
    n, n_columns = X.shape
    require_memory(n, n_columns, n_neighbors, place)
    seconds = {}
    clock = _Stopwatch(place)
    with explained_memory(n, n_columns, n_neighbors, place):
        features = torch.as_tensor(X, dtype=torch.float32, device=place)
        found = find_neighbors(features, n_neighbors, seed=seed)
        seconds["neighbors"] = clock.lap()
        if init is None:
            start = principal_axes(found.points)
        else:
            start = torch.as_tensor(init, dtype=torch.float32, device=place)[found.order]
        conditional = conditional_probabilities(found.squared_distances, perplexity)
        P = joint_probabilities(found.indices, conditional)
        del conditional, features
        gradient = CudaGradient(P, start, device=place)
        seconds["affinities"] = clock.lap()

        def in_callers_order(embedding: NDArray[np.float32]) -> NDArray[np.float32]:
            positions = torch.empty(n, 2)
            positions[found.order.cpu()] = torch.from_numpy(embedding)
            return positions.numpy()

        outcome = descend(
            gradient,
            phases,
            tolerance=tolerance,
            callback=callback
            and (lambda done, kl, embedding: callback(done, kl, in_callers_order(embedding))),
            callback_every=callback_every,
        )
        embedding = in_callers_order(gradient.embedding())
        seconds["descent"] = clock.lap()
    return DeviceFit(embedding, outcome, found.recall, seconds, found)


def principal_axes(points: torch.Tensor) -> torch.Tensor:
    """Return the points along their first two principal axes, float32, (n, 2), scaled to start.

    Each axis points to where its largest component is positive.
    """
    import torch

    centered = points - points.mean(0)
    covariance = (centered.T @ centered).double()
    axes = torch.linalg.eigh(covariance).eigenvectors[:, -2:].flip(1)
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    axes = (axes * largest.sign()).float()
    start = centered @ axes
    scaled: torch.Tensor = start * (_START_SD / start[:, 0].std().clamp_min(1e-30))
    return scaled


class _Stopwatch:
    """Measures stages of work that the device does behind the host's back."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begun = self._now()

    def _now(self) -> float:
        if self._device.type == "cuda":
            import torch

            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        begun, self._begun = self._begun, self._now()
        return self._begun - begun
