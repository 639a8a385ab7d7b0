"""t-SNE on an NVIDIA GPU, from the features to the map, in PyTorch and Triton.

`fit_on_device` is the whole of it. Its pieces: neighbors.py, affinities.py, field.py (the
repulsion) and gradient.py (`CudaGradient`, which `descent.descend` drives like any other). Each
``*_kernels.py`` holds the Triton kernels of its namesake; nothing of this needs a compiler beside
Triton's, and importing this package loads neither torch nor Triton.
"""

from typing import TYPE_CHECKING

from featscape.tsne.cuda.fit import DeviceFit, fit_on_device

if TYPE_CHECKING:
    from featscape.tsne.cuda.gradient import CudaGradient

__all__ = ["CudaGradient", "DeviceFit", "fit_on_device"]


def __getattr__(name: str) -> object:
    if name == "CudaGradient":
        from featscape.tsne.cuda.gradient import CudaGradient

        return CudaGradient
    raise AttributeError(f"module 'featscape.tsne.cuda' has no attribute {name!r}")
