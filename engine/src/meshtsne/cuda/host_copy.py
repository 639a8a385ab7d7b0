"""Copies from the GPU to the host in the background of a fit."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

_NUMBERS_AT_ONCE = 2**20  # numbers per block of each array


def copy_to_host(
    take: Callable[[slice], Sequence[Tensor]],
    shape: Sequence[int],
    dtypes: Sequence[torch.dtype],
    device: torch.device,
) -> Future[list[NDArray[Any]]]:
    """Start to copy arrays from a device, block by block.

    The neighbors of a million points are 720 MB: the copy is slow, so it runs in the background.

    Parameters
    ----------
    take : callable
        Returns the given rows of each array, on the device. Called in another thread and on another
        stream, after the work that is already queued on the device. Its inputs must not change
        later.
    shape : (int, int)
        Shape of each array.
    dtypes : sequence of torch.dtype
        dtype of each array.
    device : torch.device

    Returns
    -------
    Future of list of ndarray
        The arrays, in the order of `dtypes`. `result` waits for the copy. It raises the errors of
        `take`, and torch.OutOfMemoryError if a block does not fit into the device's memory.
    """
    stream: Any = None
    if device.type == "cuda":
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch lacks its types
        stream.wait_stream(torch.cuda.current_stream(device))

    n_rows, n_columns = shape
    step = max(1, _NUMBERS_AT_ONCE // n_columns)
    arrays = [torch.empty(n_rows, n_columns, dtype=dtype) for dtype in dtypes]

    def copy() -> list[NDArray[Any]]:
        with nullcontext() if stream is None else torch.cuda.stream(stream):
            for start in range(0, n_rows, step):
                rows = slice(start, min(start + step, n_rows))
                for array, values in zip(arrays, take(rows), strict=True):
                    array[rows] = values  # waits for the values
        return [array.numpy() for array in arrays]

    pool = ThreadPoolExecutor(1, thread_name_prefix="meshtsne-copy")
    copied = pool.submit(copy)
    pool.shutdown(wait=False)
    return copied
