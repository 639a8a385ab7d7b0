"""How a kernel is started, for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from triton.compiler.errors import CompilationError
from triton.errors import TritonError

from meshtsne.errors import DeviceError

if TYPE_CHECKING:
    from torch import Tensor


def launch(kernel: Any, n_programs: int, first: Tensor, *others: Any, **options: Any) -> None:
    """Start so many programs of a Triton kernel; it is compiled when it is met first.

    Parameters
    ----------
    kernel : triton.JITFunction
    n_programs : int
    first : Tensor
        The kernel's first argument. It runs on the card where this lies; Triton by itself would
        take PyTorch's current one.
    others
        Its other arguments.
    options
        Its constants by their names, and Triton's num_warps and num_stages.

    Raises
    ------
    DeviceError
        The kernel cannot be compiled for this card, or needs more of it than it has.
    """
    try:
        with torch.cuda.device_of(first):  # type: ignore[no-untyped-call]  # torch lacks its types
            # fused multiply-add, which is Triton's default up to 3.9 and not from 3.10 on
            kernel[(n_programs,)](first, *others, enable_fp_fusion=True, **options)
    except torch.OutOfMemoryError:
        raise
    except (TritonError, RuntimeError) as error:  # of Triton's compiler and of CUDA
        raise kernels_fail(kernel.__name__, error) from error


def kernels_fail(name: str, error: BaseException) -> DeviceError:
    """Return an error that says which kernel fails, and why."""
    while error.__cause__ is not None:  # the compiler raises one error a level of calls
        error = error.__cause__
    lines = [line.strip(" .") for line in str(error).splitlines() if line.strip()] or [repr(error)]
    # the compiler's own begins with the source, and ends with what is wrong in it
    reason = lines[-1 if isinstance(error, CompilationError) else 0]
    return DeviceError(
        f"The GPU must run the kernels of t-SNE; it fails at {name}: {reason:.300}. "
        "Pass device='cpu' (--device cpu)."
    )
