"""t-SNE on an NVIDIA GPU, from the features to the embedding, in PyTorch and Triton.

`DeviceStages` runs the stages of a fit. Each stage has a module: reduction.py, neighbors.py,
affinities.py, and gradient.py with repulsion.py. `descend` calls `CudaGradient` as it calls the
gradients of the CPU. check.py compares the stages with the exact formulas before the first fit.

kernels/ contains the Triton kernels and launch.py, which starts them. The kernels need no compiler
other than Triton. Importing this package loads neither torch nor Triton.
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
