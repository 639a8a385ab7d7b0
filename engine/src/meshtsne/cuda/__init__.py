"""t-SNE on an NVIDIA GPU, from the features to the map, in PyTorch and Triton.

`DeviceStages` is the whole of it. Its pieces: reduction.py, neighbors.py, affinities.py, field.py
(the repulsion) and gradient.py (`CudaGradient`, which `descent.descend` drives like any other);
check.py holds them to the exact formulae before the first fit. Each ``*_kernels.py`` holds the
Triton kernels of its namesake, and launch.py starts them; nothing of this needs a compiler beside
Triton's, and importing this package loads neither torch nor Triton.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtsne.cuda.fit import DeviceStages
    from meshtsne.cuda.gradient import CudaGradient

__all__ = ["CudaGradient", "DeviceStages"]

_HOME = {"CudaGradient": "gradient", "DeviceStages": "fit"}


def __getattr__(name: str) -> object:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"meshtsne.cuda.{_HOME[name]}"), name)
    raise AttributeError(f"module 'meshtsne.cuda' has no attribute {name!r}")
