"""Whether there is a GPU, and whether the work fits into its memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from meshtsne.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A point has about 1.5 entries of P for each of its neighbors: those that it chose, and those that
# chose it alone.
_ENTRIES_PER_NEIGHBOR = 1.5
_REMEDY = "Embed fewer (--landmarks), lower the perplexity, or pass device='cpu' (--device cpu)."


def bytes_needed(n: int, n_columns: int, k: int) -> int:
    """Return about how many bytes of GPU memory a fit takes at its peak.

    Parameters
    ----------
    n, n_columns : int
        Shape of the features.
    k : int
        Neighbors of a point.
    """
    width = 64 * -(-n_columns // 64)
    features = 3 * 4 * width
    neighbors = 8 * k  # index and distance
    # joint and conditional probabilities, the one-way edges and their sorting
    joining = 9 * k + (_ENTRIES_PER_NEIGHBOR - 1) * k * 36
    entries = 12 * _ENTRIES_PER_NEIGHBOR * k  # index and float32, and packed
    state = 160
    return int(n * (features / 2 + neighbors + max(features / 2, joining, entries + state))) + 2**28


def bytes_free(device: torch.device) -> int:
    """Return how many bytes of the GPU's memory are free, with those that PyTorch keeps."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def require_memory(n: int, n_columns: int, k: int, device: torch.device) -> None:
    """Raise DeviceError where the fit would not fit."""
    if device.type != "cuda":
        return
    free = bytes_free(device)
    needed = bytes_needed(n, n_columns, k)
    if needed > free:
        raise DeviceError(
            f"t-SNE of {n:,} points with {n_columns} columns and {k} neighbors needs about "
            f"{needed / 1e9:.1f} GB of GPU memory; {free / 1e9:.1f} GB are free, enough for about "
            f"{_fitting(free, n, n_columns, k):,} points. {_REMEDY}"
        )


def _fitting(free: int, n: int, n_columns: int, k: int) -> int:
    """Return about how many points fit into so many bytes."""
    return max(0, int((free - 2**28) / ((bytes_needed(n, n_columns, k) - 2**28) / n)))


@contextmanager
def explained_memory(
    shape: Callable[[], tuple[int, int, int]], device: torch.device
) -> Iterator[None]:
    """Turn PyTorch's out-of-memory error into a DeviceError that says what would fit.

    `shape` gives the number of points, of their columns and of their neighbors, once it is known.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        n, n_columns, k = shape()
        # what PyTorch holds is this fit's, and given back with it
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
        # it took more than was thought, or another program has taken some
        fitting = min(_fitting(free, n, n_columns, k), int(0.8 * n))
        raise DeviceError(
            f"t-SNE of {n:,} points with {n_columns} columns and {k} neighbors must fit into the "
            f"memory of {device}; it does not fit into the {free / 1e9:.1f} GB that are free. "
            f"Try {fitting:,} points. {_REMEDY}"
        ) from error
