"""Choose the engine: OpenVINO on the CPU if it supports the network, otherwise PyTorch."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from featscape.features.engines.torch import TorchEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import nn

    from featscape.features.engines.base import Engine, Probe
    from featscape.features.zoo.geometry import ResizeAndCrop

# Largest accepted difference between the features of OpenVINO and PyTorch for the probe, both in
# float32, as a share of the largest feature. Rounding causes less than a thousandth of this
# difference; a wrong conversion causes more.
_TOLERANCE = 0.01


def open_engine(
    module: nn.Module,
    *,
    device: torch.device,
    mean: Sequence[float],
    std: Sequence[float],
    probe: Probe,
    geometry: ResizeAndCrop | None = None,
) -> tuple[Engine, str]:
    """Choose the engine that runs a network, in fp32.

    Parameters
    ----------
    module : torch.nn.Module
        Standardized floats (b, 3, size, size) -> features (b, d); in evaluation mode, on the CPU.
    device : torch.device
        `module` is moved to this device if PyTorch runs it.
    mean, std : sequence of float
        Per channel, for values from 0 to 1.
    probe : Probe
        Features of the network in fp32, with which those of OpenVINO have to agree.
    geometry : ResizeAndCrop, optional
        If given and PyTorch runs the network, images are resized on the device.

    Returns
    -------
    engine : Engine
    reason : str
        The reason why OpenVINO is not used on the CPU; empty otherwise.
    """
    if device.type == "cpu" and find_spec("openvino") is None:
        reason = "OpenVINO is not installed"
    elif device.type == "cpu" and probe.reads_values:
        reason = "its control flow may depend on the image, which OpenVINO does not support"
    elif device.type == "cpu":
        from featscape.features.engines.openvino import CONVERSION_FAILURES, convert

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
    """Describe how an engine's features of the probe differ from PyTorch's; "" if they agree.

    A conversion may fail silently: a network whose path depends on its input may be converted for
    one path only.
    """
    values, expected = engine.run([probe.pixels]), probe.features
    if values.shape != expected.shape:
        return f"OpenVINO's features have the shape {values.shape}, PyTorch's {expected.shape}"
    scale = float(np.abs(expected).max())
    difference = float(np.abs(values - expected).max())
    if difference <= _TOLERANCE * scale:
        return ""
    return (
        f"OpenVINO's features differ by up to {difference:.2g}; the largest of PyTorch's features "
        f"is {scale:.2g}"
    )
