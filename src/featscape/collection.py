"""The types of data that a program holds; a module without imports of heavy libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import BinaryIO, TypeAlias

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
