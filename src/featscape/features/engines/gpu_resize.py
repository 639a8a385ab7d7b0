"""Resize and crop a batch of images of different sizes on the network's device.

Resizing multiplies an image by a matrix of weights from either side. Images are padded, and the
padding has the weight 0, so that images of different sizes become one batch of matrix products. A
batch needs a few kernels; with one call per image, the launches would take most of the time on a
GPU. The products include the zero weights: for an image of 300 px, the resize has a fiftieth of the
operations of ResNet101.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch  # other modules import this module inside functions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.features.zoo.geometry import ResizeAndCrop

_STEP_PX = 128  # images are padded to multiples of this, and grouped by the padded size
_CUBIC = -0.5  # Keys (1981), equation 8; the value of Pillow, and of PyTorch with antialiasing


def make_batch(
    images: Sequence[NDArray[np.uint8]], geometry: ResizeAndCrop, device: torch.device
) -> torch.Tensor:
    """Resize and crop images on a device; images of the square's size are not changed.

    Parameters
    ----------
    images : sequence of b ndarray of uint8, each of shape (h, w, 3)
    geometry : ResizeAndCrop
    device : torch.device

    Returns
    -------
    Tensor of float32, shape (b, 3, crop_px, crop_px)
        Integers from 0 to 255, in channels_last format.
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
        padded = send(chosen, size, device)  # (g, h, w, 3)
        parts.append(padded.float() if is_cut else _resize(padded, chosen, geometry))
    order = np.argsort(np.concatenate(list(groups.values())))
    ordered = torch.cat(parts)[_send_array(order, device)] if len(parts) > 1 else parts[0]
    return ordered.permute(0, 3, 1, 2)


def send(
    images: Sequence[NDArray[np.uint8]], size: Sequence[int], device: torch.device
) -> torch.Tensor:
    """Copy images to a device, each into the top left corner of a padded image.

    For a GPU the images are copied to pinned memory first, which PyTorch caches, so that the
    transfer overlaps with the caller and with earlier kernels.

    Parameters
    ----------
    images : sequence of b ndarray of uint8, each of shape (h, w, 3)
    size : sequence of 2 int
        Height and width of the padded images in pixels.
    device : torch.device

    Returns
    -------
    Tensor of uint8, shape (b, height, width, 3)
        The padding is not initialized.
    """
    pinned = device.type == "cuda"
    padded = torch.empty((len(images), *size, 3), dtype=torch.uint8, pin_memory=pinned)
    values = padded.numpy()
    for target, image in zip(values, images, strict=True):
        height, width = image.shape[:2]
        target[:height, :width] = image  # NumPy's copy releases the GIL
    return padded.to(device, non_blocking=pinned)


def _pad(side_px: int) -> int:
    return -(-side_px // _STEP_PX) * _STEP_PX


def _resize(
    padded: torch.Tensor, images: Sequence[NDArray[np.uint8]], geometry: ResizeAndCrop
) -> torch.Tensor:
    """Resize and crop padded images: bytes (b, h, w, 3) -> floats (b, crop_px, crop_px, 3).

    As in Pillow, the horizontal pass comes first, and both passes round to integers, so that the
    overshoot of a cubic filter is clamped twice.
    """
    b, height, width, _ = padded.shape
    c = geometry.crop_px
    sides = np.array([image.shape[:2] for image in images])  # (b, 2)
    rows = _weights(sides[:, 0], sides.min(axis=1), height, geometry, padded.device)  # (b, c, h)
    columns = _weights(sides[:, 1], sides.min(axis=1), width, geometry, padded.device)  # (b, c, w)
    across = padded.transpose(1, 2).reshape(b, width, height * 3).float()
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
    """Return the weight of each input pixel in each output pixel: (b, crop_px, padded_px).

    As in Pillow (Resample.c, precompute_coeffs), the filter is scaled to the output pixels if the
    image is reduced, and truncated at the edges of the image and rescaled to the sum 1.
    """
    lengths = [
        geometry.resized_length(*pair)
        for pair in zip(sides.tolist(), shorter.tolist(), strict=True)
    ]
    resized, firsts = np.array(lengths).T
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
    """Copy a small array to a device, without waiting for the device."""
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
