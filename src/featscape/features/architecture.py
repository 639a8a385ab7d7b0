"""What a backend hands over: a network's line in the list, and the network without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch
    from torch import nn

    from featscape.features.preprocessing import Preprocessing
    from featscape.progress import Progress

    State = dict[str, torch.Tensor]

INPUT_OF = "input of "  # the classifier's: how what a network gives without it is called
OUTPUT = "output"  # the name of what the whole network gives


@dataclass(frozen=True)
class ModelEntry:
    """One line of the list of networks.

    Attributes
    ----------
    name : str
        What ``--model`` takes.
    library : str
        "torchvision", "timm", "open_clip", or the package that is installed with its weights.
    n_features : int or None
        Numbers an image; None for a network that is newer than this version of featscape.
    n_parameters : int or None
        Of the network, classifier included; None as above.
    input_size_px : int
        Side of the square that the network sees.
    weights : tuple of str
        Names of the pretrained weights, the default first. Where there are several, ask for
        another as NAME:WEIGHTS.
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
        """Whether the default weights are there already: in a cache, or installed."""
        from featscape.features.hub import ON_HUB, is_cached
        from featscape.features.weights import cached_file

        if "://" not in self.origin:
            return True
        if self.origin.startswith(ON_HUB):
            return is_cached(self.origin)
        return cached_file(self.origin).is_file()


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network without its weights, as a backend hands it over.

    Attributes
    ----------
    make : callable
        () -> the whole network, classifier included, with random weights.
    load : callable
        (state dict, its file, layers) -> the whole network with these weights; raises ModelError
        where they do not fit. The classifier's may be others unless it is among the layers.
    behead : callable
        Takes a network's classifier off in place, and tells what it gives then, for example
        "input of fc".
    preprocessing : Preprocessing
    weights : str
        The default weights' name.
    find_weights : callable
        Progress -> path of the default weights' file, downloaded if need be; None where `make`
        gives the network its weights itself.
    code_sha256 : str
        Hash of the sources of a network of the user's own, which may change; empty for others.
    """

    make: Callable[[], nn.Module]
    load: Callable[[State, Path, Sequence[str]], nn.Module]
    behead: Callable[[nn.Module], str]
    preprocessing: Preprocessing
    weights: str
    find_weights: Callable[[Progress], Path | None]
    code_sha256: str = ""
