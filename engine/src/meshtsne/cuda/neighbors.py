"""The k nearest neighbors on a GPU: exact for few points, by inverted lists for more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import triton

from meshtsne.cuda.kernels import neighbor as kernels
from meshtsne.cuda.kernels.launch import launch
from meshtsne.search.neighbors import FIT_RECALL_GOAL

if TYPE_CHECKING:
    from torch import Tensor

# The search compares all pairs up to this number of points.
EXACT_UP_TO = 20_000
_PROBES = 96
_TRAINING_POINTS_PER_LIST = 40
_TRAINING_ROUNDS = 5
_RECALL_SAMPLE = 256
_RECALL_BLOCK = 65_536
_TIE = 1e-6  # relative difference of squared distances that counts as equal in float32
_ROWS = 64  # points of a tile
_CANDIDATES = 64  # candidates per step of a tile
_COLUMNS = 64  # columns per product
_WARPS = 4
_PROGRAMS_PER_PROCESSOR = 2
_PRECISION = "tf32x3"  # float32 precision by three TF32 products


@dataclass(frozen=True, eq=False)
class DeviceNeighbors:
    """The neighbors of each point, in an order in which neighbors are close in memory.

    Attributes
    ----------
    order : Tensor of int64, shape (n,)
        The caller's point in each row of the other arrays.
    points : Tensor of float32, shape (n, d)
    indices : Tensor of int32, shape (n, k)
        Rows of `points`, nearest first, without the point itself.
    squared_distances : Tensor of float32, shape (n, k)
    recall : float
        Share of the true neighbors that the search found, measured on a sample in float64.
    """

    order: Tensor
    points: Tensor
    indices: Tensor
    squared_distances: Tensor
    recall: float


def find_neighbors(
    X: Tensor, k: int, *, seed: int = 0, exact: bool | None = None, n_probes: int = _PROBES
) -> DeviceNeighbors:
    """Find the k nearest neighbors of each point in the Euclidean metric.

    Parameters
    ----------
    X : Tensor of float32, shape (n, d)
        Finite. The time grows with the number of columns.
    k : int
        Number of neighbors, less than n.
    seed : int
        Seed of the initial centers of the lists.
    exact : bool, optional
        Compare all pairs, list by list. The default is True up to 20,000 points.
    n_probes : int
        Initial number of lists per point, doubled until the recall reaches 0.98.

    Returns
    -------
    DeviceNeighbors
    """
    n = len(X)
    exact = n <= EXACT_UP_TO if exact is None else exact
    padded = _pad(X)
    # smaller lists have more exact distances: see nearest_kernel
    per_list = _ROWS / 2 if exact else max(128.0, math.sqrt(n) / 4)
    n_lists = max(1, round(n / per_list))
    centers = _train(padded, n_lists, seed)
    of_point = _assign(padded, centers)
    order = torch.argsort(of_point, stable=True)
    starts = torch.searchsorted(
        of_point[order], torch.arange(n_lists + 1, dtype=torch.int32, device=X.device)
    )
    points = padded[order]
    del padded
    sample = _sample(points, k, seed)
    if exact:
        n_probes = n_lists
    while True:
        n_probes = min(n_probes, n_lists)
        near = torch.cdist(centers, centers).topk(n_probes, largest=False).indices
        sizes = starts[1:] - starts[:-1]
        if n_probes < n_lists and int(sizes[near].sum(1).min()) <= k:
            n_probes *= 2
            continue
        indices, distances = _search(points, starts, centers, near, k)
        recall = _measure_recall(points, sample, indices)
        if recall >= FIT_RECALL_GOAL or n_probes == n_lists:
            return DeviceNeighbors(order, points[:, : X.shape[1]], indices, distances, recall)
        n_probes *= 2


def _pad(X: Tensor) -> Tensor:
    """Return X, centered and padded with zeros to 16, 32, 64 or a multiple of 64 columns."""
    d = X.shape[1]
    width = max(16, triton.next_power_of_2(d))
    if d > _COLUMNS:
        width = _COLUMNS * triton.cdiv(d, _COLUMNS)
    padded = torch.zeros(len(X), width, device=X.device)
    torch.sub(X, X.mean(0), out=padded[:, :d])
    return padded


def _norms(points: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vecdot(points, points)
    return norms


def _assign(points: Tensor, centers: Tensor) -> Tensor:
    """Return the index of the nearest center of each point, int32, shape (n,)."""
    nearest = torch.empty(len(points), dtype=torch.int32, device=points.device)
    dim = points.shape[1]
    launch(
        kernels.nearest_center_kernel, triton.cdiv(len(points), 128),
        points, centers, _norms(centers), nearest, len(points), len(centers),
        DIM=dim, STEP=min(dim, _COLUMNS), BLOCK=128, CENTERS=64, num_warps=8, num_stages=2,
    )  # fmt: skip
    return nearest


def _train(points: Tensor, n_lists: int, seed: int) -> Tensor:
    """Return the centers of the lists: a few iterations of k-means (Lloyd 1982) on a sample."""
    generator = torch.Generator(device=points.device).manual_seed(seed)
    chosen = torch.randperm(len(points), generator=generator, device=points.device)
    sample = points[chosen[: n_lists * _TRAINING_POINTS_PER_LIST]]
    centers = sample[:n_lists].clone()
    # Sums of integers do not depend on the order.
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


def _search(
    points: Tensor, starts: Tensor, centers: Tensor, near: Tensor, k: int
) -> tuple[Tensor, Tensor]:
    """Return indices and squared distances, shape (n, k), of the nearest points in the near lists.

    `points` are sorted by list; list l begins at row starts[l]. For the points of list l, the
    search compares the points of the lists near[l], beginning with list l.
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
    launch(
        kernels.nearest_kernel, n_programs,
        points, centers, tiles, ranges, work[0], work[1], notes[0], notes[1],
        distances, indices, len(tiles), near.shape[1], k,
        DIM=dim, STEP=min(dim, _COLUMNS), ROWS=_ROWS, CANDIDATES=_CANDIDATES, CAPACITY=capacity,
        K_PADDED=triton.next_power_of_2(k), PRECISION=_PRECISION, num_warps=_WARPS, num_stages=2,
    )  # fmt: skip
    return indices, distances


def _tiles(starts: Tensor) -> Tensor:
    """Split each list into tiles of up to 64 points: first row, last row (exclusive), list."""
    sizes = starts[1:] - starts[:-1]
    per_list = (sizes + _ROWS - 1) // _ROWS
    lists = torch.repeat_interleave(torch.arange(len(sizes), device=starts.device), per_list)
    before = torch.cumsum(per_list, 0) - per_list
    first = starts[lists] + (torch.arange(len(lists), device=starts.device) - before[lists]) * _ROWS
    last = torch.minimum(first + _ROWS, starts[lists + 1])
    return torch.stack([first, last, lists], dim=1).int().contiguous()


def _sample(points: Tensor, k: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return a sample of rows, and the squared distance of each to its k-th neighbor, in float64.

    The code is independent of the search, because it measures the recall of the search.
    """
    generator = torch.Generator(device=points.device).manual_seed(seed + 1)
    rows = torch.randperm(len(points), generator=generator, device=points.device)[:_RECALL_SAMPLE]
    queries = points[rows].double()
    positions = torch.arange(len(rows), device=points.device)
    nearest = torch.full((len(rows), k), torch.inf, dtype=torch.float64, device=points.device)
    longest = torch.zeros((), dtype=torch.float64, device=points.device)
    for first in range(0, len(points), _RECALL_BLOCK):
        block = points[first : first + _RECALL_BLOCK].double()
        # float64 has enough digits for the cancellation in the difference of squares
        squared = _norms(queries)[:, None] + _norms(block) - 2 * queries @ block.T
        own = (rows >= first) & (rows < first + len(block))
        squared[positions[own], rows[own] - first] = torch.inf
        nearest = torch.cat([nearest, squared], 1).topk(k, largest=False).values
        longest = torch.maximum(longest, _norms(block).amax())
    # the second term bounds the rounding error of float64 if the k-th distance is 0
    return rows, nearest.amax(1) * (1 + _TIE) + 1e-14 * longest


def _measure_recall(points: Tensor, sample: tuple[Tensor, Tensor], indices: Tensor) -> float:
    """Return the share of the found points that are not farther than the true k-th neighbor.

    Points whose distances are equal up to the rounding of float32 count as equally near.
    """
    rows, limit = sample
    found = points[indices[rows].long()].double()  # (s, k, m)
    squared = (found - points[rows].double()[:, None]).square().sum(2)
    return float((squared <= limit[:, None]).double().mean())
