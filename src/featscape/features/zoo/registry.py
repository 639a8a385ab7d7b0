"""The registry: list the networks of the libraries, and find a network by its name."""

from __future__ import annotations

import difflib
import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.defaults import DEFAULT_MODEL, INSTALLED_MODEL
from featscape.errors import InputError, ModelError
from featscape.features.zoo import catalog
from featscape.features.zoo.architecture import ModelEntry
from featscape.features.zoo.download import cached_file, download
from featscape.features.zoo.hub import ON_HUB, fetch_from_hub, find_cached
from featscape.features.zoo.libraries import lite0, open_clip, timm, torchvision
from featscape.features.zoo.own import code, onnx_file
from featscape.number_text import with_article

if TYPE_CHECKING:
    from collections.abc import Callable

    from featscape.features.zoo.architecture import Architecture
    from featscape.features.zoo.catalog import Row
    from featscape.features.zoo.own.onnx_file import OnnxModel
    from featscape.progress import Progress

_LIBRARIES = {
    "torchvision": torchvision,
    "timm": timm,
    "open_clip": open_clip,
}
_WRITE_FACTORY = "Write a function that returns the network, and give 'MODULE:FUNCTION'."
_PREFIXED = [backend for backend in _LIBRARIES.values() if backend.PREFIX]


def list_models(pattern: str = "") -> tuple[ModelEntry, ...]:
    """List the networks: the default, the installed one, then the networks of each library.

    Nothing is built or downloaded. A library is imported only if its version differs from the
    version in the catalog.

    Parameters
    ----------
    pattern : str
        A part of the name, or with ``*``, ``?`` or ``[`` a pattern for the whole name; case is
        ignored.

    Returns
    -------
    tuple of ModelEntry
    """
    entries = [
        _describe(library, row)
        for library, backend in _LIBRARIES.items()
        for row in catalog.list_rows(backend)
    ]
    entries.sort(
        key=lambda entry: entry.name != DEFAULT_MODEL
    )  # stable: the others keep their order
    entries.insert(1, lite0.describe())
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


def check_is_name(model: object) -> None:
    """Raise InputError if a network is given as an object instead of its name."""
    if isinstance(model, str):
        return
    module, name = getattr(model, "__module__", None), getattr(model, "__qualname__", None)
    named = f"{module}:{name}"
    remedy = f"Give {named!r}." if code.is_name(named) and name else _WRITE_FACTORY
    if hasattr(model, "named_modules"):  # a torch.nn.Module
        remedy += " `extract` also takes the network itself, for a map of your own features."
    got = (
        f"the class {model.__name__}"
        if isinstance(model, type)
        else with_article(type(model).__name__)
    )
    raise InputError(
        f"model must be a name, such as {INSTALLED_MODEL!r}, 'networks:mine' (MODULE:FACTORY) or "
        f"'net.onnx'; got {got}. {remedy}"
    )


def find_architecture(model: str) -> Callable[[], Architecture | OnnxModel]:
    """Check the name of a network, and return a function that builds the network.

    Parameters
    ----------
    model : str
        NAME or NAME:WEIGHTS of a torchvision network, for example "resnet101:IMAGENET1K_V2";
        timm:NAME; open_clip:ARCHITECTURE/WEIGHTS; MODULE:FACTORY; or the path of an ONNX file.

    Raises
    ------
    ModelError
        If the network or the weights do not exist; the message suggests similar names.
    MissingExtra
        If the library of the network is not installed.
    """
    if onnx_file.is_onnx(model):
        # absolute: the map may be used from another folder later
        return partial(onnx_file.read_model, Path(model).resolve())
    for backend in _PREFIXED:
        if model.startswith(backend.PREFIX):
            name = model.removeprefix(backend.PREFIX)
            if name not in catalog.list_network_names(backend):
                raise _unknown(model)
            return partial(backend.build, name)
    name, colon, weights = model.partition(":")
    own = {entry.name: entry for entry in (lite0.describe(), *_torchvision_entries())}
    if name not in own:
        if not code.is_name(model):
            raise _unknown(model)
        near = difflib.get_close_matches(name, own, n=3)
        hint = f"Did you mean {' or '.join(f'{one}:{weights}' for one in near)}? " if near else ""
        return partial(code.build, model, code.find_factory(model, hint=hint))
    choices = own[name].weights
    if colon and weights not in choices:
        raise ModelError(
            f"the weights of {name} must be {' or '.join(choices)}; got {weights!r}. "
            f"Choose them with {name}:WEIGHTS, or give a file with --weights FILE (weights=)."
        )
    chosen = weights or choices[0]
    if name == INSTALLED_MODEL:
        return partial(lite0.build, chosen)
    return partial(torchvision.build, name, chosen)


def fetch_weights(model: str, *, progress: Progress) -> None:
    """Download the default weights of a library's network if they are not on this disk.

    The library is not imported, so an unreachable server is reported within a second. Nothing
    happens for networks that are not in the list.

    Parameters
    ----------
    model : str
        As in `load_network`.
    progress : Progress
        Shows the download.

    Raises
    ------
    DownloadError
        If the weights cannot be downloaded.
    """
    entry = next((entry for entry in list_models(model) if entry.name == model), None)
    if entry is None or entry.is_on_disk:
        return
    if entry.origin.startswith(ON_HUB):
        fetch_from_hub(entry.origin, owner=model, progress=progress)
    else:
        download(entry.origin, owner=f"{model} ({entry.weights[0]})", progress=progress)


def find_weights_file(model: str) -> Path | None:
    """Return the file with the default weights of a library's network; None if it is not on disk.

    The library is not imported. None is returned too for networks that are not in the list.
    """
    if model == INSTALLED_MODEL:
        return lite0.find_file()
    entry = next((entry for entry in list_models(model) if entry.name == model), None)
    if entry is None or not entry.is_on_disk:
        return None
    if entry.origin.startswith(ON_HUB):
        return find_cached(entry.origin)
    return cached_file(entry.origin)


def check_options(model: str, *, weights: object, device: str) -> None:
    """Raise InputError if the network does not support the options: ONNX files support few."""
    if onnx_file.is_onnx(model):
        onnx_file.check_options(model, weights=weights, device=device)


def is_file(model: str) -> bool:
    """Return whether a network's name is the path of a file, which may be moved."""
    return onnx_file.is_onnx(model)


def is_listed(model: str) -> bool:
    """Return whether `model` is the name of a library's network or of the installed network."""
    return bool(standard_weights(model))


def standard_weights(model: str) -> frozenset[str]:
    """Return the names of the library's weights for `model`, as in model cards.

    The set is empty for an ONNX file and for MODULE:FACTORY. Nothing is imported.
    """
    for backend in _PREFIXED:
        if model.startswith(backend.PREFIX):
            name = model.removeprefix(backend.PREFIX)
            if name not in catalog.list_network_names(backend):
                return frozenset()
            rows = catalog.list_rows(backend)
            tags = {
                tag for row in rows if name in (row.name, row.architecture) for tag in row.weights
            }
            return frozenset((*tags, name, "none"))
    name, colon, weights = model.partition(":")
    for entry in (lite0.describe(), *_torchvision_entries()):
        if entry.name == name and (not colon or weights in entry.weights):
            return frozenset(entry.weights)
    return frozenset()


def _torchvision_entries() -> list[ModelEntry]:
    return [_describe("torchvision", row) for row in catalog.list_rows(torchvision)]


def _unknown(model: str) -> ModelError:
    """Return the error for an unknown name; the message suggests similar names."""
    prefix, colon, _ = model.partition(":")
    names = [
        INSTALLED_MODEL,
        *(
            backend.PREFIX + name
            for library, backend in _LIBRARIES.items()
            if library == prefix or (not colon and library != "open_clip")
            for name in sorted(catalog.list_network_names(backend))
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
        f"model must be the name of a network; got {model!r}. "
        f"{hint}`featscape models PATTERN` searches the names."
    )
