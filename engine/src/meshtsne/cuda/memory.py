"""Estimates of the GPU memory that a fit needs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from meshtsne.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# P has about 1.5 entries per point and neighbor: the neighbors of the point, and the points that
# have the point as a neighbor in one direction only.
_ENTRIES_PER_NEIGHBOR = 1.5
_REMEDY = "Embed fewer points, lower the perplexity, or pass device='cpu'."


def bytes_needed(n: int, n_columns: int, k: int) -> int:
    """Return an estimate of the peak GPU memory of a fit, in bytes.

    Parameters
    ----------
    n, n_columns : int
        Shape of the features.
    k : int
        Number of neighbors of each point.
    """
    width = 64 * -(-n_columns // 64)
    features = 3 * 4 * width
    neighbors = 8 * k  # index and distance
    # joint and conditional probabilities, and the sort of the one-way edges
    joining = 9 * k + (_ENTRIES_PER_NEIGHBOR - 1) * k * 36
    entries = 12 * _ENTRIES_PER_NEIGHBOR * k  # index and float32, and packed
    state = 160
    return int(n * (features / 2 + neighbors + max(features / 2, joining, entries + state))) + 2**28


def bytes_free(device: torch.device) -> int:
    """Return the free GPU memory in bytes, including the memory that PyTorch caches."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def require_memory(n: int, n_columns: int, k: int, device: torch.device) -> None:
    """Raise DeviceError if the GPU has too little free memory for the fit."""
    if device.type != "cuda":
        return
    free = bytes_free(device)
    needed = bytes_needed(n, n_columns, k)
    if needed > free:
        raise DeviceError(
            f"t-SNE of {n:,} points with {n_columns} columns and {k} neighbors need about "
            f"{needed / 1e9:.1f} GB of GPU memory; {free / 1e9:.1f} GB are free, enough for about "
            f"{_fitting(free, n, n_columns, k):,} points. {_REMEDY}"
        )


def _fitting(free: int, n: int, n_columns: int, k: int) -> int:
    """Return an estimate of the number of points that fit into `free` bytes."""
    return max(0, int((free - 2**28) / ((bytes_needed(n, n_columns, k) - 2**28) / n)))


@contextmanager
def explained_memory(
    shape: Callable[[], tuple[int, int, int]], device: torch.device
) -> Iterator[None]:
    """Raise a DeviceError with the number of points that fit, for PyTorch's out-of-memory error.

    `shape` returns the number of points, columns and neighbors; it is called on an error only.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        n, n_columns, k = shape()
        # PyTorch's memory belongs to this fit and is free after it
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
        # the estimate was too low, or another program uses the GPU
        fitting = min(_fitting(free, n, n_columns, k), int(0.8 * n))
        raise DeviceError(
            f"t-SNE of {n:,} points with {n_columns} columns and {k} neighbors must fit into the "
            f"memory of {device}; they do not fit into {free / 1e9:.1f} GB of free memory. "
            f"Try {fitting:,} points. {_REMEDY}"
        ) from error
