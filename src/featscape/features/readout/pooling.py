"""Pooling: convert the output of a layer to one row of numbers per image.

The same rules serve networks of PyTorch and ONNX files; `Operations` adapts them to a library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from featscape.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

Form = Literal["numbers", "map", "map, channels last", "tokens"]
_Tensor = TypeVar("_Tensor")

POOLS = ("avg", "max", "gem", "flatten", "token")
DEFAULT_POOL = "avg"  # applies to every layer of every network

# Initial exponent of generalized mean pooling: Radenovic, Tolias and Chum (2018), section 3.2.
_GEM_POWER = 3.0
_GEM_MIN = 1e-6
_AXES: dict[Form, tuple[int, ...]] = {
    "map": (2, 3),
    "map, channels last": (1, 2),
    "tokens": (1,),
}


@dataclass(frozen=True)
class Pooling:
    """How the output of one layer is converted to a row of numbers.

    Attributes
    ----------
    method : str
        One of `POOLS`.
    form : Form
        Form of the output for one image: "numbers" (c,), "map" (c, h, w), "map, channels last"
        (h, w, c) or "tokens" (n, c).
    n_prefix : int
        Number of tokens before the patch tokens: the class token and register tokens.
    width : int
        Number of values in the row.
    """

    method: str
    form: Form
    n_prefix: int
    width: int

    @property
    def is_pooled(self) -> bool:
        """Whether the output is a map or tokens, so that the method makes a difference."""
        return self.form != "numbers"


class Operations(Protocol[_Tensor]):
    """The tensor operations of a library that pooling needs."""

    def flatten(self, tensor: _Tensor) -> _Tensor:
        """Flatten all axes but the first: (b, ...) -> (b, d)."""
        ...

    def first_token(self, tensor: _Tensor) -> _Tensor:
        """Return the first token: (b, n, c) -> (b, c)."""
        ...

    def drop_tokens(self, tensor: _Tensor, n_dropped: int) -> _Tensor:
        """Drop the first tokens: (b, n, c) -> (b, n - n_dropped, c)."""
        ...

    def mean(self, tensor: _Tensor, axes: Sequence[int]) -> _Tensor:
        """Return the mean over `axes`, which are removed: (b, c, h, w) -> (b, c), for example."""
        ...

    def max(self, tensor: _Tensor, axes: Sequence[int]) -> _Tensor:
        """Return the maximum over `axes`, which are removed."""
        ...

    def clamp(self, tensor: _Tensor, smallest: float) -> _Tensor:
        """Replace values below `smallest` with `smallest`; the shape stays the same."""
        ...

    def power(self, tensor: _Tensor, exponent: float) -> _Tensor:
        """Raise each value to a power; the shape stays the same."""
        ...


def form_of(shape: tuple[int, ...]) -> Form | None:
    """Return the form of a layer's output for one image; None for more than 3 dimensions.

    The input is square, so the two equal dimensions of a map are height and width. If all three
    dimensions are equal, the channels are assumed to come first, as in most networks.
    """
    if len(shape) == 1:
        return "numbers"
    if len(shape) == 2:
        return "tokens"
    if len(shape) == 3:
        return "map, channels last" if shape[0] == shape[1] != shape[2] else "map"
    return None


def pooled_width(shape: tuple[int, ...]) -> int | None:
    """Return the number of values per image after pooling; None if the output has no `Form`."""
    form = form_of(shape)
    if form is None:
        return None
    return shape[0] if form == "map" else shape[-1]


def is_square(n: int) -> bool:
    """Return whether a number of tokens can be a square grid of patches."""
    return n > 0 and math.isqrt(n) ** 2 == n


def plan_pooling(
    shape: tuple[int, ...], method: str, *, n_prefix: int, has_class_token: bool, layer: str
) -> Pooling:
    """Plan how the output of a layer is pooled.

    Parameters
    ----------
    shape : tuple of int
        Shape of the output for one image.
    method : str
        One of `POOLS`.
    n_prefix : int
        Number of tokens before the patch tokens; 0 for maps.
    has_class_token : bool
        Whether the first token may be a class token.
    layer : str
        Name of the layer, for messages.

    Raises
    ------
    ModelError
        If the method does not apply to the output.
    """
    form = form_of(shape)
    if form is None and method != "flatten":
        raise ModelError(
            f"a layer must give a vector, tokens or a two-dimensional map to be pooled; {layer} "
            f"gives {shape} per image. Use --pool flatten (pool=)."
        )
    if method == "token" and form != "numbers" and not has_class_token:
        raise ModelError(
            f"--pool token selects the class token, the first of a sequence; {layer} gives {shape} "
            "per image, without a class token. Use --pool avg (pool=)."
        )
    width = pooled_width(shape)
    if width is None or method == "flatten":
        width = math.prod(shape)
    return Pooling(method, form or "numbers", n_prefix, width)


def pool(output: _Tensor, pooling: Pooling, operations: Operations[_Tensor]) -> _Tensor:
    """Convert the output of a layer to one row of numbers per image.

    Parameters
    ----------
    output : tensor, shape (b, ...)
        In the form `pooling.form`.
    pooling : Pooling
    operations : Operations
        The operations of the library of `output`.

    Returns
    -------
    tensor, shape (b, pooling.width)
    """
    if pooling.form == "numbers" or pooling.method == "flatten":
        return operations.flatten(output)
    if pooling.method == "token":
        return operations.first_token(output)
    if pooling.n_prefix:
        output = operations.drop_tokens(output, pooling.n_prefix)
    axes = _AXES[pooling.form]
    if pooling.method == "max":
        return operations.max(output, axes)
    if pooling.method == "gem":
        powers = operations.power(operations.clamp(output, _GEM_MIN), _GEM_POWER)
        return operations.power(operations.mean(powers, axes), 1 / _GEM_POWER)
    return operations.mean(output, axes)
