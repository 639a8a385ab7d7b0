"""Which networks there are: torchvision's classification networks and EfficientNet-Lite0."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING

from featscape.errors import ModelError
from featscape.features import efficientnet_lite0, torchvision_backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from featscape.features.architecture import Architecture, ModelEntry

_DEFAULT = "resnet101"


def list_models() -> tuple[ModelEntry, ...]:
    """List the networks: the default, the embedded one, then the others by name.

    No network is built and nothing is downloaded.
    """
    others = (name for name in torchvision_backend.list_names() if name != _DEFAULT)
    return (
        torchvision_backend.describe(_DEFAULT),
        efficientnet_lite0.describe(),
        *(torchvision_backend.describe(name) for name in others),
    )


def find_architecture(model: str) -> Callable[[], Architecture]:
    """Check a network's name and return what builds it.

    Parameters
    ----------
    model : str
        NAME or NAME:WEIGHTS, for example "resnet101:IMAGENET1K_V2".

    Raises
    ------
    ModelError
        If no such network or no such weights exist; the message names the nearest ones.
    """
    name, colon, weights = model.partition(":")
    if name == efficientnet_lite0.NAME:
        entry = efficientnet_lite0.describe()
        build = efficientnet_lite0.build
    elif name in torchvision_backend.list_names():
        entry = torchvision_backend.describe(name)
        build = partial(torchvision_backend.build, name)
    else:
        names = (*torchvision_backend.list_names(), efficientnet_lite0.NAME)
        near = difflib.get_close_matches(name.lower(), names, n=3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise ModelError(
            f"A model must be one of the networks that featscape knows; got {name!r}. "
            f"{hint}`featscape models` lists them all."
        )
    if colon and weights not in entry.weights:
        raise ModelError(
            f"The weights of {name} must be {' or '.join(entry.weights)}; got {weights!r}. "
            f"Name one of them as {name}:WEIGHTS, or give a file with --weights FILE."
        )
    return partial(build, weights or entry.weights[0])
