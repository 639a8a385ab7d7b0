"""The k nearest neighbors on a GPU: exact for few points, by inverted lists above."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import triton

from featscape.tsne.cuda import neighbor_kernels as kernels

if TYPE_CHECKING:
    from torch import Tensor

# Up to this many points every pair is looked at: that takes less time than making lists.
EXACT_UP_TO = 20_000
RECALL_WANTED = 0.98
_PROBES = 96
_TRAINING_POINTS_PER_LIST = 40
_TRAINING_ROUNDS = 5
_RECALL_SAMPLE = 256
_ROWS = 64  # points of a tile
_CANDIDATES = 64  # looked at in one step of a tile
_WARPS = 4
_PROGRAMS_PER_PROCESSOR = 2
_PRECISION = "tf32x3"  # of the products: float32 from three products of its halves


@dataclass(frozen=True, eq=False)
class DeviceNeighbors:
    """The neighbors of each point, in an order of the points in which neighbors lie close.

    Attributes
    ----------
    order : Tensor of int64, shape (n,)
        Row r of the others is the caller's point ``order[r]``.
    points : Tensor of float32, shape (n, d)
    indices : Tensor of int32, shape (n, k)
        Rows, nearest first, the point itself left out.
    squared_distances : Tensor of float32, shape (n, k)
    recall : float
        The share of true neighbors found, by a sample; 1 for an exact search.
    """

    order: Tensor
    points: Tensor
    indices: Tensor
    squared_distances: Tensor
    recall: float


def find_neighbors(
    X: Tensor, k: int, *, seed: int = 0, exact: bool | None = None, n_probes: int = _PROBES
) -> DeviceNeighbors:
    """Find the k nearest neighbors of each point, euclidean.

    Parameters
    ----------
    X : Tensor of float32, shape (n, d)
        Finite. Up to some hundred columns; the fewer the faster.
    k : int
        Below n.
    seed : int
        Of the lists' first centers.
    exact : bool, optional
        Look at every pair. By default up to 20,000 points.
    n_probes : int
        Lists searched for each point at first; twice as many while the recall is below .98.

    Returns
    -------
    DeviceNeighbors
    """
    n = len(X)
    if n <= EXACT_UP_TO if exact is None else exact:
        order = torch.arange(n, device=X.device)
        points = _pad(X)
        whole = torch.tensor([0, n], device=X.device)
        indices, distances = _search(points, whole, whole.new_zeros(1, 1), k)
        return DeviceNeighbors(order, X, indices, distances, 1.0)
    padded = _pad(X)
    n_lists = max(1, round(n / max(128.0, math.sqrt(n) / 4)))
    centers = _train(padded, n_lists, seed)
    of_point = _assign(padded, centers)
    order = torch.argsort(of_point, stable=True)
    starts = torch.searchsorted(
        of_point[order], torch.arange(n_lists + 1, dtype=torch.int32, device=X.device)
    )
    points = padded[order]
    del padded
    while True:
        n_probes = min(n_probes, n_lists)
        near = torch.cdist(centers, centers).topk(n_probes, largest=False).indices
        sizes = starts[1:] - starts[:-1]
        if n_probes < n_lists and int(sizes[near].sum(1).min()) <= k:
            n_probes *= 2
            continue
        indices, distances = _search(points, starts, near, k)
        recall = 1.0 if n_probes == n_lists else _measure_recall(points, distances, seed)
        if recall >= RECALL_WANTED or n_probes == n_lists:
            return DeviceNeighbors(order, points[:, : X.shape[1]], indices, distances, recall)
        n_probes *= 2


def _pad(X: Tensor) -> Tensor:
    """Return X, centered, with columns of zeros up to 16, 32, 64 or a multiple of 64."""
    d = X.shape[1]
    width = max(16, triton.next_power_of_2(d)) if d <= 64 else 64 * triton.cdiv(d, 64)
    padded = torch.zeros(len(X), width, device=X.device)
    # |x - y|^2 is found as |x|^2 + |y|^2 - 2 xy: the smaller the norms, the less is lost
    torch.sub(X, X.mean(0), out=padded[:, :d])
    return padded


def _norms(points: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vecdot(points, points)
    return norms


def _assign(points: Tensor, centers: Tensor) -> Tensor:
    """Return the index of the center next to each point, int32, (n,)."""
    nearest = torch.empty(len(points), dtype=torch.int32, device=points.device)
    dim = triton.next_power_of_2(points.shape[1])
    if dim != points.shape[1]:
        points = torch.nn.functional.pad(points, (0, dim - points.shape[1]))
        centers = torch.nn.functional.pad(centers, (0, dim - centers.shape[1]))
    kernels.nearest_center_kernel[(triton.cdiv(len(points), 128),)](
        points, centers, _norms(centers), nearest, len(points), len(centers),
        DIM=dim, BLOCK=128, CENTERS=64 if dim <= 128 else 16, num_warps=8,
    )  # fmt: skip
    return nearest


def _train(points: Tensor, n_lists: int, seed: int) -> Tensor:
    """Return centers of the lists by a few rounds of k-means (Lloyd 1982) on a sample."""
    generator = torch.Generator(device=points.device).manual_seed(seed)
    chosen = torch.randperm(len(points), generator=generator, device=points.device)
    sample = points[chosen[: n_lists * _TRAINING_POINTS_PER_LIST]]
    centers = sample[:n_lists].clone()
    # Sums in integers come out the same in any order.
    scale = 2.0 ** math.floor(40 - math.log2(float(sample.abs().max()) + 1e-30))
    fixed = (sample.double() * scale).long()
    for _ in range(_TRAINING_ROUNDS):
        nearest = _assign(sample, centers).long()
        sums = torch.zeros(n_lists, points.shape[1], dtype=torch.int64, device=points.device)
        sums.index_add_(0, nearest, fixed)
        counts = torch.bincount(nearest, minlength=n_lists)[:, None]
        means = (sums.double() / (counts.clamp_min(1) * scale)).float()
        centers = torch.where(counts > 0, means, centers)
    return centers


def _search(points: Tensor, starts: Tensor, near: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return indices and squared distances, (n, k), of the nearest points of the near lists.

    `points` stand list after list, list l from starts[l] on; near[l] names the lists to search
    for the points of list l, itself first.
    """
    n, dim = points.shape
    device = points.device
    tiles = _tiles(starts)
    ranges = torch.stack([starts[near], starts[near + 1]], dim=2).int().contiguous()
    capacity = max(256, triton.next_power_of_2(k + 2 * _CANDIDATES))
    n_programs = len(tiles)
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        n_programs = min(n_programs, _PROGRAMS_PER_PROCESSOR * properties.multi_processor_count)
    work = torch.empty(2, n_programs * _ROWS * capacity, dtype=torch.int32, device=device)
    notes = torch.empty(2, n_programs * _ROWS, dtype=torch.int32, device=device)
    indices = torch.empty(n, k, dtype=torch.int32, device=device)
    distances = torch.empty(n, k, device=device)
    kernels.nearest_kernel[(n_programs,)](
        points, _norms(points), tiles, ranges, work[0], work[1], notes[0], notes[1],
        distances, indices, len(tiles), near.shape[1], k,
        DIM=dim, STEP=min(dim, 64), ROWS=_ROWS, CANDIDATES=_CANDIDATES, CAPACITY=capacity,
        K_PADDED=triton.next_power_of_2(k), PRECISION=_PRECISION, num_warps=_WARPS, num_stages=2,
    )  # fmt: skip
    return indices, distances


def _tiles(starts: Tensor) -> Tensor:
    """Cut each list into tiles of up to 64 points: first, last (exclusive), list; int32."""
    sizes = starts[1:] - starts[:-1]
    per_list = (sizes + _ROWS - 1) // _ROWS
    lists = torch.repeat_interleave(torch.arange(len(sizes), device=starts.device), per_list)
    before = torch.cumsum(per_list, 0) - per_list
    first = starts[lists] + (torch.arange(len(lists), device=starts.device) - before[lists]) * _ROWS
    last = torch.minimum(first + _ROWS, starts[lists + 1])
    return torch.stack([first, last, lists], dim=1).int().contiguous()


def _measure_recall(points: Tensor, squared_distances: Tensor, seed: int) -> float:
    """Return the share of the true neighbors that were found, by a sample of the points.

    Every point nearer than the farthest one found, but not itself found, is one that was missed;
    counting those needs no second search. A few of them may lie beyond the true k nearest, so the
    share is, if anything, larger.
    """
    n, k = squared_distances.shape
    generator = torch.Generator(device=points.device).manual_seed(seed + 1)
    rows = torch.randperm(n, generator=generator, device=points.device)[:_RECALL_SAMPLE]
    norms = _norms(points)
    missed = 0
    for first in range(0, len(rows), 64):
        part = rows[first : first + 64]
        distances = norms[part][:, None] + norms[None] - 2 * points[part] @ points.T
        distances[torch.arange(len(part), device=points.device), part] = torch.inf
        # distances computed in another order differ in their last digits
        nearer = distances < squared_distances[part, -1:] * (1 - 1e-5)
        missed += int((nearer.sum(1) - (k - 1)).clamp(0, k).sum())
    return 1 - missed / (k * len(rows))
