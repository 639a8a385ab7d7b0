"""What runs a batch: OpenVINO on the CPU where it is installed and can, PyTorch everywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import numpy as np

from featscape.features.torch_engine import TorchEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray
    from torch import nn

    from featscape.features.fingerprint import Fingerprint
    from featscape.features.geometry import ResizeAndCrop

FP32, BF16, INT8 = "fp32", "bf16", "int8"
PRECISIONS = (FP32, BF16, INT8)

# By so much of the largest feature OpenVINO's may differ from PyTorch's on the probe, both in
# float32. Rounding stays below a thousandth of that; a conversion that went wrong does not.
_TOLERANCE = 0.01


class Engine(Protocol):
    """A network in one precision, ready to run."""

    @property
    def name(self) -> str:
        """What runs it, with its version: "OpenVINO 2026.4.1"."""
        ...

    @property
    def precision(self) -> str:
        """Of its numbers: "fp32", "bf16" or "int8"."""
        ...

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those that it can run on this machine at speed."""
        ...

    @property
    def batch_size(self) -> int:
        """Images a batch that suit it."""
        ...

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute features, shape (b, d), of b prepared images, each (size, size, 3)."""
        ...

    def at(
        self,
        precision: str,
        *,
        sample: Sequence[NDArray[np.uint8]] = (),
        key: str = "",
        fingerprint: Fingerprint = (),
    ) -> Engine:
        """Return the same network in another precision.

        For int8 it is calibrated on the sample, and cached with the fingerprint under the key.
        """
        ...


@dataclass(frozen=True, eq=False)
class Probe:
    """An image, and what PyTorch makes of it.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (size, size, 3)
    features : ndarray of float32, shape (1, d)
    is_branching : bool
        Whether the network has looked at a number on its way, as it does to choose its path by it.
    """

    pixels: NDArray[np.uint8]
    features: NDArray[np.float32]
    is_branching: bool = False


def open_engine(
    module: nn.Module,
    *,
    device: torch.device,
    mean: Sequence[float],
    std: Sequence[float],
    probe: Probe,
    geometry: ResizeAndCrop | None = None,
) -> tuple[Engine, str]:
    """Choose what runs a network, in fp32.

    Parameters
    ----------
    module : torch.nn.Module
        Normalized floats (b, 3, size, size) -> features (b, d); in evaluation mode, on the CPU.
    device : torch.device
        Where to run. `module` moves there if PyTorch runs it.
    mean, std : sequence of float
        Of each channel, for values in 0..1.
    probe : Probe
        Of the network, in fp32: OpenVINO has to make the same of it.
    geometry : ResizeAndCrop, optional
        Resize images on the device, where PyTorch runs the network.

    Returns
    -------
    engine : Engine
    reason : str
        Why it is not OpenVINO, on a CPU; else nothing.
    """
    if device.type == "cpu" and find_spec("openvino") is None:
        reason = "OpenVINO is not installed"
    elif device.type == "cpu" and probe.is_branching:
        reason = "it may choose its path by the image, and OpenVINO would keep to one"
    elif device.type == "cpu":
        from featscape.features.openvino_engine import CONVERSION_FAILURES, convert

        try:
            engine = convert(module, mean=mean, std=std, size_px=len(probe.pixels))
            reason = _compare(engine, probe)
        except CONVERSION_FAILURES as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = f"OpenVINO cannot convert the network ({(lines or [repr(error)])[0]:.200})"
        else:
            if not reason:
                return engine, ""
    else:
        reason = ""
    return TorchEngine(module, device=device, mean=mean, std=std, geometry=geometry), reason


def _compare(engine: Engine, probe: Probe) -> str:
    """Say in what the engine's features of the probe differ from PyTorch's; nothing if they agree.

    A network whose path hangs on its input may be converted for one path alone, without a word.
    """
    values, expected = engine.run([probe.pixels]), probe.features
    if values.shape != expected.shape:
        return f"OpenVINO's features have the shape {values.shape}, PyTorch's {expected.shape}"
    scale = float(np.abs(expected).max())
    difference = float(np.abs(values - expected).max())
    if difference <= _TOLERANCE * scale:
        return ""
    return (
        f"OpenVINO's features are off by up to {difference:.2g}; the largest of PyTorch's is "
        f"{scale:.2g}"
    )
