"""t-SNE on the CPU and the GPU, as a scikit-learn estimator; works without the rest of featscape.

The public names load on first use: importing this package loads neither scikit-learn nor FAISS.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featscape.tsne.estimator import TSNE
    from featscape.tsne.neighbors import nearest_neighbors
    from featscape.tsne.quality import (
        LabelAgreement,
        kl_divergence,
        label_accuracy,
        label_agreement,
        neighbor_recall,
        trustworthiness,
    )

__all__ = [
    "TSNE",
    "LabelAgreement",
    "kl_divergence",
    "label_accuracy",
    "label_agreement",
    "nearest_neighbors",
    "neighbor_recall",
    "trustworthiness",
]

_HOME = {
    "TSNE": "estimator",
    "LabelAgreement": "quality",
    "kl_divergence": "quality",
    "label_accuracy": "quality",
    "label_agreement": "quality",
    "nearest_neighbors": "neighbors",
    "neighbor_recall": "quality",
    "trustworthiness": "quality",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"featscape.tsne.{_HOME[name]}"), name)
    raise AttributeError(f"module 'featscape.tsne' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
