"""The preprocessing of a network: resize, crop and standardization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import ModelError
from featscape.features.zoo.geometry import ResizeAndCrop, make_crop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from numpy.typing import NDArray

_MIN_PX = 8
_SIZE_PX = 224
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
ONE_CHANNEL = "Let a network for one channel take RGB images and select a channel: batch[:, :1]."
_KEYS = ("input_size_px", "resize_px", "mean", "std", "interpolation")


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """The preprocessing of a network; ``str`` returns the description for a model card.

    Attributes
    ----------
    crop : callable
        Resizes and crops: RGB image -> uint8 array of shape (size, size, 3). If `resizing` is not
        None, arrays of shape (h, w, 3) are accepted too.
    geometry : str
        Description of the resize.
    resize_px : int or None
        Length to which `crop` resizes the shorter side; None if the aspect ratio is not kept.
    input_size_px : int
        Side of the cropped square.
    mean, std : tuple of float
        Per channel, for values from 0 to 1.
    """

    crop: Callable[[Any], NDArray[np.uint8]]
    geometry: str
    resize_px: int | None
    input_size_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        size_px = self.input_size_px
        return (
            f"{self.geometry}, {size_px} x {size_px} px cut from the center, mean {self.mean}, "
            f"sd {self.std}"
        )

    @property
    def resizing(self) -> ResizeAndCrop | None:
        """The resize and crop as a `ResizeAndCrop`, which a GPU supports; None for other steps."""
        return self.crop if isinstance(self.crop, ResizeAndCrop) else None

    def visible_shares(self, sizes_px: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the share of each image's area that the network sees.

        Parameters
        ----------
        sizes_px : ndarray of int32, shape (n, 2)
            Width and height of each image.

        Returns
        -------
        ndarray of float64, shape (n,)
            1 if `crop` does not keep the aspect ratio.
        """
        if self.resize_px is None:
            return np.ones(len(sizes_px))
        of_square = (self.input_size_px / self.resize_px) ** 2
        shares: NDArray[np.float64] = of_square * sizes_px.min(axis=1) / sizes_px.max(axis=1)
        return shares

    def standardize(self, batch: torch.Tensor) -> torch.Tensor:
        """Scale values to 0..1, and standardize each channel.

        Parameters
        ----------
        batch : Tensor of uint8, shape (b, 3, h, w)
            Values from 0 to 255.

        Returns
        -------
        Tensor of float32, shape (b, 3, h, w)
        """
        return normalize(batch, self.mean, self.std)


def read_preprocessing(
    given: Any,
    *,
    owner: str,
    input_size_px: int = _SIZE_PX,
    resize: Callable[[int], int] = lambda size_px: size_px * 8 // 7,
) -> Preprocessing:
    """Read the preprocessing that a user specifies; the default values are ImageNet's.

    Parameters
    ----------
    given : mapping
        Some of "input_size_px", "resize_px", "mean", "std", and "interpolation" ("nearest",
        "bilinear", the default, or "bicubic").
    owner : str
        Name of the network, for messages.
    input_size_px : int
        Default for the input size.
    resize : callable
        Input size -> default for the length of the resized shorter side.

    Raises
    ------
    ModelError
        If `given` is not a mapping, has unknown keys, or a value is out of range.
    """
    from torchvision import transforms

    _check_keys(given, owner=owner)
    size_px = given.get("input_size_px", input_size_px)
    resize_px = given.get("resize_px", resize(size_px) if isinstance(size_px, int) else 0)
    mean, std = given.get("mean", _MEAN), given.get("std", _STD)
    interpolation = given.get("interpolation", "bilinear")
    if not (
        _are_sizes(size_px, resize_px)
        and _are_three_numbers(mean)
        and _are_three_numbers(std)
        and min(std) > 0
        and interpolation in _INTERPOLATIONS
    ):
        hint = f" {ONE_CHANNEL}" if 1 in (_count(mean), _count(std)) else ""
        raise ModelError(
            f"the preprocessing of {owner} must have an input_size_px of {_MIN_PX} or more, "
            "a resize_px of at least input_size_px, a mean and a positive std of three channels, "
            f"and an interpolation of nearest, bilinear or bicubic; got {given!r}. Correct these "
            f"values; keys that are left out have ImageNet's values.{hint}"
        )
    steps = [
        transforms.Resize(resize_px, transforms.InterpolationMode(interpolation)),
        transforms.CenterCrop(size_px),
    ]
    return Preprocessing(
        crop=make_crop(transforms.Compose(steps)),
        geometry=f"shorter side resized to {resize_px} px ({interpolation})",
        resize_px=resize_px,
        input_size_px=size_px,
        mean=tuple(mean),
        std=tuple(std),
    )


def _check_keys(given: Any, *, owner: str) -> None:
    if not isinstance(given, Mapping) or not set(_KEYS) >= given.keys():
        raise ModelError(
            f"the preprocessing of {owner} must be a dict with some of the keys "
            f"{', '.join(_KEYS)}; got {given!r}. Remove other keys and other types."
        )


def _are_sizes(size_px: Any, resize_px: Any) -> bool:
    return (
        isinstance(size_px, int) and isinstance(resize_px, int) and _MIN_PX <= size_px <= resize_px
    )


def _count(values: Any) -> int:
    return len(values) if isinstance(values, (tuple, list)) else 0


def _are_three_numbers(values: Any) -> bool:
    return _count(values) == 3 and all(
        isinstance(value, (int, float)) and np.isfinite(value) for value in values
    )


def normalize(
    batch: torch.Tensor, mean: Sequence[float] | torch.Tensor, std: Sequence[float] | torch.Tensor
) -> torch.Tensor:
    """Scale values from 0..255 to 0..1, and standardize each channel.

    Parameters
    ----------
    batch : Tensor of uint8 or float32, shape (b, 3, h, w)
        A float32 batch is changed in place.
    mean, std : sequence of 3 float, or Tensor of shape (3,)
        Per channel, for values from 0 to 1.

    Returns
    -------
    Tensor of float32, shape (b, 3, h, w)
    """
    import torch

    of_channels = (torch.as_tensor(v, device=batch.device).view(1, 3, 1, 1) for v in (mean, std))
    means, deviations = of_channels
    return batch.float().div_(255).sub_(means).div_(deviations)
