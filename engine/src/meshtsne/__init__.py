"""Fast t-SNE on the CPU and on NVIDIA GPUs, as a scikit-learn estimator.

The public names are loaded on first use: ``import meshtsne`` loads neither SciPy nor scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtsne.errors import (
        DeviceError,
        DivergenceError,
        InputError,
        InstallationError,
        MeshTSNEError,
    )
    from meshtsne.estimator import TSNE
    from meshtsne.quality import (
        LabelAgreement,
        agreement_among,
        kl_divergence,
        label_accuracy,
        label_agreement,
        neighbor_recall,
        trustworthiness,
    )
    from meshtsne.records import Neighbors
    from meshtsne.search.neighbors import nearest_neighbors

__version__ = "0.1.0"

__all__ = [
    "TSNE",
    "DeviceError",
    "DivergenceError",
    "InputError",
    "InstallationError",
    "LabelAgreement",
    "MeshTSNEError",
    "Neighbors",
    "agreement_among",
    "kl_divergence",
    "label_accuracy",
    "label_agreement",
    "nearest_neighbors",
    "neighbor_recall",
    "trustworthiness",
]

_HOME = {
    "TSNE": "estimator",
    "DeviceError": "errors",
    "DivergenceError": "errors",
    "InputError": "errors",
    "InstallationError": "errors",
    "LabelAgreement": "quality",
    "MeshTSNEError": "errors",
    "Neighbors": "records",
    "agreement_among": "quality",
    "kl_divergence": "quality",
    "label_accuracy": "quality",
    "label_agreement": "quality",
    "nearest_neighbors": "search.neighbors",
    "neighbor_recall": "quality",
    "trustworthiness": "quality",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"meshtsne.{_HOME[name]}"), name)
    raise AttributeError(f"module 'meshtsne' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
