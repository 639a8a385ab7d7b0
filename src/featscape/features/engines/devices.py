"""The devices that PyTorch finds, and the number of threads of PyTorch."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import DeviceError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import nn

# The files of the drivers of NVIDIA, of AMD, and of Windows Subsystem for Linux
_GPU_FILES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")

# The largest number of parameters of a network that is tried on one thread: ResNet101 has 45
# million. A pass of a larger network takes long enough for more threads.
_MOST_FOR_ONE_THREAD = 50_000_000


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the GPU if there is one, else the CPU.

    Raises
    ------
    InputError
        If `name` is not the name of a device.
    DeviceError
        If the device is not present.
    """
    import torch

    check_device_name(name)
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.append("mps")
    if torch.cuda.is_available():
        present += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if name == "auto":
        return torch.device(next(n for n in ("cuda", "mps", "cpu") if n in present))
    if name not in present:
        raise DeviceError(
            f"device {name} is not present; PyTorch finds {', '.join(present)}. Choose one of "
            "these, or install the build of PyTorch that fits your GPU (https://pytorch.org)."
        )
    return torch.device(name)


def may_have_gpu() -> bool:
    """Return whether PyTorch may find a GPU on this machine, without importing PyTorch."""
    if sys.platform == "linux":
        return any(Path(path).exists() for path in _GPU_FILES)
    if sys.platform == "win32":
        return find_library("nvcuda") is not None
    return True


def check_device_name(name: str) -> None:
    """Raise InputError if `name` is not the name of a device."""
    device_type, _, index = name.partition(":")
    if device_type not in ("auto", "cpu", "cuda", "mps") or (":" in name and not index.isdecimal()):
        raise InputError(
            f"device must be auto, cpu, cuda, cuda:N or mps; got {name!r}. Choose one of these "
            "with --device (device=)."
        )


def check_device(name: str) -> None:
    """Raise like `choose_device`. PyTorch is imported only for the name of a GPU."""
    check_device_name(name)
    if name not in ("auto", "cpu"):
        choose_device(name)


@contextmanager
def one_thread_if_small(module: nn.Module) -> Iterator[None]:
    """Run a small network of PyTorch on one thread in this context.

    With several threads, each layer waits until the slowest thread is finished. If other programs
    use the cores, the first pass of EfficientNet-Lite0 took 1.7 s on two threads, and 0.1 s on one.
    """
    import torch

    n_threads = torch.get_num_threads()
    if sum(tensor.numel() for tensor in module.parameters()) <= _MOST_FOR_ONE_THREAD:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
