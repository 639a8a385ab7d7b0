"""Affinities on a GPU: from neighbors to P, symmetric and compressed by rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import triton

from meshtsne.cuda.kernels import affinity as kernels
from meshtsne.cuda.kernels.launch import launch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True, eq=False)
class DeviceAffinities:
    """P on the device in compressed rows; the columns of a row are not sorted.

    Attributes
    ----------
    row_start : Tensor of int64, shape (n + 1,)
    indices : Tensor of int32, shape (n_entries,)
    values : Tensor of float32, shape (n_entries,)
        The sum is 1.
    """

    row_start: Tensor
    indices: Tensor
    values: Tensor

    @classmethod
    def from_csr(cls, P: Any, device: torch.device) -> DeviceAffinities:
        """Copy a `scipy.sparse.csr_array` to the device."""
        return cls(
            torch.from_numpy(P.indptr.astype(np.int64)).to(device),
            torch.from_numpy(P.indices.astype(np.int32)).to(device),
            torch.from_numpy(P.data.astype(np.float32)).to(device),
        )

    def __len__(self) -> int:
        return len(self.row_start) - 1


def conditional_probabilities(
    squared_distances: Tensor, perplexity: float | Sequence[float]
) -> Tensor:
    """Return p_j|i of each point's neighbors; the sum of each row is 1.

    Parameters
    ----------
    squared_distances : Tensor of float32, shape (n, k)
    perplexity : float or sequence of float
        For a sequence, the mean over the perplexities.

    Returns
    -------
    Tensor of float32, shape (n, k)
    """
    n, k = squared_distances.shape
    padded = triton.next_power_of_2(k)
    rows = max(1, 1024 // padded)
    scales = [perplexity] if isinstance(perplexity, (int, float)) else list(perplexity)
    total = torch.zeros_like(squared_distances) if len(scales) > 1 else None
    result = torch.empty_like(squared_distances)
    for scale in scales:
        launch(
            kernels.conditional_kernel, triton.cdiv(n, rows),
            squared_distances, result, math.log(scale), n, k, ROWS=rows, K_PADDED=padded,
        )  # fmt: skip
        if total is not None:
            total += result / len(scales)
    return result if total is None else total


def joint_probabilities(indices: Tensor, conditional: Tensor) -> DeviceAffinities:
    """Return P = (p_j|i + p_i|j) / 2n.

    Parameters
    ----------
    indices : Tensor of int32, shape (n, k)
        The neighbors of each point, without duplicates.
    conditional : Tensor of float32, shape (n, k)
        p_j|i of each neighbor.
    """
    n, k = indices.shape
    padded = triton.next_power_of_2(k)
    device = indices.device
    joint = torch.empty_like(conditional)
    one_way = torch.empty(n * k, dtype=torch.int8, device=device)
    launch(
        kernels.join_kernel, n,
        indices, conditional, joint, one_way, k,
        BLOCK=max(1, min(32, 2048 // padded)), K_PADDED=padded,
    )  # fmt: skip
    # If j is a neighbor of i but i is not a neighbor of j, the edge is also added to row j. The
    # stable sort fixes the order of the edges in a row, so that sums over a row are reproducible.
    edges = one_way.nonzero().squeeze(1)
    del one_way
    ends, order = torch.sort(indices.view(-1)[edges], stable=True)
    incoming = edges[order]
    del edges, order
    incoming_start = torch.searchsorted(ends, torch.arange(n + 1, dtype=torch.int32, device=device))
    row_start = incoming_start + k * torch.arange(n + 1, dtype=torch.int64, device=device)
    n_entries = n * k + len(incoming)
    P = DeviceAffinities(
        row_start,
        torch.empty(n_entries, dtype=torch.int32, device=device),
        torch.empty(n_entries, dtype=torch.float32, device=device),
    )
    launch(
        kernels.fill_kernel, n,
        indices, joint, incoming_start, incoming, row_start, P.indices, P.values, 1 / (2 * n), k,
        BLOCK=128, K_PADDED=padded,
    )  # fmt: skip
    return P


class PackedAffinities:
    """P for the descent: renumbered rows, 32 bits per entry, in buffers at fixed addresses.

    Memory bandwidth limits the attraction. The upper bits of an entry hold the neighbor's number.
    The lower bits hold log2 p in equal steps, from the largest p down to 2^-24 of the largest p (or
    to the smallest p). 70,000 points leave 15 bits for log2 p, with an error of at most 0.03 % of
    p; a million points leave 12 bits, with 0.2 %. Smaller p are set to the end of this range; in a
    float32 sum they are lost to rounding anyway.

    Parameters
    ----------
    P : DeviceAffinities
        Kept, and read again at each renumbering of the points.
    """

    def __init__(self, P: DeviceAffinities) -> None:
        n = len(P)
        self._P = P
        self.p_bits = min(16, 32 - (n - 1).bit_length())
        positive = torch.where(P.values > 0, P.values, torch.inf)
        high = math.log2(float(P.values.max()))
        self.low = max(math.log2(float(positive.min())), high - 24)
        self._top = 2**self.p_bits - 1
        self.per_step = (high - self.low) / self._top
        self.row_start = torch.empty_like(P.row_start)
        self.entries = torch.empty_like(P.indices)
        self.renumber(torch.arange(n, device=P.indices.device))

    def renumber(self, order: Tensor) -> None:
        """Make row and column r those of P's point order[r]; `order` is int64, shape (n,)."""
        P = self._P
        n = len(P)
        number = torch.empty(n, dtype=torch.int32, device=order.device)
        number[order] = torch.arange(n, dtype=torch.int32, device=order.device)
        lengths = P.row_start[1:] - P.row_start[:-1]
        self.row_start[0] = 0
        torch.cumsum(lengths[order], 0, out=self.row_start[1:])
        launch(
            kernels.pack_kernel, n,
            P.row_start, P.indices, P.values, order, number, self.row_start, self.entries,
            self.low, 1 / self.per_step if self.per_step else 0.0, float(self._top),
            self.p_bits, BLOCK=128, num_warps=1,
        )  # fmt: skip
