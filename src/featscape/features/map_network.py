"""Load the network of a finished map, which may come from an untrusted source.

A map names its network in run.json. Only the networks of libraries, with the libraries' own
weights, are loaded by this name. A map may also name code (MODULE:FACTORY) or files (ONNX files,
weights); these are loaded only if the user names them too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import ModelError
from featscape.features.loading import check_network, reload_network
from featscape.features.zoo.own.code import SET_BY_FACTORY
from featscape.features.zoo.registry import (
    check_is_name,
    is_file,
    is_listed,
    standard_weights,
)
from featscape.files.regular import hash_file
from featscape.printable_names import printable

if TYPE_CHECKING:
    from featscape.features.network import Network
    from featscape.records import ModelCard


def explain_refusal(
    card: ModelCard, *, model: str | None = None, weights: str | Path | None = None
) -> str | None:
    """Return why the network of a map is not loaded, and the remedy; None if it is loaded.

    Parameters
    ----------
    card : ModelCard
        Card of the map. Nothing that it names is imported or opened.
    model, weights : optional
        The names that the user gives.

    Raises
    ------
    InputError
        If `model` is not a name.
    """
    if model is not None:
        check_is_name(model)
    if model is None and is_file(card.name):
        return (
            "this map was made with an ONNX file, and featscape does not load files that a map "
            "names: to place images, give the file with --model FILE.onnx (model=)."
        )
    name = model or card.name
    own = standard_weights(name) if is_listed(name) else {SET_BY_FACTORY}
    needs_weights = weights is None and not is_file(name) and card.weights not in own
    if model is None and not is_listed(card.name):
        file = "its file of weights with --weights FILE (weights=)"
        return (
            "this map was made with a network that is defined in Python code outside the "
            "supported libraries, and featscape does not run code that a map names: to place "
            "images, give the network with --model MODULE:FACTORY (model=)"
            f"{f', and {file}' if needs_weights else ''}."
        )
    if needs_weights:
        return (
            "this map was made with a file of weights, and featscape does not load files that a "
            "map names: to place images, give the file with --weights FILE (weights=)."
        )
    return None


def check_given(
    card: ModelCard, *, model: str | None = None, weights: str | Path | None = None
) -> None:
    """Compare the network that a user gives with the card of a map, without loading the network.

    Parameters
    ----------
    card : ModelCard
        Card of the map.
    model, weights : optional
        The names that the user gives.

    Raises
    ------
    ModelError, InputError, MissingExtra
        If the name of the network or the content of the weights' file differs from the card, or
        `model` or `weights` cannot be used.
    """
    if model is not None or weights is not None:
        check_loadable(card, model=model, weights=weights)


def check_loadable(card: ModelCard, *, model: str | None, weights: str | Path | None) -> None:
    """Check that the network of a map may be loaded, and the network that a user gives.

    Parameters
    ----------
    card, model, weights
        As for `check_given`.

    Raises
    ------
    ModelError
        If the map names a network or weights that the user must give.
    ModelError, InputError, MissingExtra
        As `check_given` does.
    """
    if model is not None:
        check_is_name(model)
    name = model or card.name
    if name != card.name and not (is_file(name) and is_file(card.name)):
        raise ModelError(
            f"the network must be the network of the map, {printable(card.name)}; got "
            f"{name}. Give its name with --model (model=)."
        )
    refusal = explain_refusal(card, model=model, weights=weights)
    if refusal is not None:
        raise ModelError(refusal)
    if model is not None or weights is not None:
        check_network(name, weights=weights)
    if weights is not None and _hash(Path(weights)) != card.weights_sha256:
        raise ModelError(
            f"the weights must be the weights of the map, whose SHA-256 is "
            f"{printable(card.weights_sha256)}; {printable(weights)} has another SHA-256. "
            "Give the right file with --weights (weights=)."
        )


def _hash(weights: Path) -> str:
    try:
        return hash_file(weights)
    except OSError as error:
        raise ModelError(
            f"the weights {printable(weights)} cannot be read: {error.strerror}. "
            "Give another file with --weights (weights=)."
        ) from error


def load_for_map(
    card: ModelCard,
    *,
    model: str | None = None,
    weights: str | Path | None = None,
    device: str = "auto",
) -> Network:
    """Load the network of a map, to place new images on the map.

    Parameters
    ----------
    card : ModelCard
        Card of the map.
    model, weights : optional
        The names that the user gives. Required for ONNX files, for networks of the form
        MODULE:FACTORY, and for files of weights.
    device : str
        As for `load_network`.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If the map names a network or weights that the user must give, or if the given network or
        weights differ from the card. Also as `load_network` does.
    InputError, DeviceError, MissingExtra
        As `load_network` does.
    """
    check_loadable(card, model=model, weights=weights)
    return reload_network(card, model=model or card.name, weights=weights, device=device)
