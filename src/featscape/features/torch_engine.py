"""PyTorch as the engine: any network, on any device."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from featscape.errors import DeviceError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

# On a CPU small batches are as quick as large ones, and report progress sooner.
_BATCH_SIZE_CPU = 16
_BATCH_SIZE_GPU = 256
_SETTING = threading.Lock()  # what `_unrounded` sets is the whole process's


class TorchEngine:
    """Runs a module of PyTorch.

    Parameters
    ----------
    module : torch.nn.Module
        Normalized floats (b, 3, h, w) -> features (b, d), in evaluation mode; moved to the device.
    device : torch.device
    mean, std : sequence of float
        Of each channel, for values in 0..1.
    precision : str
        "fp32" or "bf16".
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        device: torch.device,
        mean: Sequence[float],
        std: Sequence[float],
        precision: str = "fp32",
    ) -> None:
        import torch

        self.precision = precision
        self.name = f"PyTorch {torch.__version__}"
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._device = device
        self._mean, self._std = mean, std
        self._module = module.to(device=device, dtype=self._dtype).to(
            memory_format=torch.channels_last  # type: ignore[call-overload]  # its stub lacks it
        )

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those that are no slower than fp32 here."""
        return ("fp32", "bf16") if has_bfloat16(self._device) else ("fp32",)

    @property
    def batch_size(self) -> int:
        """Images a batch that suit the device."""
        return _BATCH_SIZE_CPU if self._device.type == "cpu" else _BATCH_SIZE_GPU

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute features, shape (b, d), of pixels, shape (b, h, w, 3).

        Raises
        ------
        DeviceError
            If the batch does not fit into the device's memory.
        """
        import torch

        try:
            with torch.inference_mode(), _unrounded():
                # (b, h, w, 3) as it lies in memory is (b, 3, h, w) in channels_last.
                batch = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2)
                batch = normalize(batch, self._mean, self._std).to(self._dtype)
                return self._module(batch).float().cpu().numpy()  # type: ignore[no-any-return]
        except torch.cuda.OutOfMemoryError as error:
            raise DeviceError(
                f"A batch of {len(pixels)} images must fit into the memory of {self._device}; it "
                f"does not. Lower --batch-size (batch_size=) below {len(pixels)}, or take "
                "--device cpu (device=)."
            ) from error

    def at(
        self, precision: str, *, sample: Sequence[NDArray[np.uint8]] = (), key: str = ""
    ) -> TorchEngine:
        """Return the same network in another precision.

        Raises
        ------
        InputError
            If PyTorch does not run it.
        """
        del sample, key
        if precision not in ("fp32", "bf16"):
            raise InputError(
                f"With PyTorch the precision must be fp32 or bf16; got {precision!r}. "
                "OpenVINO, on the CPU, runs int8 too."
            )
        return TorchEngine(
            deepcopy(self._module),
            device=self._device,
            mean=self._mean,
            std=self._std,
            precision=precision,
        )


@contextmanager
def _unrounded() -> Iterator[None]:
    """Let cuDNN convolve float32 as such: by default it rounds to TF32, which has 11 bits of 24."""
    import torch

    cudnn: Any = torch.backends.cudnn
    setting: tuple[Any, str, Any] = (cudnn, "allow_tf32", False)
    if hasattr(cudnn, "conv"):  # newer versions of PyTorch refuse a mixture of both ways
        setting = (cudnn.conv, "fp32_precision", "ieee")
    owner, name, exact = setting
    with _SETTING:
        before = getattr(owner, name)
        setattr(owner, name, exact)
        try:
            yield
        finally:
            setattr(owner, name, before)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 rather than emulates it."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # older versions of PyTorch do not tell
        told: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(told.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def normalize(batch: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """Scale uint8 (b, 3, h, w) to 0..1 and standardize each channel, as the libraries do."""
    import torch

    of_channels = (torch.tensor(v, device=batch.device).view(1, 3, 1, 1) for v in (mean, std))
    means, deviations = of_channels
    return batch.float().div_(255).sub_(means).div_(deviations)
