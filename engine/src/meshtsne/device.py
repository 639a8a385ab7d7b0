"""Choose the device of a fit."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING

from meshtsne.errors import DeviceError, InputError

if TYPE_CHECKING:
    from meshtsne.request import Request

# From so many items on, "auto" takes a GPU: below, to load PyTorch and to wake the card takes about
# as long as the CPU takes for all.
AUTO_FROM = 100_000
GPU_METRICS = ("euclidean", "cosine", "correlation")
GPU_NEIGHBORS_MAX = 2_048
# A packed entry of P has 32 bits there, of which p needs 8 at least.
GPU_POINTS_MAX = 2**24


def resolve_device(device: str, request: Request, *, shape: tuple[int, int]) -> str:
    """Return "cpu", "cuda" or "cuda:N" for what TSNE's `device` says.

    "auto" is a GPU for many items, where there is one that does what is asked and has room for it.

    Parameters
    ----------
    device : str
    request : request.Request
    shape : tuple of int
        Of the features.

    Raises
    ------
    InputError
        The GPU was asked for something that only the CPU does.
    DeviceError
        There is no such GPU.
    """
    if device == "cpu":
        return "cpu"
    refusal = _refusal(request, shape[0])
    if device == "auto":
        if shape[0] < AUTO_FROM or refusal or not _is_gpu("cuda"):
            return "cpu"
        return "cuda" if _has_room(request, shape) else "cpu"
    if refusal:
        raise InputError(f"device={device!r} {refusal}")
    if not _is_gpu(device):
        raise DeviceError(
            f"device={device!r} needs an NVIDIA GPU of that number, its driver and a torch built "
            "for it; none was found. Pass device='cpu', or install torch for CUDA."
        )
    return device


def describe_device(device: str) -> str:
    """Return "cpu", or a GPU with its name: "cuda (NVIDIA H100 80GB HBM3)"."""
    if device == "cpu":
        return device
    import torch

    if torch.device(device).type != "cuda":  # Triton's interpreter
        return device
    return f"{device} ({torch.cuda.get_device_name(torch.device(device))})"


def _refusal(request: Request, n_items: int) -> str:
    """Say what of the request a GPU does not do, and the remedy; nothing where it does all."""
    remedy = "Pass device='cpu'."
    if n_items > GPU_POINTS_MAX:
        return (
            f"takes up to {GPU_POINTS_MAX:,} items; got {n_items:,}. Embed fewer (--landmarks on "
            "the command line) and place the others with transform, or pass device='cpu'."
        )
    if request.method == "direct":
        return "has the method 'grid' alone; got method='direct'. Pass method='grid', or 'cpu'."
    if request.n_components != 2:
        return f"makes maps of 2 dimensions; got n_components={request.n_components}. {remedy}"
    if request.metric not in GPU_METRICS:
        return f"takes {', '.join(GPU_METRICS)}; got metric={request.metric!r}. {remedy}"
    if request.n_neighbors > GPU_NEIGHBORS_MAX:
        return (
            f"takes up to {GPU_NEIGHBORS_MAX:,} neighbors of an item; the perplexity or "
            f"n_neighbors asks for {request.n_neighbors:,}. Lower it, or pass device='cpu'."
        )
    return ""


def _has_room(request: Request, shape: tuple[int, int]) -> bool:
    import torch

    from meshtsne.cuda.memory import bytes_free, bytes_needed

    n, d = shape
    width = d if request.n_pca is None else min(d, request.n_pca)
    return bytes_needed(n, width, request.n_neighbors) <= bytes_free(torch.device("cuda"))


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


def _is_gpu(device: str) -> bool:
    """Say whether torch sees the GPU of that name; without a driver, torch is not loaded."""
    from importlib.util import find_spec

    if not has_nvidia_driver() or find_spec("torch") is None:
        return False
    import torch

    number = int(device.partition(":")[2] or 0)
    return torch.cuda.is_available() and number < torch.cuda.device_count()
