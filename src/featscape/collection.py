"""The types of data that a program holds, and their conversion; only a call imports NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from featscape.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import BinaryIO, TypeAlias

    from numpy.typing import NDArray
    from PIL import Image


class Collection(Protocol):
    """Images that a program holds, such as a list or a dataset: see `find_images`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class Array(Protocol):
    """An array that NumPy can convert, such as an array of NumPy or a tensor of PyTorch."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...

    @property
    def shape(self) -> Any:
        """The number of elements along each axis."""
        ...


class Columns(Protocol):
    """Columns of values by name: a mapping or a DataFrame of pandas or Polars."""

    def keys(self) -> Iterable[Any]:
        """Return the names of the columns."""
        ...

    def __getitem__(self, name: Any, /) -> Any: ...


if TYPE_CHECKING:
    # a path, an open file, the bytes of a file, an image of Pillow or an array of uint8
    OneImage: TypeAlias = str | os.PathLike[str] | BinaryIO | bytes | Image.Image | Array


def as_array(values: Any, name: str) -> NDArray[Any]:
    """Return values that a program holds as an array of NumPy.

    Parameters
    ----------
    values : array-like
    name : str
        The subject of the message.

    Raises
    ------
    InputError
        If NumPy cannot convert the values, for example a tensor that needs a gradient.
    """
    import numpy as np

    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        remedy = "Pass an array of NumPy."
        given = None
        if hasattr(values, "detach"):  # a tensor of PyTorch
            given = "tensor"
        elif isinstance(values, list | tuple) and any(hasattr(item, "detach") for item in values):
            given = "torch.stack(tensors)"
        if given is not None:
            remedy = f"Pass {given}.detach().cpu(), with .float() for bfloat16."
        raise InputError(
            f"{name} must be an array that NumPy can convert; got the type "
            f"{type(values).__name__} ({str(error).rstrip('.')}). {remedy}"
        ) from error
