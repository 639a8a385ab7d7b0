"""The type of images that a program holds; a module without imports of heavy libraries."""

from __future__ import annotations

from typing import Any, Protocol


class Collection(Protocol):
    """Images that a program holds, such as a list or a dataset: see `find_images`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...
