"""The geometric half of a library's preprocessing; the arithmetic half runs by batches.

Where it is the usual one, PyTorch's kernel for bytes takes half of Pillow's time or less. It
computes as Pillow does, but with the processor's wide registers: a value differs by rounding alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image

_QUICK = ("bilinear", "bicubic")

# Larger images are resized where they are decoded, also for a GPU: to decode them takes that much
# longer than to resize them, and a batch would fill the memory (256 of these take 200 MB as bytes).
_MOST_PIXELS, _MOST_SIDE_PX = 1 << 18, 1024


@dataclass(frozen=True)
class ResizeAndCrop:
    """Resizes the shorter side, with antialiasing, and cuts a square from the center.

    Attributes
    ----------
    resize_px : int
        The shorter side's new length, at least `crop_px`.
    crop_px : int
        The square's side.
    interpolation : str
        "bilinear" or "bicubic".
    """

    resize_px: int
    crop_px: int
    interpolation: str

    def frame(self, side_px: int, shorter_px: int) -> tuple[int, int]:
        """Return what a side is resized to, and where the square begins on it.

        The longer side is rounded down, and the corner to the nearest, ties to even: as torchvision
        does.
        """
        resized = self.resize_px * side_px // shorter_px
        return resized, round((resized - self.crop_px) / 2)

    def may_wait(self, height_px: int, width_px: int) -> bool:
        """Whether an image may be resized later, by `batch_resize`.

        One as large as the square may not, for it could not be told from one that is cut already.
        """
        return (
            height_px * width_px <= _MOST_PIXELS
            and max(height_px, width_px) <= _MOST_SIDE_PX
            and (height_px, width_px) != (self.crop_px, self.crop_px)
        )

    def __call__(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Make an image the square: in mode "RGB", or (h, w, 3); it is not changed.

        Returns
        -------
        ndarray of uint8, shape (crop_px, crop_px, 3)
        """
        import torch
        from torch.nn.functional import interpolate

        # (h, w, 3); an image's is a copy, for PyTorch warns of read-only memory
        pixels = image if isinstance(image, np.ndarray) else np.array(image)
        shorter = min(pixels.shape[:2])
        (height, top), (width, left) = (self.frame(side, shorter) for side in pixels.shape[:2])
        resized = interpolate(
            torch.from_numpy(pixels)[None].permute(0, 3, 1, 2),  # (1, 3, h, w) in channels_last
            size=(height, width),
            mode=self.interpolation,
            antialias=True,
        )
        values: NDArray[np.uint8] = resized.permute(0, 2, 3, 1)[0].numpy()  # (h, w, 3), as it lies
        # NumPy copies, for PyTorch would wake its other threads for that, which the network needs
        return np.ascontiguousarray(values[top : top + self.crop_px, left : left + self.crop_px])


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
        return ResizeAndCrop(
            resize_px=steps[0].size,
            crop_px=steps[1].size[0],
            interpolation=steps[0].interpolation.value,
        )

    def crop(image: Image.Image) -> NDArray[np.uint8]:
        for step in steps:
            image = step(image)
        return np.asarray(image)

    return crop
