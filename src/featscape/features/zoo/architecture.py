"""The records that describe a network: its entry in the list, its architecture, its layers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch
    from torch import nn

    from featscape.features.zoo.preprocessing import Preprocessing
    from featscape.progress import Progress

    State = dict[str, torch.Tensor]

INPUT_OF = "input of "  # with the classifier's name: the output of a network without its classifier
OUTPUT = "output"  # the name for the output of the whole network


@dataclass(frozen=True)
class ModelEntry:
    """One entry in the list of networks.

    Attributes
    ----------
    name : str
        The value for ``--model``.
    library : str
        "torchvision", "timm", "open_clip", or "installed" for a package that contains the weights.
    n_features : int or None
        Number of features per image; None if the network is newer than the catalog.
    n_parameters : int or None
        Number of parameters, with the classifier; None if the network is newer than the catalog.
    input_size_px : int
        Side of the square input.
    weights : tuple of str
        Names of the pretrained weights, the default first. Select others with NAME:WEIGHTS.
    origin : str
        Where the default weights come from: an address, or an installed package.
    """

    name: str
    library: str
    n_features: int | None
    n_parameters: int | None
    input_size_px: int
    weights: tuple[str, ...]
    origin: str

    @property
    def is_on_disk(self) -> bool:
        """Whether the default weights are in a cache or in an installed package."""
        from featscape.features.zoo.download import cached_file
        from featscape.features.zoo.hub import ON_HUB, is_cached

        if "://" not in self.origin:
            return True
        if self.origin.startswith(ON_HUB):
            return is_cached(self.origin)
        return cached_file(self.origin).is_file()

    def to_json(self) -> dict[str, Any]:
        """Return the attributes and `is_on_disk`, for JSON."""
        return {**asdict(self), "is_on_disk": self.is_on_disk}


@dataclass(frozen=True, eq=False)
class Architecture:
    """A PyTorch network without its weights.

    Attributes
    ----------
    make : callable
        () -> the whole network, with its classifier and random weights.
    load : callable
        (state dict, path of its file, layers) -> the whole network with these weights. Raises
        ModelError if the weights do not fit. The weights of the classifier are allowed to have
        another shape unless the classifier is among the layers.
    remove_classifier : callable
        Removes the classifier of a network in place, and returns the name of the new output, for
        example "input of fc".
    preprocessing : Preprocessing
    weights : str
        Name of the default weights.
    find_weights : callable
        Progress -> path of the file with the default weights, downloaded if necessary; None if
        `make` returns a network that already has its weights.
    code_sha256 : str
        Hash of the source files of a user's own network; empty for other networks.
    """

    make: Callable[[], nn.Module]
    load: Callable[[State, Path, Sequence[str]], nn.Module]
    remove_classifier: Callable[[nn.Module], str]
    preprocessing: Preprocessing
    weights: str
    find_weights: Callable[[Progress], Path | None]
    code_sha256: str = ""


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Attributes
    ----------
    name : str
        The value for ``--layer``.
    kind : str
        Name of the layer's class.
    shape : tuple of int or None
        Shape of the output for one image: (c,), tokens (n, c), or a map (c, h, w) or (h, w, c);
        None if the output is not a tensor with one row per image. Such a layer cannot be selected.
    n_features : int or None
        Number of features per image after a map or tokens are pooled.
    depth : int
        Number of layers that contain this layer; always 0 for the nodes of an ONNX file.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    n_features: int | None
    depth: int = 0


@dataclass(frozen=True)
class LayerTree:
    """The layers of a network, in the network's own order.

    Attributes
    ----------
    model : str
        Name of the network.
    input_size_px : int
        Side of the square input for which the shapes are given.
    default : str
        The layer that is used if none is selected.
    layers : tuple of Layer
    """

    model: str
    input_size_px: int
    default: str
    layers: tuple[Layer, ...]

    def to_json(self, *, depth: int | None = None) -> dict[str, Any]:
        """Return the attributes for JSON, with the layers down to level `depth`, or all layers."""
        layers = [layer for layer in self.layers if depth is None or layer.depth < depth]
        return {**asdict(self), "layers": [asdict(layer) for layer in layers]}
