"""Read the last layer of an ImageNet classifier from the file of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.features.zoo.architecture import INPUT_OF, Architecture
from featscape.features.zoo.registry import find_architecture, standard_weights
from featscape.features.zoo.weights import read_state
from featscape.progress import SilentProgress
from featscape.records import ClassifierWeights

if TYPE_CHECKING:
    import torch

    from featscape.records import ModelCard

N_IMAGENET = 1000


def load_classifier(card: ModelCard) -> ClassifierWeights | None:
    """Return the layer that computes the scores of the ImageNet classes from the features.

    Parameters
    ----------
    card : ModelCard
        The network that has just computed the features, with its weights on the disk. The function
        reads the weights file of the library to which the network belongs by its name. Never pass
        the card of a map from someone else.

    Returns
    -------
    ClassifierWeights or None
        None unless the features are the input of a linear classifier with the 1,000 classes of
        ImageNet-1k and the library's own weights.

    Raises
    ------
    ModelError
        If the file of the weights is missing or damaged.
    """
    is_default = card.weights in standard_weights(card.name)
    if not is_default or not card.layer.startswith(INPUT_OF):
        return None
    architecture = find_architecture(card.name)()
    if not isinstance(architecture, Architecture):
        return None
    path = architecture.find_weights(SilentProgress())
    return None if path is None else _find_layer(read_state(path), n_features=card.n_features)


def _find_layer(state: dict[str, torch.Tensor], *, n_features: int) -> ClassifierWeights | None:
    """Return the only layer of a state dict that maps features to the classes of ImageNet.

    The names of the layer differ between libraries, and its shape identifies the layer: a network
    with two such layers has no single classifier.
    """
    found = [
        name.removesuffix("weight")
        for name, tensor in state.items()
        if name.endswith("weight") and tuple(tensor.shape) == (N_IMAGENET, n_features)
    ]
    if len(found) != 1:
        return None
    weight, bias = state[f"{found[0]}weight"], state.get(f"{found[0]}bias")
    scores = np.zeros(N_IMAGENET, np.float32) if bias is None else bias.float().numpy()
    return ClassifierWeights(weight.float().numpy(), scores)
