"""List the layers of a network, and check the layers that a user selects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.features.readout.pooling import POOLS, pooled_width
from featscape.features.zoo.architecture import Layer, LayerTree
from featscape.features.zoo.own.code import own_code_errors
from featscape.features.zoo.own.onnx_file import OnnxModel
from featscape.features.zoo.registry import find_architecture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from featscape.features.zoo.architecture import Architecture


def check_layers(layers: Sequence[str], pool: str | None) -> None:
    """Check a selection of layers before the network is loaded.

    Parameters
    ----------
    layers : sequence of str
    pool : str or None

    Raises
    ------
    InputError
        If a layer is named twice, `pool` is not one of `POOLS`, or `pool` is given without layers.
    """
    if pool is not None and pool not in POOLS:
        raise InputError(
            f"pool must be {', '.join(POOLS[:-1])} or {POOLS[-1]}; got {pool!r}. Choose one of "
            "these with --pool (pool=)."
        )
    if pool is not None and not layers:
        raise InputError(
            f"pool must be used with a layer; got {pool!r} without a layer. Select a layer "
            "with --layer (layers=): `featscape layers MODEL` lists the layers."
        )
    twice = next((layer for layer in layers if layers.count(layer) > 1), None)
    if twice is not None:
        raise InputError(f"each layer must be named once; got {twice!r} twice. Remove one.")


def list_layers(model: str) -> LayerTree:
    """List the layers of a network; its weights are not needed and not downloaded.

    Parameters
    ----------
    model : str
        As for `load_network`.

    Returns
    -------
    LayerTree

    Raises
    ------
    ModelError
        If there is no such network, or a user's own network raises an exception.
    """
    import torch

    with own_code_errors(model):
        architecture = find_architecture(model)()
        if isinstance(architecture, OnnxModel):
            from featscape.features.readout.onnx_graph import list_nodes

            return list_nodes(architecture, name=model)
        try:
            return _list_modules(model, architecture, torch.device("meta"))
        except (RuntimeError, NotImplementedError):
            # some networks read tensor values, which the meta device lacks
            return _list_modules(model, architecture, torch.device("cpu"))


def _list_modules(model: str, architecture: Architecture, device: torch.device) -> LayerTree:
    """Run a network with random weights on a device, and describe each submodule."""
    import torch

    from featscape.features.readout.hooks import PROBE_SIZE, record_calls

    size_px = architecture.preprocessing.input_size_px
    with torch.device(device):
        module = architecture.make().eval()
        probe = torch.zeros(1, 3, size_px, size_px)
        names = [name for name, _ in module.named_modules() if name]
        calls = record_calls(module, names, probe)
        class_names = {name: type(layer).__name__ for name, layer in module.named_modules()}
        default = architecture.remove_classifier(module)
    layers = []
    for name in names:
        shape = calls[name].shape
        is_usable = shape is not None and len(shape) > 1 and shape[0] == PROBE_SIZE
        of_one = tuple(shape[1:]) if shape is not None and is_usable else None
        width = None if of_one is None else pooled_width(of_one)
        layers.append(Layer(name, class_names[name], of_one, width, name.count(".")))
    return LayerTree(model, size_px, default, tuple(layers))
