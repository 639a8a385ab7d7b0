"""The classifier of a network: which layer it is, and how it is taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.features.architecture import INPUT_OF, OUTPUT
from featscape.features.folding import replace_layer
from featscape.features.weights import fit_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import nn

    from featscape.features.architecture import State


def find_classifier(module: nn.Module) -> str:
    """Name the last layer: the last linear one, or the last convolution where there is none."""
    from torch import nn

    layers = list(module.named_modules())
    linear: list[str] = [name for name, layer in layers if isinstance(layer, nn.Linear)]
    convolutions: list[str] = [name for name, layer in layers if isinstance(layer, nn.Conv2d)]
    return (linear or convolutions)[-1]


def behead(module: nn.Module) -> str:
    """Take the classifier off, in place, and tell what the network gives then.

    Where the classifier is a convolution, what follows it still pools its input.
    """
    from torch import nn

    classifier = find_classifier(module)
    replace_layer(module, classifier, nn.Identity())
    return f"{INPUT_OF}{classifier}"


def fit(
    module: nn.Module, state: State, path: Path, layers: Sequence[str], *, owner: str
) -> nn.Module:
    """Copy `state` into `module` and return it; the classifier only where a layer asks for it."""
    classifier = find_classifier(module)
    needed = is_asked_for(classifier, layers)
    fit_state(module, state, classifiers=() if needed else (classifier,), owner=owner, path=path)
    return module


def is_asked_for(classifier: str, layers: Sequence[str]) -> bool:
    """Whether one of the layers is the classifier, around it, within it, or beside it."""
    head = classifier.partition(".")[0]
    return any(layer == OUTPUT or layer.partition(".")[0] == head for layer in layers)
