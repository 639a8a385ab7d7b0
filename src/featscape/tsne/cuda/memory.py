"""Whether there is a GPU, and whether the work fits into its memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from featscape.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A point has about 1.5 entries of P for each of its neighbors: those that it chose, and those that
# chose it alone.
_ENTRIES_PER_NEIGHBOR = 1.5
# A packed entry of P has 32 bits, of which p needs 8 at least.
POINTS_MAX = 2**24


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
    if n > POINTS_MAX:
        raise DeviceError(
            f"t-SNE on a GPU takes at most {POINTS_MAX:,} points; got {n:,}. "
            "Embed fewer (--landmarks on the command line) and place the others with transform, or "
            "pass device='cpu'."
        )
    if device.type != "cuda":
        return
    free = bytes_free(device)
    needed = bytes_needed(n, n_columns, k)
    if needed > free:
        raise DeviceError(_too_small(needed, free, n, n_columns, k))


def _too_small(needed: int, free: int, n: int, n_columns: int, k: int) -> str:
    per_point = (needed - 2**28) / n
    fitting = max(0, int((free - 2**28) / per_point))
    return (
        f"t-SNE of {n:,} points with {n_columns} columns and {k} neighbors needs about "
        f"{needed / 1e9:.1f} GB of GPU memory; {free / 1e9:.1f} GB are free, enough for about "
        f"{fitting:,} points. Embed fewer (--landmarks), lower the perplexity, or pass "
        "device='cpu' (--device cpu)."
    )


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
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
        # more was needed than was thought, or another process has taken it meanwhile
        needed = max(bytes_needed(n, n_columns, k), int(1.25 * free))
        raise DeviceError(_too_small(needed, free, n, n_columns, k)) from error
