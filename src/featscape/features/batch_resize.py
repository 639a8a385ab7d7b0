"""Resize and crop of a whole batch on the network's device, whatever the sizes of its images.

To resize an image is to multiply it by a matrix of weights on either side; of an image that is
padded, what is beyond its edge has the weight 0. So images of different sizes are one batch of
matrix products: a few kernels for all, where one call an image would have a GPU wait for its
launches. The products count every weight, also the many that are 0; on an image of 300 px that is
a fiftieth of what ResNet101 computes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch  # this module is imported by functions that need it

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.features.geometry import ResizeAndCrop

_STEP_PX = 128  # images are padded to multiples of this, and those of one such size go together
_CUBIC = -0.5  # Keys (1981), equation 8; Pillow's, and PyTorch's with antialiasing


def make_batch(
    images: Sequence[NDArray[np.uint8]], geometry: ResizeAndCrop, device: torch.device
) -> torch.Tensor:
    """Resize and crop images on a device; images that have the square's size already stay as are.

    Parameters
    ----------
    images : sequence of b uint8 arrays, each (h, w, 3)
    geometry : ResizeAndCrop
    device : torch.device

    Returns
    -------
    Tensor of float32, shape (b, 3, crop_px, crop_px)
        Whole numbers from 0 to 255, in channels_last.
    """
    square = (geometry.crop_px, geometry.crop_px)
    groups: dict[tuple[bool, int, int], list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        height, width = image.shape[:2]
        is_cut = (height, width) == square
        groups[(is_cut, *(square if is_cut else (_pad(height), _pad(width))))].append(index)
    parts = []
    for (is_cut, *size), members in groups.items():
        chosen = [images[index] for index in members]
        frames = send(chosen, size, device)  # (g, h, w, 3)
        parts.append(frames.float() if is_cut else _resize(frames, chosen, geometry))
    places = np.argsort(np.concatenate(list(groups.values())))
    ordered = torch.cat(parts)[_send_array(places, device)] if len(parts) > 1 else parts[0]
    return ordered.permute(0, 3, 1, 2)


def send(
    images: Sequence[NDArray[np.uint8]], size: Sequence[int], device: torch.device
) -> torch.Tensor:
    """Copy images to a device, each into the corner of a frame of one size: (b, h, w, 3).

    On a GPU they go through memory that is not swapped out, which PyTorch keeps for the next time:
    it is copied while the caller and the kernels before it go on. What is beyond an image's edge is
    whatever lay there.
    """
    pinned = device.type == "cuda"
    frames = torch.empty((len(images), *size, 3), dtype=torch.uint8, pin_memory=pinned)
    values = frames.numpy()
    for frame, image in zip(values, images, strict=True):
        height, width = image.shape[:2]
        frame[:height, :width] = image  # NumPy's copy lets other threads run
    return frames.to(device, non_blocking=pinned)


def _pad(side_px: int) -> int:
    return -(-side_px // _STEP_PX) * _STEP_PX


def _resize(
    frames: torch.Tensor, images: Sequence[NDArray[np.uint8]], geometry: ResizeAndCrop
) -> torch.Tensor:
    """Resize and crop padded images: bytes (b, h, w, 3) -> floats (b, crop_px, crop_px, 3).

    First across, then down, and each time to whole numbers, as Pillow does: a cubic's overshoot is
    cut off twice.
    """
    b, height, width, _ = frames.shape
    c = geometry.crop_px
    sides = np.array([image.shape[:2] for image in images])  # (b, 2)
    rows = _weights(sides[:, 0], sides.min(axis=1), height, geometry, frames.device)  # (b, c, h)
    columns = _weights(sides[:, 1], sides.min(axis=1), width, geometry, frames.device)  # (b, c, w)
    across = frames.transpose(1, 2).reshape(b, width, height * 3).float()
    lines = torch.bmm(columns, across).clamp_(0, 255).round_()  # (b, c, h * 3)
    down = lines.view(b, c, height, 3).transpose(1, 2).reshape(b, height, c * 3)
    return torch.bmm(rows, down).clamp_(0, 255).round_().view(b, c, c, 3)


def _weights(
    sides: NDArray[np.intp],
    shorter: NDArray[np.intp],
    padded_px: int,
    geometry: ResizeAndCrop,
    device: torch.device,
) -> torch.Tensor:
    """Return what each pixel of a side is worth in each of the square: (b, crop_px, padded_px).

    The filter is as wide as the pixels that it makes, where it makes fewer; over an image's edge it
    is cut off, and the rest scaled to sum to 1. So does Pillow (Resample.c, precompute_coeffs).
    """
    frames = [geometry.frame(*pair) for pair in zip(sides.tolist(), shorter.tolist(), strict=True)]
    resized, firsts = np.array(frames).T
    scales = sides / resized
    of_images = np.stack([scales, firsts, sides]).astype(np.float32)  # (3, b)
    scale, first, side = _send_array(of_images, device)[:, :, None, None]  # each (b, 1, 1)
    made = torch.arange(geometry.crop_px, device=device)[:, None]  # (c, 1)
    given = torch.arange(padded_px, device=device)  # (padded_px,)
    centers = scale * (first + made + 0.5)  # (b, c, 1)
    distance = ((given + 0.5 - centers) / scale.clamp(min=1)).abs()
    weights = _linear(distance) if geometry.interpolation == "bilinear" else _cubic(distance)
    weights *= given < side
    return weights.div_(weights.sum(dim=2, keepdim=True))


def _linear(x: torch.Tensor) -> torch.Tensor:
    return (1 - x).clamp(min=0)


def _cubic(x: torch.Tensor) -> torch.Tensor:
    near = ((_CUBIC + 2) * x - (_CUBIC + 3)) * x * x + 1
    far = _CUBIC * (((x - 5) * x + 8) * x - 4)
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))


def _send_array(values: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Copy a small array to a device, without waiting for what the device does."""
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
