"""Where a network runs: the devices that PyTorch finds, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.errors import DeviceError, InputError

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the GPU if there is one, else the CPU."""
    import torch

    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.append("mps")
    if torch.cuda.is_available():
        present += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if name == "auto":
        return torch.device(next(n for n in ("cuda", "mps", "cpu") if n in present))
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (":" in name and not index.isdecimal()):
        raise InputError(f"A device must be auto, cpu, cuda, cuda:N or mps; got {name!r}.")
    if name not in present:
        raise DeviceError(
            f"The device {name} must be present; PyTorch finds {', '.join(present)}. Take one of "
            "these, or install the build of PyTorch that fits your GPU (https://pytorch.org)."
        )
    return torch.device(name)
