"""What the host is to keep leaves the GPU while the fit goes on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

_NUMBERS_AT_ONCE = 2**20  # of each array


def copy_to_host(
    take: Callable[[slice], Sequence[Tensor]],
    shape: Sequence[int],
    dtypes: Sequence[torch.dtype],
    device: torch.device,
) -> Future[list[NDArray[Any]]]:
    """Begin to copy arrays from a device, block by block.

    A million points' 90 neighbors are 720 MB, which take their time on the bus and in the host's
    memory.

    Parameters
    ----------
    take : callable
        Returns those rows of each array, on the device. It is called in another thread, on a
        stream of its own, after all that the device has been asked for until now; what it reads
        must not be written to any more.
    shape : (int, int)
        Of each of the arrays, in the end.
    dtypes : sequence of torch.dtype
        One an array.
    device : torch.device

    Returns
    -------
    Future of list of ndarray
        The arrays, in the order of `dtypes`. To ask for them waits; it raises what `take` raises,
        and torch.OutOfMemoryError where a block finds no room on the device.
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
                    array[rows] = values  # returns when the values have arrived
        return [array.numpy() for array in arrays]

    pool = ThreadPoolExecutor(1, thread_name_prefix="featscape-copy")
    copied = pool.submit(copy)
    pool.shutdown(wait=False)
    return copied
