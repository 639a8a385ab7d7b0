"""The start of a Triton kernel, with the errors of the compiler and of CUDA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from triton.compiler.errors import CompilationError
from triton.errors import TritonError

from meshtsne.errors import DeviceError

if TYPE_CHECKING:
    from torch import Tensor


def launch(kernel: Any, n_programs: int, first: Tensor, *others: Any, **options: Any) -> None:
    """Start `n_programs` programs of a Triton kernel, which is compiled on its first use.

    Parameters
    ----------
    kernel : triton.JITFunction
    n_programs : int
    first : Tensor
        The kernel's first argument. The kernel runs on the GPU of this tensor; Triton's default
        is PyTorch's current GPU.
    others
        The kernel's other arguments.
    options
        The kernel's constants by name, and Triton's num_warps and num_stages.

    Raises
    ------
    DeviceError
        The kernel cannot be compiled for this GPU, or needs more resources than the GPU has.
    """
    try:
        with torch.cuda.device_of(first):  # type: ignore[no-untyped-call]  # torch lacks its types
            # fused multiply-add: the default up to Triton 3.9, but not from Triton 3.10 on
            kernel[(n_programs,)](first, *others, enable_fp_fusion=True, **options)
    except torch.OutOfMemoryError:
        raise
    except (TritonError, RuntimeError) as error:  # Triton's compiler and CUDA
        raise kernels_fail(kernel.__name__, error) from error


def kernels_fail(name: str, error: BaseException) -> DeviceError:
    """Return an error that names the kernel and the reason."""
    while error.__cause__ is not None:  # the compiler raises one error per level of calls
        error = error.__cause__
    lines = [line.strip(" .") for line in str(error).splitlines() if line.strip()] or [repr(error)]
    # the message of a CompilationError begins with the source and ends with the reason
    reason = lines[-1 if isinstance(error, CompilationError) else 0]
    return DeviceError(
        f"The GPU must run the kernels of t-SNE; it fails at {name}: {reason:.300}. "
        "Pass device='cpu'."
    )
