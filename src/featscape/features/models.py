"""Which networks there are: torchvision's, timm's, open_clip's, one installed, and the user's."""

from __future__ import annotations

import difflib
import fnmatch
from functools import partial
from typing import TYPE_CHECKING

from featscape.errors import ModelError
from featscape.features import (
    catalog,
    efficientnet_lite0,
    open_clip_backend,
    own_network,
    timm_backend,
    torchvision_backend,
)
from featscape.features.architecture import ModelEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from featscape.features.architecture import Architecture
    from featscape.features.catalog import Row

DEFAULT = "resnet101"
_LIBRARIES = {
    "torchvision": torchvision_backend,
    "timm": timm_backend,
    "open_clip": open_clip_backend,
}


def list_models(pattern: str = "") -> tuple[ModelEntry, ...]:
    """List the networks: the default, the embedded one, then each library's.

    No network is built, no library loaded and nothing downloaded, unless a library's version is
    another than the one that the list was made with: then that library is loaded and asked.

    Parameters
    ----------
    pattern : str
        A part of the names, or with ``*``, ``?`` or ``[`` a whole name; in small or capital
        letters.
    """
    entries = [
        _describe(library, row)
        for library, backend in _LIBRARIES.items()
        for row in catalog.list_rows(backend)
    ]
    entries.sort(key=lambda entry: entry.name != DEFAULT)  # it is stable: the others stay
    entries.insert(1, efficientnet_lite0.describe())
    return tuple(entry for entry in entries if _matches(entry.name, pattern))


def _describe(library: str, row: Row) -> ModelEntry:
    backend = _LIBRARIES[library]
    size = catalog.find_size(backend, row.architecture)
    return ModelEntry(
        name=backend.PREFIX + row.name,
        library=library,
        n_features=size.n_features,
        n_parameters=size.n_parameters,
        input_size_px=row.input_size_px,
        weights=row.weights,
        origin=row.origin,
    )


def _matches(name: str, pattern: str) -> bool:
    name, pattern = name.lower(), pattern.lower()
    if not any(sign in pattern for sign in "*?["):
        return pattern in name
    return any(fnmatch.fnmatchcase(one, pattern) for one in (name, name.partition(":")[2]))


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
    MissingExtra
        If its library is not installed.
    """
    for backend in (timm_backend, open_clip_backend):
        if model.startswith(backend.PREFIX):
            name = model.removeprefix(backend.PREFIX)
            if name not in catalog.list_names(backend):
                raise _unknown(model)
            return partial(backend.build, name)
    name, colon, weights = model.partition(":")
    own = {entry.name: entry for entry in (efficientnet_lite0.describe(), *_torchvision_entries())}
    if name not in own:
        if not own_network.is_name(model):
            raise _unknown(model)
        near = difflib.get_close_matches(name, own, n=3)
        hint = f"Did you mean {' or '.join(f'{one}:{weights}' for one in near)}? " if near else ""
        return partial(own_network.build, model, own_network.find_factory(model, hint=hint))
    choices = own[name].weights
    if colon and weights not in choices:
        raise ModelError(
            f"The weights of {name} must be {' or '.join(choices)}; got {weights!r}. "
            f"Name one of them as {name}:WEIGHTS, or give a file with --weights FILE (weights=)."
        )
    chosen = weights or choices[0]
    if name == efficientnet_lite0.NAME:
        return partial(efficientnet_lite0.build, chosen)
    return partial(torchvision_backend.build, name, chosen)


def is_listed(model: str) -> bool:
    """Whether `model` is exactly the name of a network of a library, or of the installed one."""
    return bool(standard_weights(model))


def standard_weights(model: str) -> frozenset[str]:
    """Return how model cards name the weights of a library for `model`; nothing is imported.

    It is empty for a network that is in no library.
    """
    for backend in (timm_backend, open_clip_backend):
        if model.startswith(backend.PREFIX):
            name = model.removeprefix(backend.PREFIX)
            if name not in catalog.list_names(backend):
                return frozenset()
            rows = catalog.list_rows(backend)
            tags = {
                tag for row in rows if name in (row.name, row.architecture) for tag in row.weights
            }
            return frozenset((*tags, name, "none"))
    name, colon, weights = model.partition(":")
    for entry in (efficientnet_lite0.describe(), *_torchvision_entries()):
        if entry.name == name and (not colon or weights in entry.weights):
            return frozenset(entry.weights)
    return frozenset()


def _torchvision_entries() -> list[ModelEntry]:
    return [_describe("torchvision", row) for row in catalog.list_rows(torchvision_backend)]


def _unknown(model: str) -> ModelError:
    """Return the error that names the networks nearest to a name that none has."""
    prefix, colon, _ = model.partition(":")
    names = [
        efficientnet_lite0.NAME,
        *(
            backend.PREFIX + name
            for library, backend in _LIBRARIES.items()
            if library == prefix or (not colon and library != "open_clip")
            for name in sorted(catalog.list_names(backend))
        ),
    ]
    same = [name for name in names if name.partition(":")[2] == model]
    siblings = [name for name in names if name.startswith(model.partition(".")[0] + ".")]
    near = (
        same
        or difflib.get_close_matches(model, siblings or names, n=3)
        or difflib.get_close_matches(model.lower(), names, n=3)
    )
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    return ModelError(
        f"A model must be one of the networks that featscape knows; got {model!r}. "
        f"{hint}`featscape models PATTERN` searches them."
    )
