"""Read the outputs of a PyTorch network's layers with forward hooks.

Any submodule of any network can be read. The hooks are registered for one pass and removed after
it, and the pass stops as soon as the last requested layer is computed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch  # other modules import this module inside functions
from torch import nn

from featscape.errors import ModelError
from featscape.features.readout.pooling import (
    DEFAULT_POOL,
    Pooling,
    form_of,
    is_square,
    plan_pooling,
    pool,
)
from featscape.features.zoo.architecture import OUTPUT
from featscape.printable_names import list_first

if TYPE_CHECKING:
    from collections.abc import Sequence

PROBE_SIZE = 2  # images per batch: a batch of two shows which outputs have one row per image
# Endings of the parameter names that networks use for the class token.
_CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")


@dataclass(frozen=True)
class LayerOutput:
    """Which output of a layer is read, and how it is pooled.

    Attributes
    ----------
    layer : str
        Name of a submodule; "" is the network itself.
    n_calls : int
        Number of times that the layer is computed in a pass; the last output is read.
    pooling : Pooling
    """

    layer: str
    n_calls: int
    pooling: Pooling


class LayerReadout(nn.Module):
    """A network up to some of its layers: returns the layers' pooled outputs side by side.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    outputs : sequence of LayerOutput
        From `plan`, in the order in which the features are concatenated.
    owner : str
        Name of the network, for messages.
    """

    def __init__(
        self, network: nn.Module, outputs: Sequence[LayerOutput], *, owner: str = "the network"
    ) -> None:
        super().__init__()
        self._owner = owner
        self.network = network
        self.outputs = tuple(outputs)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Compute the features of standardized images.

        Parameters
        ----------
        batch : Tensor of float32, shape (b, 3, h, w)

        Returns
        -------
        Tensor of float32, shape (b, d)
            The features of all layers, concatenated.
        """
        return torch.cat(self.read(batch), dim=1)

    def read(self, batch: torch.Tensor) -> list[torch.Tensor]:
        """Compute the features of each layer.

        The output of a layer is pooled immediately, because some networks later change the output
        in place.

        Parameters
        ----------
        batch : Tensor of float32, shape (b, 3, h, w)

        Returns
        -------
        list of Tensor of float32, each of shape (b, width)
            In the order of `outputs`.

        Raises
        ------
        ModelError
            If the network does not compute one of the layers for this batch.
        """
        if [output.layer for output in self.outputs] == [""]:
            # without hooks PyTorch can compile the network
            output = self._tensor_of(self.network(batch))
            return [_pool(output, self.outputs[0].pooling)]
        rows: dict[str, torch.Tensor] = {}
        n_calls_left = {output.layer: output.n_calls for output in self.outputs}

        def read_one(
            planned: LayerOutput, _layer: nn.Module, _inputs: object, output: object
        ) -> None:
            n_calls_left[planned.layer] -= 1
            if n_calls_left[planned.layer] == 0:
                rows[planned.layer] = _pool(self._tensor_of(output), planned.pooling)
                if len(rows) == len(n_calls_left):
                    raise _Stop

        hooks = [
            self.network.get_submodule(planned.layer).register_forward_hook(
                partial(read_one, planned)
            )
            for planned in self.outputs
        ]
        try:
            self.network(batch)
        except _Stop:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        missing = [name for name in n_calls_left if name not in rows]
        if missing:
            raise ModelError(
                f"a layer must be computed for every image; {missing[0]} of {self._owner} was not "
                "computed for an image of this dataset. Choose a layer that does not depend on the "
                "image."
            )
        return [rows[planned.layer] for planned in self.outputs]

    def _tensor_of(self, output: object) -> torch.Tensor:
        tensor = _find_tensor(output)
        if tensor is None:
            raise ModelError(
                f"a layer must return a tensor for every image; a layer of {self._owner} returned "
                f"{type(output).__name__} for an image of this dataset. Change the network, or "
                "choose another layer."
            )
        return tensor


class _Stop(Exception):  # noqa: N818 - this exception is not an error
    """All requested layers are computed."""


class _TorchOperations:
    """The `Operations` of PyTorch; each result has its own memory."""

    def flatten(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.flatten(1).clone()

    def first_token(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor[:, 0].clone()

    def drop_tokens(self, tensor: torch.Tensor, n_dropped: int) -> torch.Tensor:
        return tensor[:, n_dropped:]

    def mean(self, tensor: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
        return tensor.mean(tuple(axes))

    def max(self, tensor: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
        return tensor.amax(tuple(axes))

    def clamp(self, tensor: torch.Tensor, smallest: float) -> torch.Tensor:
        return tensor.clamp(min=smallest)

    def power(self, tensor: torch.Tensor, exponent: float) -> torch.Tensor:
        return tensor.pow(exponent)


_TORCH = _TorchOperations()


def _pool(output: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Return the pooled output of a layer in float32, also for a layer in half precision."""
    return pool(output, pooling, _TORCH).float()


def find_layer(network: nn.Module, layer: str, *, owner: str, is_given: bool = False) -> str:
    """Return the name of the submodule that is called `layer`; "" for "output".

    `is_given` is as for `plan`.

    Raises
    ------
    ModelError
        If there is no such layer; the message suggests similar names.
    """
    names = [
        name
        for name, found in network.named_modules()
        if name and not isinstance(found, torch.jit.ScriptModule)  # these cannot have hooks
    ]
    if layer in names:
        return layer
    if layer == OUTPUT:
        return ""
    near = difflib.get_close_matches(layer, names, n=3) or [
        name for name in names if layer and layer.lower() in name.lower()
    ]
    hint = f"Did you mean {' or '.join(near[:3])}? " if near else ""
    listed = f"`featscape layers {owner}` lists them."
    if is_given:  # the command cannot build a module that a program gives
        listed = f"Its layers, from `named_modules()`: {list_first(names, n_shown=20)}."
    raise ModelError(f"layer must be a layer of {owner}; got {layer!r}. {hint}{listed}")


def plan(
    network: nn.Module,
    layers: Sequence[str],
    *,
    method: str | None,
    probe: torch.Tensor,
    owner: str,
    is_own: bool = False,
    is_given: bool = False,
) -> tuple[LayerOutput, ...]:
    """Run a network once, and plan how the output of each layer becomes a row of numbers.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    layers : sequence of str
        Names that the user selected.
    method : str or None
        One of `POOLS`; None for the default.
    probe : Tensor, shape (1, 3, h, w)
        Any input.
    owner : str
        Name of the network, for messages.
    is_own : bool
        Whether the network is the user's own, whose output must contain one tensor. The first
        tensor is read in all other cases.
    is_given : bool
        Whether a program gave the network as a module, which `featscape layers` cannot build.

    Returns
    -------
    tuple of LayerOutput
        In the order of `layers`.

    Raises
    ------
    ModelError
        If a layer does not exist, is not computed in a pass, or does not return real numbers for
        each image, if the output of the user's own network contains several tensors, or if `method`
        does not apply to the layer.
    """
    names = [find_layer(network, layer, owner=owner, is_given=is_given) for layer in layers]
    calls = record_calls(network, names, probe)
    outputs = []
    for layer, name in zip(layers, names, strict=True):
        if is_own and not name and len(calls[name].tensors) > 1:
            raise ModelError(
                f"a network must return one tensor; {owner} returns several for {PROBE_SIZE} "
                f"images: {', '.join(calls[name].tensors)}. Choose a layer with --layer (layers=), "
                "or return one tensor."
            )
        shape = _check_output(network, name, calls[name], called=f"{layer} of {owner}")
        n_prefix = _count_prefix(network, shape) if form_of(shape) == "tokens" else 0
        pooling = plan_pooling(
            shape,
            method or DEFAULT_POOL,
            n_prefix=n_prefix,
            has_class_token=n_prefix > 0,
            layer=layer,
        )
        outputs.append(LayerOutput(name, calls[name].n_calls, pooling))
    return tuple(outputs)


def _check_output(network: nn.Module, name: str, calls: Calls, *, called: str) -> tuple[int, ...]:
    """Return the shape of a layer's output for one image.

    Raises
    ------
    ModelError
        If the output is not a tensor of real numbers with one row per image.
    """
    shape, dtype = calls.shape, calls.dtype
    if shape is None:
        within = [child for child, _ in network.get_submodule(name).named_children()]
        hint = (
            f"Choose a layer inside it: {name}.{within[-1]}." if within else "Choose another layer."
        )
        what = "returns no tensor" if calls.n_calls else "is not computed by itself in a pass"
        raise ModelError(f"a layer must return a tensor; {called} {what}. {hint}")
    if len(shape) < 2 or shape[0] != PROBE_SIZE:
        hint = f"Choose the layer around it, {name.rpartition('.')[0] or OUTPUT}."
        if not name:
            hint = "Return a tensor (b, d), for one number per image (b, 1)."
        raise ModelError(
            f"a layer must return one row per image; {called} returns {shape} for {PROBE_SIZE} "
            f"images. {hint}"
        )
    if dtype is not None and dtype.is_complex:
        raise ModelError(
            f"a layer must return real numbers; {called} returns {dtype}. Choose another layer, or "
            "return the absolute value."
        )
    return shape[1:]


class Calls(NamedTuple):
    """The calls of one submodule in a pass of two images.

    Attributes
    ----------
    n_calls : int
    shape, dtype
        Of the last output; None if the output contains no tensor.
    tensors : tuple of str
        The index or key, and the shape, of each tensor in the last output.
    """

    n_calls: int
    shape: tuple[int, ...] | None = None
    dtype: torch.dtype | None = None
    tensors: tuple[str, ...] = ()


def record_calls(network: nn.Module, names: Sequence[str], probe: torch.Tensor) -> dict[str, Calls]:
    """Run a network on two copies of the probe, and return the calls of each submodule.

    Parameters
    ----------
    network : torch.nn.Module
    names : sequence of str
        Names of submodules.
    probe : Tensor of float32, shape (1, 3, h, w)

    Returns
    -------
    dict of str to Calls
    """
    calls = dict.fromkeys(names, Calls(0))

    def record(name: str, _layer: nn.Module, _inputs: object, output: object) -> None:
        tensors, n_calls = _list_tensors(output), calls[name].n_calls + 1
        if not tensors:
            calls[name] = Calls(n_calls)
            return
        first = next(iter(tensors.values()))
        listed = tuple(f"{key!r} {tuple(tensor.shape)}" for key, tensor in tensors.items())
        calls[name] = Calls(n_calls, tuple(first.shape), first.dtype, listed)

    hooks = [
        network.get_submodule(name).register_forward_hook(partial(record, name)) for name in calls
    ]
    try:
        with torch.inference_mode():
            network(probe.expand(PROBE_SIZE, -1, -1, -1).contiguous())
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def _count_prefix(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the number of tokens before the patch tokens, which form a square.

    In a vision transformer, some layers have a class token and others have patch tokens only.
    """
    n_prefix = getattr(network, "num_prefix_tokens", None)
    if n_prefix is None:
        n_prefix = int(any(name.endswith(_CLASS_TOKENS) for name, _ in network.named_parameters()))
    n_tokens = shape[0]
    return int(n_prefix) if is_square(n_tokens - n_prefix) and not is_square(n_tokens) else 0


def _find_tensor(output: Any) -> torch.Tensor | None:
    """Return the output of a layer, or the first tensor in a tuple, list or mapping."""
    return next(iter(_list_tensors(output).values()), None)


def _list_tensors(output: Any) -> dict[Any, torch.Tensor]:
    """Return the tensors in the output of a layer, by index or key."""
    if isinstance(output, (tuple, list)):
        output = dict(enumerate(output))
    parts = output if isinstance(output, Mapping) else {0: output}
    return {key: part for key, part in parts.items() if isinstance(part, torch.Tensor)}
