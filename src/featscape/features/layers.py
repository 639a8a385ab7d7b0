"""The tree of a network's layers, with what each gives of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.features.models import find_architecture
from featscape.features.own_network import its_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from featscape.features.architecture import Architecture

POOLS = ("avg", "max", "gem", "flatten", "token")
DEFAULT_POOL = "avg"  # the one that every layer of every network has


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Attributes
    ----------
    name : str
        What ``--layer`` takes.
    kind : str
        The name of its class.
    shape : tuple of int or None
        What it gives of one image: (c,), tokens (n, c), or a map (c, h, w) or (h, w, c); None
        where it gives no tensor with a row an image, and so cannot be taken.
    n_features : int or None
        Numbers an image once a map or tokens are pooled.
    depth : int
        How many layers it lies in; 0 for the nodes of an ONNX file, which know none.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    n_features: int | None
    depth: int = 0


@dataclass(frozen=True)
class LayerTree:
    """The layers of a network, in the order that it lists them.

    Attributes
    ----------
    model : str
    input_size_px : int
        Side of the square that it sees, which the shapes belong to.
    default : str
        What is taken where no layer is asked for.
    layers : tuple of Layer
    """

    model: str
    input_size_px: int
    default: str
    layers: tuple[Layer, ...]


def check_layers(layers: Sequence[str], pool: str | None) -> None:
    """Check what is asked for of a network, before it is there.

    Parameters
    ----------
    layers : sequence of str
    pool : str or None

    Raises
    ------
    InputError
        If a layer is named twice, `pool` is none of `POOLS`, or there is no layer to pool.
    """
    if pool is not None and pool not in POOLS:
        raise InputError(f"pool must be {', '.join(POOLS[:-1])} or {POOLS[-1]}; got {pool!r}.")
    if pool is not None and not layers:
        raise InputError(
            f"pool must go with a layer; got {pool!r} alone. Name a layer with --layer (layers=): "
            "`featscape layers MODEL` shows them."
        )
    twice = next((layer for layer in layers if layers.count(layer) > 1), None)
    if twice is not None:
        raise InputError(f"layers must be named once each; got {twice!r} twice. Leave one out.")


def list_layers(model: str) -> LayerTree:
    """List the layers of a network. Its weights are not needed, and nothing is downloaded.

    Parameters
    ----------
    model : str
        As `load_network` takes it.

    Raises
    ------
    ModelError
        If there is no such network, or one's own raises an error.
    """
    import torch

    from featscape.features.onnx_file import is_onnx, list_nodes

    if is_onnx(model):
        return list_nodes(model)
    with its_errors(model):
        architecture = find_architecture(model)()
        try:
            return _look(model, architecture, torch.device("meta"))
        except (RuntimeError, NotImplementedError):  # some need numbers, which meta has none of
            return _look(model, architecture, torch.device("cpu"))


def _look(model: str, architecture: Architecture, device: torch.device) -> LayerTree:
    import torch

    from featscape.features.cut import PROBE_SIZE, form_of, watch

    size_px = architecture.preprocessing.input_size_px
    with torch.device(device):
        module = architecture.make().eval()
        probe = torch.zeros(1, 3, size_px, size_px)
        names = [name for name, _ in module.named_modules() if name]
        seen = watch(module, names, probe)
        kinds = {name: type(layer).__name__ for name, layer in module.named_modules()}
        default = architecture.behead(module)
    layers = []
    for name in names:
        shape = seen[name].shape
        usable = shape is not None and len(shape) > 1 and shape[0] == PROBE_SIZE
        of_one = tuple(shape[1:]) if shape is not None and usable else None
        form = form_of(of_one) if of_one else None
        width = None if of_one is None or form is None else of_one[0 if form == "map" else -1]
        layers.append(Layer(name, kinds[name], of_one, width, name.count(".")))
    return LayerTree(model, size_px, default, tuple(layers))
