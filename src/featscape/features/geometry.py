"""The geometric half of a library's preprocessing; the arithmetic half runs by batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image


def make_crop(transform: Any) -> Callable[[Image.Image], NDArray[np.uint8]]:
    """Return the steps of a composed transform up to the one that makes a tensor.

    Parameters
    ----------
    transform : torchvision.transforms.Compose
        As timm and open_clip make it: resize, crop, tensor, normalization.
    """
    from torchvision.transforms import PILToTensor, ToTensor

    steps: list[Any] = []
    for step in transform.transforms:
        if isinstance(step, (ToTensor, PILToTensor)):
            break
        steps.append(step)

    def crop(image: Image.Image) -> NDArray[np.uint8]:
        for step in steps:
            image = step(image)
        return np.asarray(image)

    return crop


def say(geometry: str, size_px: int, mean: object, std: object) -> str:
    """Return a preprocessing in words."""
    return f"{geometry}, {size_px} x {size_px} px cut from the center, mean {mean}, sd {std}"
