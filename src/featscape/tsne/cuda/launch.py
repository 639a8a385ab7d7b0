"""How a kernel is started, for all of them."""

from __future__ import annotations

from typing import Any

from triton.errors import TritonError

from featscape.errors import DeviceError


def launch(kernel: Any, n_programs: int, *arguments: Any, **options: Any) -> None:
    """Start so many programs of a Triton kernel; it is compiled when it is met first.

    Raises
    ------
    DeviceError
        The kernel cannot be compiled for this card, or needs more of it than it has.
    """
    try:
        # Products and sums in one step: Triton's default up to 3.9, which it means to turn round.
        kernel[(n_programs,)](*arguments, enable_fp_fusion=True, **options)
    except TritonError as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise DeviceError(
            f"The GPU must run the kernels of t-SNE; it fails at {kernel.__name__}: "
            f"{reason:.300} Pass device='cpu' (--device cpu)."
        ) from error
