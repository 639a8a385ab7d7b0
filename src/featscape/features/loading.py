"""Load a network by its name, up to its classifier or to selected layers."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.defaults import DEFAULT_MODEL
from featscape.errors import ModelError
from featscape.features.compiled_networks import entry_name, load_cached, save
from featscape.features.engines.base import BF16, FP32
from featscape.features.engines.devices import check_device, may_have_gpu
from featscape.features.engines.precision import AUTO, check_precision
from featscape.features.opening import open_network
from featscape.features.readout.layers import check_layers
from featscape.features.zoo.architecture import INPUT_OF
from featscape.features.zoo.fingerprint import describe_change
from featscape.features.zoo.own.code import SET_BY_FACTORY, own_code_errors
from featscape.features.zoo.registry import (
    check_is_name,
    check_options,
    find_architecture,
    is_file,
)
from featscape.features.zoo.weights import check_weights
from featscape.printable_names import printable
from featscape.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.features.network import Network
    from featscape.progress import Progress
    from featscape.records import ModelCard


_SHOWN_CHARACTERS = 100  # maximum length of a value of a map's card, which may be untrusted


def check_network(
    model: str,
    *,
    weights: str | Path | None = None,
    layers: Sequence[str] = (),
    pool: str | None = None,
    device: str = "auto",
    precision: str = AUTO,
) -> None:
    """Check the arguments of `load_network` as far as possible without loading the network.

    Parameters
    ----------
    model, weights, layers, pool, device, precision
        As for `load_network`.

    Raises
    ------
    ModelError, InputError, DeviceError, MissingExtra
        As `load_network` does.
    """
    check_is_name(model)
    check_layers(layers, pool)
    check_precision(precision)
    with own_code_errors(model):
        find_architecture(model)
    check_options(model, weights=weights, device=device)
    check_device(device)
    if weights is not None:
        check_weights(Path(weights))


def load_network(
    model: str = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    layers: Sequence[str] = (),
    pool: str | None = None,
    device: str = "auto",
    precision: str = AUTO,
    progress: Progress | None = None,
) -> Network:
    """Load a pretrained network, ready for `extract`.

    The network of a library that OpenVINO runs on the CPU is cached in OpenVINO's format. The next
    call reads the cached network and builds no module of PyTorch.

    Parameters
    ----------
    model : str
        A name from `list_models`, MODULE:FACTORY, or the path of an ONNX file. The default weights
        of a torchvision network are IMAGENET1K_V1, or its DEFAULT if there are none of this name;
        "resnet101:IMAGENET1K_V2" selects others.
    weights : path, optional
        File with a state dict to load instead. Its classifier may have any number of classes.
    layers : sequence of str
        Submodules whose output is used, for example "layer3" or "layer1.0.conv2"; "output" is the
        output of the whole network. The features of several layers are concatenated in this
        order. By default the input of the classifier is used.
    pool : str, optional
        How a layer's map or tokens become one row of features: "avg" (the default) is the mean,
        "max" the maximum, "gem" the generalized mean with exponent 3, "flatten" keeps all values,
        "token" is the class token of a vision transformer. All but "flatten" and "token" leave out
        the class token and register tokens. Layers that return a vector are not pooled.
    device : str
        "cpu", "cuda", "cuda:1", "mps", or "auto": the GPU if there is one, else the CPU.
    precision : str
        "fp32", "bf16", "int8" (on the CPU, calibrated on the images; requires the extra int8), or
        "auto": bf16 if the processor supports it, and the features of the first images have a mean
        cosine similarity of .998 to the features in fp32 and a recall of .95 of their 10 nearest
        neighbors; otherwise fp32. The network runs in fp32 until `extract` chooses the precision.
    progress : Progress, optional
        Shows the download of weights.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If the network or a layer is unknown, the weights are missing or damaged or belong to
        another network, or the code of a user's own network raises an exception.
    InputError
        If `device`, `pool` or `precision` is not a valid value.
    DeviceError
        If the device is not present.
    MissingExtra
        If the library of the network is not installed.
    """
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    check_network(
        model, weights=weights, layers=layers, pool=pool, device=device, precision=precision
    )
    progress = progress or SilentProgress()
    path = None if weights is None else Path(weights)
    name = None
    if device == "cpu" or (device == "auto" and not may_have_gpu()):
        name = entry_name(model, weights=path, layers=layers, pool=pool)
    network = None
    if name is not None:
        network = load_cached(name, weights=path, precision=precision, progress=progress)
    if network is None:
        network = build_network(
            model,
            weights=weights,
            layers=layers,
            pool=pool,
            device=device,
            precision=precision,
            progress=progress,
        )
        if name is not None:
            save(name, network, progress=progress)
    return network.choose_precision(())[0] if precision == FP32 else network


def build_network(
    model: str,
    *,
    weights: str | Path | None = None,
    layers: Sequence[str] = (),
    pool: str | None = None,
    device: str = "auto",
    precision: str = AUTO,
    progress: Progress | None = None,
) -> Network:
    """Build a network and convert it for OpenVINO, whether it is cached or not.

    The parameters and errors are those of `load_network`, after its checks.
    """
    with own_code_errors(model):
        return open_network(
            find_architecture(model)(),
            owner=model,
            weights=weights,
            layers=layers,
            pool=pool,
            device=device,
            precision=precision,
            progress=progress or SilentProgress(),
        )


def reload_network(
    card: ModelCard,
    *,
    model: str | None = None,
    weights: str | Path | None = None,
    device: str = "auto",
) -> Network:
    """Load the network that computed features, to compute features of more images.

    Parameters
    ----------
    card : ModelCard
        Card of the features. Without `model`, the code and the files that the card names are
        loaded: the card must come from a trusted source. For the card of a map see
        `load_for_map`.
    model, weights : optional
        Loaded instead of the network and the weights that the card names. Everything but the names
        of files must be equal to the card.
    device : str
        As for `load_network`.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If the network, its weights or its preprocessing differ from the card, so that the features
        are not comparable. Also as `load_network` does.
    DeviceError
        If the device is not present.
    """
    if model is None:
        with own_code_errors(card.name):
            is_default = find_architecture(card.name)().weights == card.weights
        weights = None if is_default else card.weights
    is_default_layer = card.pool == "none" or card.layer.startswith(INPUT_OF)
    name = model or card.name
    layers = () if is_default_layer else card.layers
    pool = None if is_default_layer else card.pool
    network = load_network(name, weights=weights, layers=layers, pool=pool, device=device)
    if card.precision == BF16 and BF16 not in network.engine.precisions and not is_file(name):
        # PyTorch emulates bfloat16, and a cached network does not have PyTorch's module
        network = build_network(name, weights=weights, layers=layers, pool=pool, device=device)
    network = network.at_precision(card.precision)
    if model is not None:  # files are compared by their hashes, and may have been moved
        name = network.card.name if is_file(model) else card.name
        card = replace(card, name=name, weights=network.card.weights)
    _check_equal(card, network.card)
    return network


def _check_equal(card: ModelCard, now: ModelCard) -> None:
    """Raise ModelError unless the features of two cards are comparable."""
    names = [
        field.name
        for field in fields(card)
        if field.compare and getattr(card, field.name) != getattr(now, field.name)
    ]
    differing = [
        f"{name} was {printable(str(getattr(card, name))[:_SHOWN_CHARACTERS])}, is "
        f"{printable(str(getattr(now, name)))}"
        for name in names
    ]
    if names == ["weights_sha256"] and now.weights == SET_BY_FACTORY:
        raise ModelError(
            f"the factory of a network must return the same weights at each call; of {now.name} "
            f"the {differing[0]}. Load trained weights in the factory, or set a seed there with "
            "torch.manual_seed(0), and make the map again with --force (force=True)."
        )
    if differing:
        raise ModelError(
            f"new features must be computed like the earlier features; of {now.name} the "
            f"{'; the '.join(differing)}. Make the map again with --force (force=True)."
        )
    change = describe_change(card, now)
    if change:
        raise ModelError(
            f"new features must be computed like the earlier features; for {now.name} {change}. "
            "Make the map again with --force (force=True)."
        )
