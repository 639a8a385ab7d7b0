"""Choose the device of a fit."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING

from meshtsne.errors import DeviceError, InputError

if TYPE_CHECKING:
    from meshtsne.fit.request import FitRequest

GPU_METRICS = ("euclidean", "cosine", "correlation")
GPU_NEIGHBORS_MAX = 2_048
# An entry of P has 32 bits on the GPU; the probability needs at least 8 of them.
GPU_POINTS_MAX = 2**24


def resolve_device(device: str, request: FitRequest, *, n_items: int) -> str:
    """Return the device of a fit: "cpu", "cuda" or "cuda:N".

    "auto" is the CPU: the GPU code has not been measured on a GPU yet.

    Parameters
    ----------
    device : str
        As in `TSNE`.
    request : FitRequest
    n_items : int

    Raises
    ------
    InputError
        The GPU does not support a parameter of the request.
    DeviceError
        The GPU does not exist.
    """
    if device in ("auto", "cpu"):
        return "cpu"
    refusal = _refusal(request, n_items)
    if refusal:
        raise InputError(f"device={device!r} {refusal}")
    if not _is_gpu(device):
        raise DeviceError(
            f"device={device!r} needs an NVIDIA GPU of that number, its driver, and PyTorch for "
            "CUDA; no such GPU was found. Pass device='cpu', or install PyTorch for CUDA."
        )
    return device


def describe_device(device: str) -> str:
    """Return "cpu", or a GPU and its name: "cuda (NVIDIA H100 80GB HBM3)"."""
    if device == "cpu":
        return device
    import torch

    if torch.device(device).type != "cuda":  # Triton's interpreter
        return device
    return f"{device} ({torch.cuda.get_device_name(torch.device(device))})"


def _refusal(request: FitRequest, n_items: int) -> str:
    """Return why the GPU cannot run the request, and the remedy; "" if the GPU can run it."""
    k = request.n_neighbors
    refusal = ""
    if n_items > GPU_POINTS_MAX:
        refusal = (
            f"takes up to {GPU_POINTS_MAX:,} items; got {n_items:,}. Fit fewer items and place the "
            "others with transform, or pass device='cpu'."
        )
    elif request.neighbors is not None or request.affinities is not None:
        refusal = "does not take precomputed neighbors or affinities. Pass device='cpu'."
    elif request.method == "direct":
        refusal = "has only method='grid'; got method='direct'. Pass method='grid' or device='cpu'."
    elif request.n_components != 2:
        refusal = (
            f"makes embeddings of 2 dimensions; got n_components={request.n_components}. "
            "Pass device='cpu'."
        )
    elif request.metric not in GPU_METRICS:
        refusal = (
            f"takes {', '.join(GPU_METRICS)}; got metric={request.metric!r}. Pass device='cpu'."
        )
    elif k > GPU_NEIGHBORS_MAX:
        refusal = (
            f"takes up to {GPU_NEIGHBORS_MAX:,} neighbors per item; perplexity or n_neighbors "
            f"requires {k:,}. Lower the parameter, or pass device='cpu'."
        )
    return refusal


def has_nvidia_driver() -> bool:
    """Return whether an NVIDIA driver is loaded, without importing torch."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _is_gpu(device: str) -> bool:
    """Return whether torch finds the GPU; torch is not imported if there is no driver."""
    from importlib.util import find_spec

    if not has_nvidia_driver() or find_spec("torch") is None:
        return False
    import torch

    number = int(device.partition(":")[2] or 0)
    return torch.cuda.is_available() and number < torch.cuda.device_count()
