"""Which networks there are: torchvision's, timm's, open_clip's, one installed, and the user's."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING

from featscape.errors import ModelError
from featscape.features import (
    efficientnet_lite0,
    open_clip_backend,
    own_network,
    timm_backend,
    torchvision_backend,
)

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
        NAME or NAME:WEIGHTS of torchvision's, for example "resnet101:IMAGENET1K_V2"; timm:NAME;
        open_clip:ARCHITECTURE/WEIGHTS; or MODULE:FACTORY.

    Raises
    ------
    ModelError
        If no such network or no such weights exist; the message names the nearest ones.
    """
    for backend in (timm_backend, open_clip_backend):
        if model.startswith(backend.PREFIX):
            name = model.removeprefix(backend.PREFIX)
            if name not in backend.list_names():
                raise _unknown(model)
            return partial(backend.build, name)
    name, colon, weights = model.partition(":")
    if name == efficientnet_lite0.NAME:
        entry = efficientnet_lite0.describe()
        build = efficientnet_lite0.build
    elif name in torchvision_backend.list_names():
        entry = torchvision_backend.describe(name)
        build = partial(torchvision_backend.build, name)
    elif own_network.is_name(model):
        near = difflib.get_close_matches(name, torchvision_backend.list_names(), n=3)
        hint = f"Did you mean {' or '.join(f'{one}:{weights}' for one in near)}? " if near else ""
        return partial(own_network.build, model, own_network.find_factory(model, hint=hint))
    else:
        raise _unknown(model)
    if colon and weights not in entry.weights:
        raise ModelError(
            f"The weights of {name} must be {' or '.join(entry.weights)}; got {weights!r}. "
            f"Name one of them as {name}:WEIGHTS, or give a file with --weights FILE."
        )
    return partial(build, weights or entry.weights[0])


def _unknown(model: str) -> ModelError:
    """Return the error that names the networks nearest to a name that none has."""
    names = [
        *torchvision_backend.list_names(),
        efficientnet_lite0.NAME,
        *(timm_backend.PREFIX + name for name in timm_backend.list_names()),
    ]
    if model.startswith(open_clip_backend.PREFIX):
        names = [open_clip_backend.PREFIX + name for name in open_clip_backend.list_names()]
    near = [name for name in names if name.partition(":")[2] == model]
    siblings = [name for name in names if name.startswith(model.partition(".")[0] + ".")]
    near = near or difflib.get_close_matches(model, siblings or names, n=3)
    near = near or difflib.get_close_matches(model.lower(), names, n=3)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    return ModelError(
        f"A model must be one of the networks that featscape knows; got {model!r}. "
        f"{hint}`featscape models PATTERN` searches them."
    )
