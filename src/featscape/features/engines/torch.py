"""The engine of PyTorch: any network, on any device."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any

from featscape.errors import DeviceError, InputError
from featscape.features.zoo.preprocessing import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from featscape.features.zoo.fingerprint import Fingerprint
    from featscape.features.zoo.geometry import ResizeAndCrop

# On a CPU small batches are as fast as large batches, and report progress earlier.
_BATCH_SIZE_CPU = 16
_BATCH_SIZE_GPU = 256
_SETTING = threading.Lock()  # `_tf32_disabled` changes a setting of the whole process


class TorchEngine:
    """Run a module of PyTorch.

    Parameters
    ----------
    module : torch.nn.Module
        Standardized floats (b, 3, h, w) -> features (b, d), in evaluation mode; moved to the
        device.
    device : torch.device
    mean, std : sequence of float
        Per channel, for values from 0 to 1.
    precision : str
        "fp32" or "bf16".
    geometry : ResizeAndCrop, optional
        If given, `run` accepts uncropped images, and resizes them on the device.
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
            memory_format=torch.channels_last  # type: ignore[call-overload]  # missing in its stub
        )
        self._compiled: tuple[int, Any] = (0, None)  # batch size, and the compiled module
        self._streams = threading.local()
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # other streams do not wait for the copy of the weights

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that are no slower than fp32 on this device."""
        return ("fp32", "bf16") if has_bfloat16(self._device) else ("fp32",)

    @property
    def batch_size(self) -> int:
        """A suitable number of images per batch for the device."""
        return _BATCH_SIZE_CPU if self._device.type == "cpu" else _BATCH_SIZE_GPU

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features of one batch of images.

        On a GPU each thread has its own stream: one batch is copied while the batch of another
        thread is computed.

        Parameters
        ----------
        images : sequence of b ndarray of uint8, each of shape (h, w, 3)
            All of the network's input size, or of any size if the engine resizes images.

        Returns
        -------
        ndarray of float32, shape (b, d)

        Raises
        ------
        DeviceError
            If the batch does not fit into the device's memory.
        """
        from featscape.features.engines.gpu_resize import make_batch, send

        with self._inference(len(images)):
            if self._geometry is not None:
                batch = make_batch(images, self._geometry, self._device)
            else:
                frames = send(images, images[0].shape[:2], self._device)
                # (b, h, w, 3) in memory is (b, 3, h, w) in channels_last format
                batch = frames.permute(0, 3, 1, 2)
            return self._compute(normalize(batch, *self._of_channels))

    def run_standardized(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """Compute the features of a batch that the caller has standardized.

        Parameters
        ----------
        batch : Tensor of float32, shape (b, 3, h, w)

        Returns
        -------
        ndarray of float32, shape (b, d)

        Raises
        ------
        DeviceError
            If the batch does not fit into the device's memory.
        """
        with self._inference(len(batch)):
            return self._compute(batch.to(self._device))

    def _compute(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """Return the features of standardized images, shape (b, 3, h, w)."""
        import torch

        # the setting is needed while the kernels are launched, not while they run
        with _tf32_disabled() if self._dtype == torch.float32 else nullcontext():
            features = self._module_for(len(batch))(batch.to(self._dtype))
        return features.float().cpu().numpy()  # type: ignore[no-any-return]  # untyped in torch

    @contextmanager
    def _inference(self, n_images: int) -> Iterator[None]:
        """Use inference mode and the stream of this thread; translate a lack of memory."""
        import torch

        try:
            with torch.inference_mode(), self._own_stream():
                yield
        except torch.cuda.OutOfMemoryError as error:
            raise DeviceError(
                f"a batch of {n_images} images does not fit into the memory of {self._device}. "
                f"Lower --batch-size (batch_size=) below {n_images}, or use --device cpu (device=)."
            ) from error

    def _own_stream(self) -> AbstractContextManager[object]:
        """Return a context with this thread's CUDA stream; an empty context on other devices."""
        import torch

        if self._device.type != "cuda":
            return nullcontext()
        if not hasattr(self._streams, "own"):
            stream: Any = torch.cuda.Stream  # no types in its stub
            self._streams.own = stream(self._device)
        return torch.cuda.stream(self._streams.own)

    def _module_for(self, n_images: int) -> nn.Module:
        n_compiled, compiled = self._compiled
        return compiled if n_images == n_compiled else self._module  # type: ignore[no-any-return]  # of type Any

    def count_multiply_adds(self, image: NDArray[np.uint8]) -> int:
        """Return the multiply-adds for one image: see `Engine.count_multiply_adds`.

        PyTorch's counter omits the matrix products of attention on a CPU.

        Parameters
        ----------
        image : ndarray of uint8, shape (size, size, 3)
        """
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self.run([image])
        return int(counter.get_total_flops()) // 2

    def compiled(self, batch_size: int, *, backend: str) -> TorchEngine:
        """Return the same network, compiled for batches of one size.

        Batches of another size run uncompiled. The compilation happens in the first call of `run`,
        which raises the exceptions of the compiler.
        """
        import torch

        engine = copy(self)
        engine.name = f"{self.name}, compiled"
        # fullgraph: a network that is compiled in parts is not faster, so a graph break is an error
        module = torch.compile(self._module, fullgraph=True, dynamic=False, backend=backend)
        engine._compiled = (batch_size, module)  # noqa: SLF001 - a copy of self
        return engine

    def at(
        self,
        precision: str,
        *,
        sample: Sequence[NDArray[np.uint8]] = (),
        key: str = "",
        fingerprint: Fingerprint = (),
    ) -> TorchEngine:
        """Return the same network in another precision: see `Engine.at`.

        Parameters
        ----------
        precision : str
            "fp32" or "bf16".
        sample : sequence of ndarray of uint8, each of shape (size, size, 3)
            Ignored, like `key` and `fingerprint`: only int8 needs a calibration.
        key : str
        fingerprint : tuple of tuple of float

        Raises
        ------
        InputError
            If PyTorch does not support the precision.
        """
        del sample, key, fingerprint
        if precision not in ("fp32", "bf16"):
            raise InputError(
                f"with PyTorch the precision must be fp32 or bf16; got {precision!r}. "
                "For int8 use OpenVINO on the CPU."
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
def _tf32_disabled() -> Iterator[None]:
    """Disable TF32 in cuDNN, which otherwise rounds float32 inputs of convolutions to 11 bits."""
    import torch

    cudnn: Any = torch.backends.cudnn
    setting: tuple[Any, str, Any] = (cudnn, "allow_tf32", False)
    if hasattr(cudnn, "conv"):  # newer versions of PyTorch reject a mixture of both settings
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
    """Return whether the device has bfloat16 arithmetic, rather than emulates it."""
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # older versions of PyTorch have no get_capabilities
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False
