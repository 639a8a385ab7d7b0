"""PyTorch as the engine: any network, on any device."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any

from featscape.errors import DeviceError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from featscape.features.fingerprint import Fingerprint
    from featscape.features.geometry import ResizeAndCrop

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
    geometry : ResizeAndCrop, optional
        Images that suit it come whole, and are resized on the device.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        device: torch.device,
        mean: Sequence[float],
        std: Sequence[float],
        precision: str = "fp32",
        geometry: ResizeAndCrop | None = None,
    ) -> None:
        import torch

        self.precision = precision
        self.name = f"PyTorch {torch.__version__}"
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._device = device
        self._geometry = geometry
        self._mean, self._std = mean, std
        self._of_channels = [torch.tensor(values, device=device) for values in (mean, std)]
        self._module = module.to(device=device, dtype=self._dtype).to(
            memory_format=torch.channels_last  # type: ignore[call-overload]  # its stub lacks it
        )
        self._compiled: tuple[int, Any] = (0, None)  # images a batch, and what runs that many
        self._streams = threading.local()
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # other streams would not wait for the weights

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those that are no slower than fp32 here."""
        return ("fp32", "bf16") if has_bfloat16(self._device) else ("fp32",)

    @property
    def batch_size(self) -> int:
        """Images a batch that suit the device."""
        return _BATCH_SIZE_CPU if self._device.type == "cpu" else _BATCH_SIZE_GPU

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute features, shape (b, d), of b images: (size, size, 3), or others that it resizes.

        On a GPU each thread has a stream of its own: one batch is copied there while that of
        another thread is computed.

        Raises
        ------
        DeviceError
            If the batch does not fit into the device's memory.
        """
        import torch

        from featscape.features.batch_resize import make_batch, send

        try:
            with torch.inference_mode(), self._own_stream():
                if self._geometry is not None:
                    batch = make_batch(images, self._geometry, self._device)
                else:
                    frames = send(images, images[0].shape[:2], self._device)
                    # (b, h, w, 3) as it lies in memory is (b, 3, h, w) in channels_last.
                    batch = frames.permute(0, 3, 1, 2)
                batch = normalize(batch, *self._of_channels).to(self._dtype)
                # held while the kernels are started, and not until they are done
                with _unrounded() if self._dtype == torch.float32 else nullcontext():
                    features = self._module_for(len(images))(batch)
                return features.float().cpu().numpy()  # type: ignore[no-any-return]
        except torch.cuda.OutOfMemoryError as error:
            raise DeviceError(
                f"A batch of {len(images)} images must fit into the memory of {self._device}; it "
                f"does not. Lower --batch-size (batch_size=) below {len(images)}, or take "
                "--device cpu (device=)."
            ) from error

    def _own_stream(self) -> AbstractContextManager[object]:
        """Return the stream of this thread, where there are streams."""
        import torch

        if self._device.type != "cuda":
            return nullcontext()
        if not hasattr(self._streams, "own"):
            stream: Any = torch.cuda.Stream  # its stub has no types
            self._streams.own = stream(self._device)
        return torch.cuda.stream(self._streams.own)

    def _module_for(self, n_images: int) -> nn.Module:
        n_compiled, compiled = self._compiled
        return compiled if n_images == n_compiled else self._module  # type: ignore[no-any-return]

    def compiled(self, batch_size: int, *, backend: str) -> TorchEngine:
        """Return the same network, compiled for batches of one size: a last one runs as before.

        It is compiled when it runs first, and then raises what the compiler has against it.
        """
        import torch

        engine = copy(self)
        engine.name = f"{self.name}, compiled"
        # a network that it can take only in parts is not quicker, and so an error
        module = torch.compile(self._module, fullgraph=True, dynamic=False, backend=backend)
        engine._compiled = (batch_size, module)  # noqa: SLF001 - a copy of this one
        return engine

    def at(
        self,
        precision: str,
        *,
        sample: Sequence[NDArray[np.uint8]] = (),
        key: str = "",
        fingerprint: Fingerprint = (),
    ) -> TorchEngine:
        """Return the same network in another precision.

        Raises
        ------
        InputError
            If PyTorch does not run it.
        """
        del sample, key, fingerprint
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
            geometry=self._geometry,
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
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # older versions of PyTorch do not tell
        told: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(told.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def normalize(
    batch: torch.Tensor, mean: Sequence[float] | torch.Tensor, std: Sequence[float] | torch.Tensor
) -> torch.Tensor:
    """Scale (b, 3, h, w) from 0..255 to 0..1 and standardize each channel, as the libraries do.

    Floats are changed in place.
    """
    import torch

    of_channels = (torch.as_tensor(v, device=batch.device).view(1, 3, 1, 1) for v in (mean, std))
    means, deviations = of_channels
    return batch.float().div_(255).sub_(means).div_(deviations)
