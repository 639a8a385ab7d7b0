"""The geometric half of a library's preprocessing; the arithmetic half runs by batches.

Where it is the usual one, PyTorch's kernel for bytes takes half of Pillow's time or less. It
computes as Pillow does, but with the processor's wide registers: a value differs by rounding alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image

_QUICK = ("bilinear", "bicubic")


def make_crop(transform: Any) -> Callable[[Image.Image], NDArray[np.uint8]]:
    """Return the steps of a composed transform up to the one that makes a tensor.

    Parameters
    ----------
    transform : torchvision.transforms.Compose
        As timm and open_clip make it: resize, crop, tensor, normalization.
    """
    from torchvision.transforms import CenterCrop, PILToTensor, Resize, ToTensor

    steps: list[Any] = []
    for step in transform.transforms:
        if isinstance(step, (ToTensor, PILToTensor)):
            break
        steps.append(step)
    if (
        [type(step) for step in steps] == [Resize, CenterCrop]
        and isinstance(steps[0].size, int)
        and steps[0].max_size is None
        and steps[0].interpolation.value in _QUICK
        and len(set(steps[1].size)) == 1
        and steps[1].size[0] <= steps[0].size
    ):
        return partial(
            resize_and_crop,
            resize_px=steps[0].size,
            crop_px=steps[1].size[0],
            interpolation=steps[0].interpolation.value,
        )

    def crop(image: Image.Image) -> NDArray[np.uint8]:
        for step in steps:
            image = step(image)
        return np.asarray(image)

    return crop


def resize_and_crop(
    image: Image.Image, *, resize_px: int, crop_px: int, interpolation: str
) -> NDArray[np.uint8]:
    """Resize the shorter side, with antialiasing, and cut a square from the center.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode "RGB".
    resize_px : int
        The shorter side's new length, at least `crop_px`.
    crop_px : int
        The square's side.
    interpolation : str
        "bilinear" or "bicubic".

    Returns
    -------
    ndarray of uint8, shape (crop_px, crop_px, 3)
    """
    import torch
    from torch.nn.functional import interpolate

    # the longer side is rounded down, and the corner to the nearest, ties to even: as torchvision
    width, height = (resize_px * side // min(image.size) for side in image.size)
    left, top = (round((side - crop_px) / 2) for side in (width, height))
    pixels = np.array(image)  # (h, w, 3); a copy, for PyTorch warns of memory that is read-only
    resized = interpolate(
        torch.from_numpy(pixels)[None].permute(0, 3, 1, 2),  # (1, 3, h, w) in channels_last
        size=(height, width),
        mode=interpolation,
        antialias=True,
    )
    values: NDArray[np.uint8] = resized.permute(0, 2, 3, 1)[0].numpy()  # (h, w, 3), as it lies
    # NumPy copies, for PyTorch would wake its other threads for that, which the network needs
    return np.ascontiguousarray(values[top : top + crop_px, left : left + crop_px])
