"""Comparison of the GPU's stages with the exact formulas, before the first fit of a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from meshtsne.cuda.affinities import conditional_probabilities, joint_probabilities
from meshtsne.cuda.gradient import CudaGradient
from meshtsne.cuda.kernels.launch import kernels_fail
from meshtsne.cuda.neighbors import find_neighbors
from meshtsne.errors import DeviceError
from meshtsne.forces import exact

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINTS, _COLUMNS, _NEIGHBORS, _PERPLEXITY = 300, 6, 30, 10.0
_STEPS = 5


class Difference(NamedTuple):
    """The relative difference of a result from the exact one, and its limit."""

    what: str
    share: float
    limit: float


@cache
def check_device(device: str) -> None:
    """Compare each stage with the exact formulas on a few hundred points, once per process.

    Raises
    ------
    DeviceError
        A difference exceeds its limit, or a kernel cannot be compiled.
    """
    try:
        differences = measure(device)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # PyTorch does not support this GPU
        raise kernels_fail("its check", error) from error
    for what, share, limit in differences:
        if not share <= limit:  # or NaN
            raise DeviceError(
                f"device={device!r} must agree with the exact t-SNE of {_POINTS} points; the "
                f"relative difference of {what} is {share:.2g}, the limit {limit:g}. "
                "Pass device='cpu'."
            )


def measure(device: str, n_points: int = _POINTS) -> list[Difference]:
    """Return the difference of each stage on the device from the exact formulas.

    Parameters
    ----------
    device : str
        The name in PyTorch.
    n_points : int
        Number of points, in two clusters of different standard deviations.
    """
    rng = np.random.RandomState(0)
    X = rng.normal(size=(n_points, _COLUMNS))
    half = n_points // 2
    X[:half] = 3 + X[:half] / 100
    X = X.astype(np.float32)
    squared = ((X[:, None].astype(np.float64) - X[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    nearest = np.argsort(squared, axis=1, kind="stable")[:, :_NEIGHBORS]
    expected = np.take_along_axis(squared, nearest, axis=1)
    P = np.zeros((n_points, n_points))
    conditional = exact.conditional_probabilities(expected, _PERPLEXITY)
    np.put_along_axis(P, nearest, conditional, axis=1)
    P = (P + P.T) / (2 * n_points)

    found = find_neighbors(torch.from_numpy(X).to(device), _NEIGHBORS)
    order = found.order.cpu().numpy()
    distances = np.empty(expected.shape)
    distances[order] = found.squared_distances.cpu().numpy()
    on_device = joint_probabilities(
        found.indices, conditional_probabilities(found.squared_distances, _PERPLEXITY)
    )
    joint = np.zeros_like(P)
    rows = np.repeat(np.arange(n_points), np.diff(on_device.row_start.cpu().numpy()))
    joint[order[rows], order[on_device.indices.cpu().numpy()]] = on_device.values.cpu().numpy()

    Y = (4 * rng.normal(size=(n_points, 2))).astype(np.float32)
    gradient = CudaGradient(on_device, Y, names=found.order, device=device)
    truth = exact.ExactGradient(P, gradient.embedding())
    kl = abs(gradient.kl_divergence() - truth.kl_divergence()) / truth.kl_divergence()
    before = truth.embedding().astype(np.float64)
    for descent in (gradient, truth):
        descent.advance(
            _STEPS, exaggeration=4.0, momentum=0.5, learning_rate=max(n_points / 4, 50.0)
        )
    moved = truth.Y - before
    return [
        Difference("the neighbors' squared distances", _share(distances, expected), 1e-3),
        Difference("the affinities", _share(joint, P), 1e-3),
        Difference("the KL divergences", float(kl), 5e-3),
        Difference(f"{_STEPS} steps", _share(gradient.embedding() - before, moved), 0.05),
    ]


def _share(values: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(values - expected) / np.linalg.norm(expected))
