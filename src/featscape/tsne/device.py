"""Where the descent runs, and which Gradient does it: the one place that decides."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import DeviceError, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from featscape.tsne.descent import Gradient

METHODS = ("auto", "direct", "grid")
DEVICES = ("auto", "cpu", "cuda")

# Below this many points all pairs cost less than a grid; by the number of the map's dimensions.
DIRECT_BELOW = {1: 1_500, 2: 1_500, 3: 20_000}


def choose_gradient(
    P: csr_array, Y: NDArray[np.float32], *, method: str, device: str, n_threads: int
) -> Gradient:
    """Return the Gradient for P that begins at Y, by `method` and `device` as TSNE takes them.

    Raises
    ------
    InputError
        "cuda" for what only the CPU does.
    DeviceError
        "cuda" where there is no usable GPU.
    """
    n, n_components = Y.shape
    if resolve_device(device, n_components=n_components, method=method) == "cuda":
        from featscape.tsne.cuda import CudaGradient

        return CudaGradient(P, Y)
    if method == "direct" or (method == "auto" and n < DIRECT_BELOW[n_components]):
        from featscape.tsne.direct import DirectGradient

        return DirectGradient(P, Y, n_jobs=n_threads)
    from featscape.tsne.grid import GridGradient

    return GridGradient(P, Y, n_jobs=n_threads)


def resolve_device(device: str, *, n_components: int, method: str = "auto") -> str:
    """Return "cpu" or "cuda" for what TSNE's `device` says.

    "auto" is the CPU: the GPU is for those who ask for it, until its results are as well tested.

    Raises
    ------
    InputError
        The GPU was asked for something that only the CPU does.
    DeviceError
        There is no usable GPU.
    """
    if device != "cuda":
        return "cpu"
    if method == "direct":
        raise InputError(
            "method='direct' runs on the CPU; got device='cuda'. "
            "Pass method='grid', or device='cpu'."
        )
    if n_components != 2:
        raise InputError(
            f"device='cuda' makes maps of 2 dimensions; got n_components={n_components}. "
            "Pass device='cpu'."
        )
    if not (has_nvidia_driver() and _torch_sees_gpu()):
        raise DeviceError(
            "device='cuda' needs an NVIDIA GPU, its driver and a torch built for it; none "
            "was found. Pass device='cpu', or install torch for CUDA."
        )
    return "cuda"


def has_nvidia_driver() -> bool:
    """Say cheaply, without torch, whether an NVIDIA driver is loaded."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _torch_sees_gpu() -> bool:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
