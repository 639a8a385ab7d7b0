"""Resize and crop of one image, as a library's preprocessing defines it.

For a bilinear or bicubic resize and a central crop, PyTorch's uint8 kernel takes a quarter of
Pillow's time. The kernel uses Pillow's algorithm with SIMD instructions; its values differ by
rounding only, by at most 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image

_INTERPOLATIONS = ("bilinear", "bicubic")  # of PyTorch's kernel

# Larger images are resized on the CPU even if the network runs on a GPU: decoding takes much longer
# than resizing, and a batch of them would need too much memory (256 images of this size: 200 MB).
_MAX_PIXELS, _MAX_SIDE_PX = 1 << 18, 1024


@dataclass(frozen=True)
class ResizeAndCrop:
    """Resize the shorter side with antialiasing, and crop a square at the center.

    Attributes
    ----------
    resize_px : int
        New length of the shorter side, at least `crop_px`.
    crop_px : int
        Side of the square.
    interpolation : str
        "bilinear" or "bicubic".
    """

    resize_px: int
    crop_px: int
    interpolation: str

    def resized_length(self, side_px: int, shorter_px: int) -> tuple[int, int]:
        """Return the new length of a side, and the offset of the square on this side.

        As in torchvision, the length of the longer side is rounded down, and the offset is rounded
        to the nearest integer, ties to even.
        """
        resized = self.resize_px * side_px // shorter_px
        return resized, round((resized - self.crop_px) / 2)

    def can_defer(self, height_px: int, width_px: int) -> bool:
        """Return whether `gpu_resize` may resize an image of this size later.

        An image of the square's size may not be deferred: it would look as if it were cropped.
        """
        return (
            height_px * width_px <= _MAX_PIXELS
            and max(height_px, width_px) <= _MAX_SIDE_PX
            and (height_px, width_px) != (self.crop_px, self.crop_px)
        )

    def __call__(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize and crop an image.

        Parameters
        ----------
        image : Image in mode "RGB", or ndarray of uint8, shape (h, w, 3)
            Not changed.

        Returns
        -------
        ndarray of uint8, shape (crop_px, crop_px, 3)
        """
        import torch
        from torch.nn.functional import interpolate

        # (h, w, 3); the pixels of an Image are copied, since PyTorch warns of read-only memory
        pixels = image if isinstance(image, np.ndarray) else np.array(image)
        shorter = min(pixels.shape[:2])
        (height, top), (width, left) = (
            self.resized_length(side, shorter) for side in pixels.shape[:2]
        )
        resized = interpolate(
            torch.from_numpy(pixels)[None].permute(0, 3, 1, 2),  # (1, 3, h, w) in channels_last
            size=(height, width),
            mode=self.interpolation,
            antialias=True,
        )
        values: NDArray[np.uint8] = resized.permute(0, 2, 3, 1)[0].numpy()  # (h, w, 3), a view
        # NumPy makes the copy: PyTorch would use its threads, which the network needs
        return np.ascontiguousarray(values[top : top + self.crop_px, left : left + self.crop_px])


def make_crop(transform: Any) -> Callable[[Image.Image], NDArray[np.uint8]]:
    """Return the steps of a composed transform before the step that makes a tensor.

    Parameters
    ----------
    transform : torchvision.transforms.Compose
        A transform of timm or open_clip: resize, crop, conversion to a tensor, normalization.

    Returns
    -------
    callable
        RGB image -> ndarray of uint8, shape (size, size, 3). A `ResizeAndCrop`, which also accepts
        arrays, if the steps are a bilinear or bicubic resize and a central crop.
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
        and steps[0].interpolation.value in _INTERPOLATIONS
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
