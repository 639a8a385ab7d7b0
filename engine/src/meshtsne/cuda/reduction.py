"""Reduction of the features on a GPU, in blocks: centered, scaled, on their principal axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from meshtsne.checks import is_sparse
from meshtsne.reduction import (
    DENSE_EIGEN_WIDTH,
    LARGEST,
    SPHERICAL,
    Reduction,
    fit_reduction,
    iterate_subspace,
    leading_eigenvectors,
    power_of_two,
    row_blocks,
    share_of_variance,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

# The features are read three times. They stay on the GPU if they need at most this share of its
# free memory.
_KEPT_SHARE = 0.25


def reduce_features(
    X: Any,
    *,
    n_components: int | None,
    metric: str,
    generator: np.random.RandomState,
    n_threads: int,
    device: torch.device,
) -> tuple[Reduction, Tensor]:
    """Fit the reduction as `reduction.fit_reduction` does, and apply the reduction to X.

    Parameters
    ----------
    X, n_components, metric, generator, n_threads
        As in `fit_reduction`.
    device : torch.device

    Returns
    -------
    reduction : Reduction
    points : Tensor of float32, shape (n, m)

    Raises
    ------
    InputError
        As in `fit_reduction`.
    """

    def on_host() -> tuple[Reduction, Tensor]:
        reduction = fit_reduction(
            X, n_components=n_components, metric=metric, generator=generator, n_threads=n_threads
        )
        return reduction, torch.from_numpy(reduction.apply(X)).to(device)

    n, d = X.shape
    if is_sparse(X) or n < d:
        return on_host()
    blocks = _RowBlocks(X, metric, device)
    mean, largest = _survey(blocks, d)
    if not largest < LARGEST:  # or NaN: the CPU raises the error with its location
        return on_host()
    scale = power_of_two(largest)
    axes, explained = None, 1.0
    if n_components is not None and n_components < d:
        axes, explained = _principal_axes(blocks, mean, scale, n_components, generator=generator)
    points = torch.empty(n, d if axes is None else axes.shape[1], device=device)
    # float64: PyTorch's settings can reduce the precision of float32 products, and `transform`
    # compares rows
    on_device = None if axes is None else torch.from_numpy(axes).double().to(device)
    for start, rows in blocks:
        centered = _centered(rows, mean, scale)
        part = centered if on_device is None else centered.double() @ on_device
        points[start : start + len(rows)] = part.float()
    return Reduction(metric, mean.cpu().numpy(), scale, axes, explained), points


class _RowBlocks:
    """The rows of X on the device, block by block; of length 1 in a spherical metric."""

    def __init__(self, X: Any, metric: str, device: torch.device) -> None:
        self._X, self._metric, self.device = X, metric, device
        self._kept: list[tuple[int, Tensor]] | None = None
        if device.type == "cuda":
            n_bytes = X.shape[0] * X.shape[1] * max(4, X.dtype.itemsize)
            if n_bytes <= _KEPT_SHARE * torch.cuda.mem_get_info(device)[0]:
                self._kept = [(start, rows.to(device)) for start, rows in self._read()]

    def _read(self) -> Iterator[tuple[int, Tensor]]:
        for start, rows in row_blocks(self._X, metric="euclidean"):  # without scaling
            yield start, torch.tensor(rows)

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        for start, block in self._read() if self._kept is None else self._kept:
            rows = block.to(self.device)
            if self._metric in SPHERICAL:
                if self._metric == "correlation":
                    rows = rows - rows.mean(1, keepdim=True)
                rows = rows / torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)[:, None]
            yield start, rows


def _survey(blocks: _RowBlocks, d: int) -> tuple[Tensor, float]:
    """Return the mean row, float64, and the largest distance from the mean; NaN if X has any."""
    device = blocks.device
    total = torch.zeros(d, dtype=torch.float64, device=device)
    low, high = torch.full_like(total, torch.inf), torch.full_like(total, -torch.inf)
    n = 0
    for _, rows in blocks:
        total += rows.sum(0, dtype=torch.float64)
        low, high = torch.minimum(low, rows.amin(0)), torch.maximum(high, rows.amax(0))
        n += len(rows)
    mean = total / n
    return mean, float(torch.maximum(high - mean, mean - low).amax())


def _centered(rows: Tensor, mean: Tensor, scale: float) -> Tensor:
    return ((rows - mean) * scale).float()


def _principal_axes(
    blocks: _RowBlocks,
    mean: Tensor,
    scale: float,
    n_axes: int,
    *,
    generator: np.random.RandomState,
) -> tuple[NDArray[np.float32], float]:
    """Return the leading principal axes, float32, (d, n_axes), and their share of the variance."""
    d = len(mean)
    covariance = torch.zeros(d, d, dtype=torch.float64, device=mean.device)
    for _, rows in blocks:
        part = _centered(rows, mean, scale)
        covariance += (part.T @ part).double()
    if d <= DENSE_EIGEN_WIDTH:
        axes = leading_eigenvectors(covariance.cpu().numpy(), n_axes, generator=generator)
    else:

        def multiply(Q: NDArray[np.float64]) -> NDArray[np.float64]:
            product: Tensor = covariance @ torch.from_numpy(Q).to(mean.device)
            return product.cpu().numpy()

        axes = iterate_subspace(multiply, d, n_axes, generator=generator)
    on_device = torch.from_numpy(axes).to(mean.device)
    along = float((on_device * (covariance @ on_device)).sum())
    return axes.astype("float32"), share_of_variance(along, float(covariance.trace()))
