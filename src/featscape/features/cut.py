"""A network cut at any of its layers: normalized images in, one row of numbers an image out.

Forward hooks take the layers' outputs, so that every submodule of any network can be asked for.
They are set for one pass and removed after it, and the pass ends when the last layer has spoken.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch  # this module is imported by functions that need it, for it defines a torch.nn.Module
from torch import nn

from featscape.errors import ModelError
from featscape.features.architecture import OUTPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

Form = Literal["numbers", "map", "map, channels last", "tokens"]

_GEM_POWER = 3.0  # Radenovic, Tolias and Chum (2018), section 3.2: where they start the training
_GEM_SMALLEST = 1e-6
PROBE_SIZE = 2  # images: so it shows which outputs do not have a row an image
# What networks call the token that stands for the whole image.
_CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")


@dataclass(frozen=True)
class Reading:
    """How one layer's output becomes a row of numbers.

    Attributes
    ----------
    layer : str
        A submodule's name; "" is the network itself.
    n_calls : int
        How often the layer is computed in a pass; the last output counts.
    shape : tuple of int
        Of one image's output.
    form : Form
        "numbers" (c,), "map" (c, h, w), "map, channels last" (h, w, c) or "tokens" (n, c).
    n_prefix : int
        Tokens before those of the image's patches: the class token and its like.
    width : int
        Numbers in the row.
    """

    layer: str
    n_calls: int
    shape: tuple[int, ...]
    form: Form
    n_prefix: int
    width: int


class Cut(nn.Module):
    """A network up to some of its layers, each pooled, side by side in the order asked for.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    readings : sequence of Reading
        From `plan`.
    pool : str
        One of `layers.POOLS`.
    """

    def __init__(self, network: nn.Module, readings: Sequence[Reading], *, pool: str) -> None:
        super().__init__()
        self.network = network
        self.readings = tuple(readings)
        self.pool = pool

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Compute the rows: (b, 3, h, w) standardized -> (b, d)."""
        return torch.cat(self.read(batch), dim=1)

    def read(self, batch: torch.Tensor) -> list[torch.Tensor]:
        """Compute the rows of each layer, each (b, width).

        A layer's output is pooled as soon as the layer is computed: some networks change the
        output in place afterwards.

        Raises
        ------
        ModelError
            If the network did not compute one of the layers for this batch.
        """
        if [reading.layer for reading in self.readings] == [""]:  # without hooks it can be compiled
            return [_pool(_tensor_of(self.network(batch)), self.readings[0], self.pool)]
        rows: dict[str, torch.Tensor] = {}
        due = {reading.layer: reading.n_calls for reading in self.readings}

        def take(reading: Reading, _layer: nn.Module, _inputs: object, output: object) -> None:
            due[reading.layer] -= 1
            if due[reading.layer] == 0:
                rows[reading.layer] = _pool(_tensor_of(output), reading, self.pool)
                if len(rows) == len(due):
                    raise _Stop

        hooks = [
            self.network.get_submodule(reading.layer).register_forward_hook(partial(take, reading))
            for reading in self.readings
        ]
        try:
            self.network(batch)
        except _Stop:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        missing = [name for name in due if name not in rows]
        if missing:
            raise ModelError(
                f"A layer must be computed for every image; {missing[0]} was not computed for an "
                "image of this dataset. Take a layer that does not depend on the image."
            )
        return [rows[reading.layer] for reading in self.readings]


class _Stop(Exception):  # noqa: N818 - nothing went wrong
    """All that was asked for is computed."""


def find_layer(network: nn.Module, layer: str, *, owner: str) -> str:
    """Return the submodule's name that a layer's name means: its own, or "" for "output".

    Raises
    ------
    ModelError
        If there is none; the message names the nearest ones.
    """
    names = [
        name
        for name, found in network.named_modules()
        if name and not isinstance(found, torch.jit.ScriptModule)  # those cannot be watched
    ]
    if layer in names:
        return layer
    if layer == OUTPUT:
        return ""
    near = difflib.get_close_matches(layer, names, n=3) or [
        name for name in names if layer and layer.lower() in name.lower()
    ]
    hint = f"Did you mean {' or '.join(near[:3])}? " if near else ""
    raise ModelError(
        f"A layer must be one of {owner}'s; got {layer!r}. {hint}"
        f"`featscape layers {owner}` shows them all."
    )


def plan(
    network: nn.Module, layers: Sequence[str], *, pool: str | None, probe: torch.Tensor, owner: str
) -> tuple[Reading, ...]:
    """See what layers give, and decide how each becomes a row of numbers.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    layers : sequence of str
        Names as users give them.
    pool : str or None
        One of `layers.POOLS`; None for the default.
    probe : Tensor, shape (1, 3, h, w)
        Any input.
    owner : str
        The network's name, for messages.

    Raises
    ------
    ModelError
        If there is no such layer, it is not computed in a pass, it does not give real numbers for
        each image, or `pool` does not suit it.
    """
    names = [find_layer(network, layer, owner=owner) for layer in layers]
    outputs = watch(network, names, probe)
    readings = []
    for layer, name in zip(layers, names, strict=True):
        n_calls, shape, dtype = outputs[name]
        if shape is None:
            within = [child for child, _ in network.get_submodule(name).named_children()]
            hint = f"Take one within it: {name}.{within[-1]}." if within else "Take another."
            what = "gives no tensor" if n_calls else "is not computed by itself in a pass"
            raise ModelError(f"A layer must give a tensor; {layer} of {owner} {what}. {hint}")
        if len(shape) < 2 or shape[0] != PROBE_SIZE:
            raise ModelError(
                f"A layer must give a row for each image; {layer} of {owner} gives "
                f"{tuple(shape)} for {PROBE_SIZE}. Take the layer around it, "
                f"{name.rpartition('.')[0] or OUTPUT}."
            )
        if dtype is not None and dtype.is_complex:
            raise ModelError(
                f"A layer must give real numbers; {layer} of {owner} gives {dtype}. Take another "
                "layer, or return the absolute value."
            )
        readings.append(_plan_one(network, name, n_calls, tuple(shape[1:]), pool, layer=layer))
    return tuple(readings)


class Watched(NamedTuple):
    """What one submodule did in a pass of two images.

    Attributes
    ----------
    n_calls : int
    shape, dtype
        Of the last output; None where there is no tensor in the output.
    """

    n_calls: int
    shape: tuple[int, ...] | None = None
    dtype: torch.dtype | None = None


def watch(network: nn.Module, names: Sequence[str], probe: torch.Tensor) -> dict[str, Watched]:
    """Run a network on two images, and return what each submodule did."""
    seen = dict.fromkeys(names, Watched(0))

    def see(name: str, _layer: nn.Module, _inputs: object, output: object) -> None:
        tensor, n_calls = _find_tensor(output), seen[name].n_calls + 1
        if tensor is None:
            seen[name] = Watched(n_calls)
        else:
            seen[name] = Watched(n_calls, tuple(tensor.shape), tensor.dtype)

    hooks = [network.get_submodule(name).register_forward_hook(partial(see, name)) for name in seen]
    try:
        with torch.inference_mode():
            network(probe.expand(PROBE_SIZE, -1, -1, -1).contiguous())
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _plan_one(
    network: nn.Module,
    name: str,
    n_calls: int,
    shape: tuple[int, ...],
    pool: str | None,
    *,
    layer: str,
) -> Reading:
    form = form_of(shape)
    if form is None and pool != "flatten":
        raise ModelError(
            f"A layer's map must have two dimensions of places to be pooled; {layer} gives "
            f"{shape} an image. Take --pool flatten (pool=)."
        )
    n_prefix = _count_prefix(network, shape) if form == "tokens" else 0
    if pool == "token" and form != "numbers" and n_prefix == 0:
        raise ModelError(
            f"--pool token takes the class token, the first of a sequence; {layer} gives {shape} "
            "an image, without one. Take --pool avg (pool=)."
        )
    if form in (None, "numbers") or pool == "flatten":
        width = math.prod(shape)
    else:
        width = shape[0] if form == "map" else shape[-1]
    return Reading(name, n_calls, shape, form or "numbers", n_prefix, width)


def form_of(shape: tuple[int, ...]) -> Form | None:
    """Tell what an image's output is by its shape; None where it has more than 3 dimensions.

    Images are square here, so that of three dimensions the two alike are the places; where all
    three are alike, the channels come first, as in most networks.
    """
    if len(shape) == 1:
        return "numbers"
    if len(shape) == 2:
        return "tokens"
    if len(shape) == 3:
        return "map, channels last" if shape[0] == shape[1] != shape[2] else "map"
    return None


def _count_prefix(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Count the tokens before those of the patches: where the rest is the square of patches.

    In a vision transformer some layers have the class token, and some work on the patches alone.
    """
    n_prefix = getattr(network, "num_prefix_tokens", None)
    if n_prefix is None:
        n_prefix = int(any(name.endswith(_CLASS_TOKENS) for name, _ in network.named_parameters()))
    n_tokens = shape[0]
    return int(n_prefix) if _is_square(n_tokens - n_prefix) and not _is_square(n_tokens) else 0


def _is_square(n: int) -> bool:
    return n > 0 and math.isqrt(n) ** 2 == n


def _pool(output: torch.Tensor, reading: Reading, pool: str) -> torch.Tensor:
    """Make rows of a layer's output: (b, ...) -> (b, width), in memory of their own."""
    if reading.form == "numbers" or pool == "flatten":
        return output.flatten(1).clone()
    if pool == "token":
        return output[:, 0].clone()
    if reading.form == "map":
        places = output.flatten(2)  # (b, c, places)
    else:
        places = output.flatten(1, -2)[:, reading.n_prefix :].transpose(1, 2)
    if pool == "max":
        return places.amax(2)
    if pool == "gem":
        return places.clamp(min=_GEM_SMALLEST).pow(_GEM_POWER).mean(2).pow(1 / _GEM_POWER)
    return places.mean(2)


def _tensor_of(output: object) -> torch.Tensor:
    tensor = _find_tensor(output)
    if tensor is None:
        raise TypeError("a layer that gave a tensor before gives none now")
    return tensor


def _find_tensor(output: Any) -> torch.Tensor | None:
    """Return a layer's output, or the first tensor of one that gives several."""
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, (tuple, list)):
        return next((part for part in output if isinstance(part, torch.Tensor)), None)
    return output if isinstance(output, torch.Tensor) else None
