"""The classifier of a network: find the layer, remove it, and load weights without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.features.zoo.architecture import INPUT_OF, OUTPUT
from featscape.features.zoo.weights import fit_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import nn

    from featscape.features.zoo.architecture import State


def find_classifier(module: nn.Module) -> str:
    """Return the name of the last linear layer, or of the last convolution if there is none."""
    from torch import nn

    layers = list(module.named_modules())
    linear: list[str] = [name for name, layer in layers if isinstance(layer, nn.Linear)]
    convolutions: list[str] = [name for name, layer in layers if isinstance(layer, nn.Conv2d)]
    return (linear or convolutions)[-1]


def remove_classifier(module: nn.Module) -> str:
    """Remove the classifier in place, and return the name of the new output.

    If the classifier is a convolution, the layers after it still pool its input.
    """
    from torch import nn

    classifier = find_classifier(module)
    replace_layer(module, classifier, nn.Identity())
    return f"{INPUT_OF}{classifier}"


def replace_layer(module: nn.Module, name: str, layer: nn.Module) -> None:
    """Replace the submodule called `name` with `layer`."""
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, layer)


def fit(
    module: nn.Module, state: State, path: Path, layers: Sequence[str], *, owner: str
) -> nn.Module:
    """Copy `state` into `module`, and return `module`.

    The weights of the classifier are copied only if one of the layers needs them.
    """
    classifier = find_classifier(module)
    needed = is_needed(classifier, layers)
    fit_state(module, state, classifiers=() if needed else (classifier,), owner=owner, path=path)
    return module


def is_needed(classifier: str, layers: Sequence[str]) -> bool:
    """Return whether a layer is the classifier, contains it, or shares its top-level module."""
    head = classifier.partition(".")[0]
    return any(layer == OUTPUT or layer.partition(".")[0] == head for layer in layers)
