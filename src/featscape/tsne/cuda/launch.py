"""How a kernel is started, for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from triton.errors import TritonError

from featscape.errors import DeviceError

if TYPE_CHECKING:
    from torch import Tensor


def launch(kernel: Any, n_programs: int, first: Tensor, *others: Any, **options: Any) -> None:
    """Start so many programs of a Triton kernel; it is compiled when it is met first.

    Triton would take the card that is PyTorch's current one; they run where `first` lies, the
    kernel's first argument.

    Raises
    ------
    DeviceError
        The kernel cannot be compiled for this card, or needs more of it than it has.
    """
    try:
        with torch.cuda.device_of(first):  # type: ignore[no-untyped-call]  # torch lacks its types
            # products with sums in one step: Triton's default up to 3.9, which it will turn round
            kernel[(n_programs,)](first, *others, enable_fp_fusion=True, **options)
    except TritonError as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise DeviceError(
            f"The GPU must run the kernels of t-SNE; it fails at {kernel.__name__}: "
            f"{reason:.300} Pass device='cpu' (--device cpu)."
        ) from error
